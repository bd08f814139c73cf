"""The keys of the document view.  Their ids are what the settings bind to other keys."""

from __future__ import annotations

from textual.binding import Binding, BindingType


def _key(keys: str, action: str, description: str, id: str) -> Binding:
    return Binding(keys, action, description, show=False, id=f"document.{id}")


DOCUMENT_KEYS: list[BindingType] = [
    _key("up,k", "cursor_up", "Up", "up"),
    _key("down,j", "cursor_down", "Down", "down"),
    _key("left", "cursor_left", "Left", "left"),
    _key("right", "cursor_right", "Right", "right"),
    _key("ctrl+left", "cursor_word_left", "Word left", "word_left"),
    _key("ctrl+right", "cursor_word_right", "Word right", "word_right"),
    _key("home", "cursor_line_start", "Start of line", "line_start"),
    _key("end", "cursor_line_end", "End of line", "line_end"),
    _key("pageup", "cursor_page_up", "Page up", "page_up"),
    _key("pagedown,space", "cursor_page_down", "Page down", "page_down"),
    _key("ctrl+u", "half_page(-1)", "Half a page up", "half_up"),
    _key("ctrl+d", "half_page(1)", "Half a page down", "half_down"),
    _key("g", "turn('first')", "Beginning", "first"),
    _key("G", "turn('last')", "End", "last"),
    _key("shift+up", "cursor_up(True)", "Select up", "select_up"),
    _key("shift+down", "cursor_down(True)", "Select down", "select_down"),
    _key("shift+left", "cursor_left(True)", "Select left", "select_left"),
    _key("shift+right", "cursor_right(True)", "Select right", "select_right"),
    _key("shift+home", "cursor_line_start(True)", "Select to start of line", "select_start"),
    _key("shift+end", "cursor_line_end(True)", "Select to end of line", "select_end"),
    Binding("y", "copy_selection", "Copy", id="document.copy"),
    _key("ctrl+c", "copy", "Copy", "copy_or_quit"),
]
