"""The search field of the document pane, with the number of matches."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static

from ...report.text import count


class SearchLine(Horizontal):
    """A search field that is hidden until it is opened."""

    DEFAULT_CSS = """
    SearchLine {
        display: none;
        height: 1;
        padding: 0 1;
        background: $surface;
        &.-open { display: block; }
        & > Static { width: auto; }
        & > .search-sign { color: $primary; padding: 0 1 0 0; }
        & > .search-count { color: $label; padding: 0 0 0 2; }
        & > Input, & > Input:focus {
            width: 1fr; height: 1; border: none; padding: 0; background: $surface;
            background-tint: transparent;
        }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._field = Input(placeholder="Words of the document", compact=True)

    def compose(self) -> ComposeResult:
        yield Static("/", classes="search-sign", markup=False)
        yield self._field
        yield Static(classes="search-count", markup=False)

    @property
    def words(self) -> str:
        return self._field.value

    @property
    def is_open(self) -> bool:
        return self.has_class("-open")

    def open(self) -> None:
        """Show the field with the last words selected, so that typing replaces them."""
        self.add_class("-open")
        self._field.focus()
        self._field.action_select_all()

    def close(self) -> None:
        self.remove_class("-open")

    def clear(self) -> None:
        self._field.value = ""

    def show_count(self, total: int, number: int | None = None) -> None:
        """Show how many matches there are, and the number of the current one, from 1."""
        text = ""
        if self.words.strip():
            text = "not found" if not total else f"{count(total)} found"
        if number is not None:
            text = f"{count(number)} of {count(total)}"
        self.query_one(".search-count", Static).update(Content(text))
