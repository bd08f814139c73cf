"""The line below the text: which place is read, or a word about what was asked for."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from ...document.text import Leaf
from ...report.text import count, one_line


class DocumentStatus(Static):
    """File, page, line, and the leaf of a file that has several."""

    DEFAULT_CSS = """
    DocumentStatus {
        height: 1;
        padding: 0 1;
        background: $surface;
        color: $label;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self._shown = ""

    def show(self, leaf: Leaf | None, row: int) -> None:
        self.say(_place(leaf, row) if leaf is not None else "")

    def say(self, words: str) -> None:
        if words != self._shown:
            self._shown = words
            self.update(Content(words))


def _place(leaf: Leaf, row: int) -> str:
    place = leaf.place(min(row, leaf.rows - 1))
    parts = [one_line(place.path)] if place.path else []
    if place.page is not None:
        parts.append(f"page {one_line(place.page)}")
    parts.append(f"line {count(place.line)}")
    if leaf.of > 1:
        parts.append(f"leaf {leaf.number} of {leaf.of}")
    return " · ".join(parts)
