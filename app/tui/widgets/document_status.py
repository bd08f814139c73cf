"""The status line of the document pane: the current place, or a short notice."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from ...document.text import Leaf
from ...report.text import count, one_line


class DocumentStatus(Static):
    """Shows file, page, line, and the leaf of a file that has several."""

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

    def show_place(self, leaf: Leaf | None, row: int) -> None:
        self.show_text(_place(leaf, row) if leaf is not None else "")

    def show_text(self, text: str) -> None:
        if text != self._shown:
            self._shown = text
            self.update(Content(text))


def _place(leaf: Leaf, row: int) -> str:
    place = leaf.place(min(row, leaf.rows - 1))
    parts = [one_line(place.path)] if place.path else []
    if place.page is not None:
        parts.append(f"page {one_line(place.page)}")
    parts.append(f"line {count(place.line)}")
    if leaf.total > 1:
        parts.append(f"leaf {leaf.number} of {leaf.total}")
    return " · ".join(parts)
