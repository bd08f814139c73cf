"""The quotations of an answer, each with its place in the document, or marked as not found."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from sa_chat.protocol.text import clean
from sa_chat.protocol.values import Citation

from ...report.text import one_line
from ..messages import CitationOpened, CopyRequested

NOT_FOUND = "not found in the document"


def place(citation: Citation, several_files: bool) -> str:
    """The place of a verified quotation: `p. 12`, `book.pdf p. 12` or `app/cli.py:31`."""
    path = one_line(citation.path)
    if citation.page is None:
        return f"{path}:{citation.line}"
    page = f"p. {one_line(citation.page)}"
    return f"{path} {page}" if several_files else page


class CitationLine(Static, can_focus=True):
    """A quotation; Enter or a click opens the document at its place."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "open", "Show in the document", id="citation.open"),
        Binding("y", "copy", "Copy the quotation", id="citation.copy"),
        Binding("down,j", "app.focus_next", "Next quotation", show=False, id="citation.next"),
        Binding("up,k", "app.focus_previous", "Previous", show=False, id="citation.previous"),
    ]

    def __init__(self, number: int, citation: Citation, several_files: bool) -> None:
        self.citation = citation
        if citation.verified:
            mark = (f"✓ {place(citation, several_files)}", "$success")
        else:
            mark = (f"✗ {NOT_FOUND}", "bold $error")
        super().__init__(
            Content.assemble(
                (f"[{number}] ", "$label"), mark, (f"  “{one_line(citation.quote)}”", "$label")
            ),
            classes="citation" if citation.verified else "citation -unverified",
            markup=False,
        )

    def action_open(self) -> None:
        self.post_message(CitationOpened(self.citation))

    def on_click(self) -> None:
        self.action_open()

    def action_copy(self) -> None:
        self.post_message(CopyRequested(clean(self.citation.quote), "The quotation"))


class Citations(Vertical):
    """The numbered quotations of an answer, one on each line."""

    def __init__(self, citations: tuple[Citation, ...], several_files: bool) -> None:
        super().__init__()
        self._citations = citations
        self._several_files = several_files

    def compose(self) -> ComposeResult:
        for number, citation in enumerate(self._citations, start=1):
            yield CitationLine(number, citation, self._several_files)
