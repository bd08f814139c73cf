"""One leaf of the document: read, gone through, selected from, never changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.message import Message
from textual.strip import Strip
from textual.widgets import TextArea

from ...document.text import Leaf
from .document_row import Line, Stretch, line_at, text_of

Location = tuple[int, int]  # row and column
_PART_ABOVE = 3  # what was looked for stands at a third of the height
_GUTTER_MARGIN = 2


def _key(keys: str, action: str, description: str, id: str) -> Binding:
    return Binding(keys, action, description, show=False, id=f"document.{id}")


class Way(Enum):
    """Where to go on from a leaf."""

    NEXT = "next"
    PREVIOUS = "previous"
    FIRST = "first"
    LAST = "last"


class DocumentView(TextArea, inherit_bindings=False):
    """Draws its lines itself: so a line costs no more in a row of a hundred thousand
    characters, and the mark on a passage stays when the cursor moves."""

    DEFAULT_CSS = """
    DocumentView {
        border: none;
        padding: 0 1;
        background: $background;
        color: $foreground;
        scrollbar-size-vertical: 1;
        overflow-y: scroll;  /* a bar that comes and goes would wrap the text twice */
        &:focus { border: none; }
        & .text-area--cursor-line { background: $background; }
        &:focus .text-area--cursor-line { background: $surface; }
        & .text-area--gutter, & .document--marker { color: $faint; }
        & .document--passage { color: $accent; text-style: bold reverse; }
        &:dark.-read-only .text-area--cursor, &:light.-read-only .text-area--cursor {
            color: $background; background: $primary;
        }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"document--marker", "document--passage"}
    BINDINGS: ClassVar[list[BindingType]] = [
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
        _key("g", "leave('first')", "Beginning", "first"),
        _key("G", "leave('last')", "End", "last"),
        _key("shift+up", "cursor_up(True)", "Select up", "select_up"),
        _key("shift+down", "cursor_down(True)", "Select down", "select_down"),
        _key("shift+left", "cursor_left(True)", "Select left", "select_left"),
        _key("shift+right", "cursor_right(True)", "Select right", "select_right"),
        _key("shift+home", "cursor_line_start(True)", "Select to start of line", "select_start"),
        _key("shift+end", "cursor_line_end(True)", "Select to end of line", "select_end"),
        Binding("y", "copy_selection", "Copy", id="document.copy"),
        _key("ctrl+c", "copy", "Copy", "copy_or_quit"),
    ]

    @dataclass
    class Leave(Message):
        """Show another leaf: this one has no more in this direction, or it was asked for."""

        way: Way

    @dataclass
    class CopyAsked(Message):
        """Of what is selected, else of what is marked; `text` may be empty."""

        text: str

    _number_cells = 0  # of the line numbers; 0 where there are none

    def __init__(self, instead: str, *, id: str | None = None) -> None:
        """`instead` is what stands there as long as there is no leaf."""
        super().__init__(id=id, read_only=True, soft_wrap=True)
        self._instead = instead
        self._leaf: Leaf | None = None
        self._beside: frozenset[Way] = frozenset()
        self._mark: Stretch | None = None
        self._aim: tuple[Location, bool] | None = None  # to scroll there once it is laid out
        self.cursor_blink = False

    @property
    def leaf(self) -> Leaf | None:
        return self._leaf

    def show_leaf(self, leaf: Leaf | None, beside: frozenset[Way]) -> None:
        """From its first row on, without a mark.  `beside`: where there are more leaves."""
        self._leaf, self._beside, self._mark = leaf, beside, None
        self._number_cells = 0
        if leaf is not None and leaf.numbered:
            self._number_cells = len(str(leaf.place(leaf.rows - 1).line))
        self.load_text(leaf.text if leaf is not None else "")
        self.go_to((0, 0))

    @property
    def marked(self) -> Stretch | None:
        return self._mark

    def mark(self, stretch: Stretch | None) -> None:
        self._mark = stretch
        self.refresh()

    def go_to(self, location: Location, *, top: bool = False) -> None:
        """The cursor there; the row at a third of the height, or at the top."""
        self.move_cursor(location)
        self._scroll(location, top)

    def _scroll(self, location: Location, top: bool) -> None:
        self._aim = location, top
        self.call_after_refresh(self._settle)

    def _settle(self) -> None:
        if self._aim is None or not self.size.height:
            return
        location, top = self._aim
        self._aim = None
        above = 0 if top else self.size.height // _PART_ABOVE
        y = self.wrapped_document.location_to_offset(self.clamp_visitable(location)).y - above
        self.scroll_to(y=max(y, 0), animate=False, immediate=True)

    def on_resize(self, event: Resize) -> None:
        """Comes before the text is wrapped anew: what stands at the top stays there."""
        if self.wrap_width == self.wrapped_document._width:
            event.prevent_default()  # only the height is another
        elif self._aim is None:
            line = line_at(self.wrapped_document, self.scroll_offset.y)
            self._aim = ((line.row, line.begin) if line else (0, 0)), True
        self.call_after_refresh(self._settle)

    @property
    def reading_row(self) -> int:
        """That of the cursor while it is in sight, else the topmost."""
        top = self.scroll_offset.y
        row, _ = self.cursor_location
        if top <= self.wrapped_document.location_to_offset((row, 0)).y < top + self.size.height:
            return row
        line = line_at(self.wrapped_document, top)
        return line.row if line else row

    @property
    def gutter_width(self) -> int:
        """Room for the numbers of the file's own lines; `TextArea` would count its rows."""
        return self._number_cells + _GUTTER_MARGIN if self._number_cells else 0

    def find_matching_bracket(self, bracket: str, search_from: Location) -> Location | None:
        """None: it would go through all of the leaf, and prose has no matching brackets."""
        return None

    def render_line(self, y: int) -> Strip:
        line = line_at(self.wrapped_document, self.scroll_offset.y + y)
        base = self.rich_style
        if line is None or self._leaf is None:
            return self._without_text(y).apply_style(base)
        text = text_of(self.wrapped_document, line, self._layers(line))
        under = self._style("text-area--cursor-line") if line.holds(self.cursor_location) else None
        strip = Strip(text.render(self.app.console), text.cell_len)
        width = self.scrollable_content_region.width - self.gutter_width
        strip = strip.extend_cell_length(width, under).apply_style(base)
        if not self._number_cells:
            return strip
        return Strip.join([self._number(line).apply_style(base), strip])

    def _without_text(self, y: int) -> Strip:
        words = self._instead if self._leaf is None and y == 1 else ""
        strip = Strip([Segment(words, self._style("document--marker"))])
        return strip.adjust_cell_length(self.scrollable_content_region.width, self.rich_style)

    def _layers(self, line: Line) -> Iterator[tuple[Stretch, Style]]:
        whole = (line.row, line.begin), (line.row, line.end + 1)
        if line.holds(self.cursor_location):
            yield whole, self._style("text-area--cursor-line")
        if self._leaf is not None and self._leaf.is_marker(line.row):
            yield whole, self._style("document--marker")
        elif self._mark is not None:
            yield self._mark, self._style("document--passage")
        begin, end = sorted(self.selection)
        if begin != end:
            # Over a mark that is reversed it would be, too.
            style = self._style("text-area--selection", partial=False) + Style(reverse=False)
            yield (begin, end), style
            if line.last and begin[0] <= line.row < end[0]:  # the line end is selected, too
                yield ((line.row, line.end), (line.row, line.end + 1)), style
        if self.has_focus:
            row, column = self.cursor_location
            yield ((row, column), (row, column + 1)), self._cursor_style()

    def _cursor_style(self) -> Style:
        style = self._style("text-area--cursor")
        return style if style.reverse else style + Style(reverse=False)

    def _style(self, name: str, *, partial: bool = True) -> Style:
        return self.get_component_rich_style(name, partial=partial)

    def _number(self, line: Line) -> Strip:
        """The file's line number before the first line of a row."""
        number = ""
        if self._leaf is not None and not line.begin and not self._leaf.is_marker(line.row):
            number = str(self._leaf.place(line.row).line)
        text = f"{number:>{self._number_cells}}" + " " * _GUTTER_MARGIN
        return Strip([Segment(text, self._style("text-area--gutter"))])

    def _leave(self, way: Way) -> bool:
        """Go on to the leaf beside this one, if there is one."""
        if way in self._beside:
            self.post_message(self.Leave(way))
        return way in self._beside

    def action_cursor_up(self, select: bool = False) -> None:
        first = self.navigator.is_first_wrapped_line(self.cursor_location)
        if select or not first or not self._leave(Way.PREVIOUS):
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        last = self.navigator.is_last_wrapped_line(self.cursor_location)
        if select or not last or not self._leave(Way.NEXT):
            super().action_cursor_down(select)

    def action_cursor_page_up(self) -> None:
        self._turn(-self.size.height)

    def action_cursor_page_down(self) -> None:
        self._turn(self.size.height)

    def action_half_page(self, direction: int) -> None:
        self._turn(direction * max(self.size.height // 2, 1))

    def _turn(self, lines: int) -> None:
        """Go so many lines on with cursor and text; from the last that are there, to the leaf
        beside."""
        way = Way.NEXT if lines > 0 else Way.PREVIOUS
        top = self.scroll_offset.y
        if top == (self.max_scroll_y if lines > 0 else 0) and self._leave(way):
            return
        self.move_cursor(self.navigator.get_location_at_y_offset(self.cursor_location, lines))
        self.scroll_to(y=top + lines, animate=False)

    def action_leave(self, way: str) -> None:
        self.post_message(self.Leave(Way(way)))

    def action_copy_selection(self) -> None:
        self.post_message(self.CopyAsked(self.selected_text or self._marked_text()))

    def _marked_text(self) -> str:
        """Without the markers in it."""
        if self._mark is None or self._leaf is None:
            return ""
        (first, begin), (last, end) = self._mark
        rows = self.document.lines[first : last + 1]
        if last - first < len(rows):
            rows[-1] = rows[-1][:end]
        rows[0] = rows[0][begin:]
        kept = (text for row, text in enumerate(rows, first) if not self._leaf.is_marker(row))
        return "\n".join(kept)

    def action_copy(self) -> None:
        """Ctrl+C copies what is selected; with nothing selected it is about quitting."""
        if self.selected_text:
            self.post_message(self.CopyAsked(self.selected_text))
        else:
            self.app.action_help_quit()
