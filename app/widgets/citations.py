"""The quotations of an answer, each with its place in the document or marked as not found."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from sa_chat.engine.events import Citation

from ..text import one_line

NOT_FOUND = "not found in the document"


def place(citation: Citation, several_files: bool) -> str:
    """Where a verified quotation stands: `p. 12`, `book.pdf p. 12` or `app/cli.py:31`."""
    path = one_line(citation.path)
    if citation.page is None:
        return f"{path}:{citation.line}"
    page = f"p. {one_line(citation.page)}"
    return f"{path} {page}" if several_files else page


class Citations(Vertical):
    """One line for each quotation."""

    def __init__(self, citations: tuple[Citation, ...], several_files: bool) -> None:
        super().__init__()
        self._citations = citations
        self._several_files = several_files

    def compose(self) -> ComposeResult:
        for citation in self._citations:
            if citation.verified:
                mark = (f"✓ {place(citation, self._several_files)}", "$success")
            else:
                mark = (f"✗ {NOT_FOUND}", "bold $error")
            yield Static(
                Content.assemble(mark, (f"  “{one_line(citation.quote)}”", "$label")),
                classes="citation" if citation.verified else "citation -unverified",
                markup=False,
            )
