"""The document that is open, at the top of the conversation."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from sa_chat.protocol.events import DocumentReady

from ...report.text import count, one_line, plural

_LEFT_OUT_SHOWN = 5
_TOP_LEVELS = 2


class DocumentCard(Static):
    """Shows title, tokens, the reserve for answers, and what was left out and why."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self.display = False

    def show(self, document: DocumentReady | None) -> None:
        self.display = document is not None
        if document is not None:
            self.update(_card(document))


def _card(document: DocumentReady) -> Content:
    parts = [
        plural(sum(s.level < _TOP_LEVELS for s in document.sections), "section"),
        f"{count(document.prompt_tokens)} of {count(document.context_tokens)} tokens",
        f"{count(document.reserve_tokens)} kept free for answers",
    ]
    content = Content.assemble(
        (one_line(document.title), "bold"), "\n", (" · ".join(parts), "$label")
    )
    for left_out in document.left_out[:_LEFT_OUT_SHOWN]:
        content = Content.assemble(
            content,
            ("\nleft out  ", "$warning"),
            f"{one_line(left_out.path)}: {one_line(left_out.reason)}",
        )
    more = len(document.left_out) - _LEFT_OUT_SHOWN
    if more > 0:
        content = Content.assemble(
            content, (f"\nand {plural(more, 'other')} left out: F4 lists all", "$warning")
        )
    return content
