"""A read-only view of one leaf of the document, with a cursor, a selection and a mark."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.events import Resize
from textual.message import Message
from textual.strip import Strip
from textual.widgets import TextArea

from ...document.text import Leaf
from ..messages import CopyRequested
from .document_keys import DOCUMENT_KEYS
from .document_row import Line, TextRange, line_at, text_of

Location = tuple[int, int]  # row and column
_PART_ABOVE = 3  # a row that is gone to stands at a third of the height
_GUTTER_MARGIN = 2


class Direction(Enum):
    """Which leaf to show next."""

    NEXT = "next"
    PREVIOUS = "previous"
    FIRST = "first"
    LAST = "last"


class DocumentView(TextArea, inherit_bindings=False):
    """Renders its own lines.

    Drawing a line therefore costs no more in a row of a hundred thousand characters, and the mark
    on a passage stays when the cursor moves.
    """

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
    BINDINGS: ClassVar[list[BindingType]] = DOCUMENT_KEYS

    @dataclass
    class TurnRequested(Message):
        """Show another leaf: the cursor passed an end of this one, or the user asked for it."""

        direction: Direction

    class NothingSelected(Message):
        """The user wants to copy, but nothing is selected or marked."""

    _number_cells = 0  # width of the line numbers; 0 where there are none

    def __init__(self, placeholder: str, *, id: str | None = None) -> None:
        """`placeholder` is shown while there is no leaf."""
        super().__init__(id=id, read_only=True, soft_wrap=True)
        self._no_leaf = placeholder
        self._leaf: Leaf | None = None
        self._neighbours: frozenset[Direction] = frozenset()
        self._mark: TextRange | None = None
        self._target: tuple[Location, bool] | None = None  # scrolled to once it is laid out
        self.cursor_blink = False

    @property
    def leaf(self) -> Leaf | None:
        return self._leaf

    def show_leaf(self, leaf: Leaf | None, neighbours: frozenset[Direction]) -> None:
        """Show a leaf from its first row on, without a mark.

        `neighbours` are the directions in which there are more leaves.
        """
        self._leaf, self._neighbours, self._mark = leaf, neighbours, None
        self._number_cells = 0
        if leaf is not None and leaf.numbered:
            self._number_cells = len(str(leaf.place(leaf.rows - 1).line))
        self.load_text(leaf.text if leaf is not None else "")
        self.go_to((0, 0))

    @property
    def marked(self) -> TextRange | None:
        return self._mark

    def mark(self, text_range: TextRange | None) -> None:
        """Highlight a range of text, or with None remove the highlight."""
        self._mark = text_range
        self.refresh()

    def go_to(self, location: Location, *, top: bool = False) -> None:
        """Move the cursor, and scroll its row to a third of the height, or to the top."""
        self.move_cursor(location)
        self._scroll(location, top)

    def _scroll(self, location: Location, top: bool) -> None:
        self._target = location, top
        self.call_after_refresh(self._settle)

    def _settle(self) -> None:
        if self._target is None or not self.size.height:
            return
        location, top = self._target
        self._target = None
        above = 0 if top else self.size.height // _PART_ABOVE
        y = self.wrapped_document.location_to_offset(self.clamp_visitable(location)).y - above
        self.scroll_to(y=max(y, 0), animate=False, immediate=True)

    def on_resize(self, event: Resize) -> None:
        """Keep the first visible line at the top; runs before the text is wrapped anew."""
        if self.wrap_width == self.wrapped_document._width:
            event.prevent_default()  # only the height has changed
        elif self._target is None:
            line = line_at(self.wrapped_document, self.scroll_offset.y)
            self._target = ((line.row, line.begin) if line else (0, 0)), True
        self.call_after_refresh(self._settle)

    @property
    def reading_row(self) -> int:
        """The row of the cursor while that is visible, else the first visible row."""
        top = self.scroll_offset.y
        row, _ = self.cursor_location
        if top <= self.wrapped_document.location_to_offset((row, 0)).y < top + self.size.height:
            return row
        line = line_at(self.wrapped_document, top)
        return line.row if line else row

    @property
    def gutter_width(self) -> int:
        """Width of the line numbers; these are the file's own, where `TextArea` counts rows."""
        return self._number_cells + _GUTTER_MARGIN if self._number_cells else 0

    def find_matching_bracket(self, bracket: str, search_from: Location) -> Location | None:
        """Always None: the search would scan the whole leaf, and prose has no matching brackets."""
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
        words = self._no_leaf if self._leaf is None and y == 1 else ""
        strip = Strip([Segment(words, self._style("document--marker"))])
        return strip.adjust_cell_length(self.scrollable_content_region.width, self.rich_style)

    def _layers(self, line: Line) -> Iterator[tuple[TextRange, Style]]:
        whole = (line.row, line.begin), (line.row, line.end + 1)
        if line.holds(self.cursor_location):
            yield whole, self._style("text-area--cursor-line")
        if self._leaf is not None and self._leaf.is_marker(line.row):
            yield whole, self._style("document--marker")
        elif self._mark is not None:
            yield self._mark, self._style("document--passage")
        begin, end = sorted(self.selection)
        if begin != end:
            # Without this a selection over a reversed mark would be reversed, too.
            style = self._style("text-area--selection", partial=False) + Style(reverse=False)
            yield (begin, end), style
            if line.last and begin[0] <= line.row < end[0]:  # the line end is selected as well
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
        """The line number of the file, shown on the first line of a row."""
        number = ""
        if self._leaf is not None and not line.begin and not self._leaf.is_marker(line.row):
            number = str(self._leaf.place(line.row).line)
        text = f"{number:>{self._number_cells}}" + " " * _GUTTER_MARGIN
        return Strip([Segment(text, self._style("text-area--gutter"))])

    def _turn(self, direction: Direction) -> bool:
        """Request the neighbouring leaf; False if there is none."""
        if direction in self._neighbours:
            self.post_message(self.TurnRequested(direction))
        return direction in self._neighbours

    def action_cursor_up(self, select: bool = False) -> None:
        first = self.navigator.is_first_wrapped_line(self.cursor_location)
        if select or not first or not self._turn(Direction.PREVIOUS):
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        last = self.navigator.is_last_wrapped_line(self.cursor_location)
        if select or not last or not self._turn(Direction.NEXT):
            super().action_cursor_down(select)

    def action_cursor_page_up(self) -> None:
        self._move_lines(-self.size.height)

    def action_cursor_page_down(self) -> None:
        self._move_lines(self.size.height)

    def action_half_page(self, direction: int) -> None:
        self._move_lines(direction * max(self.size.height // 2, 1))

    def _move_lines(self, lines: int) -> None:
        """Move the cursor and the text by so many lines; at an end, turn to the next leaf."""
        direction = Direction.NEXT if lines > 0 else Direction.PREVIOUS
        top = self.scroll_offset.y
        if top == (self.max_scroll_y if lines > 0 else 0) and self._turn(direction):
            return
        self.move_cursor(self.navigator.get_location_at_y_offset(self.cursor_location, lines))
        self.scroll_to(y=top + lines, animate=False)

    def action_turn(self, direction: str) -> None:
        self.post_message(self.TurnRequested(Direction(direction)))

    def action_copy_selection(self) -> None:
        """Copy what is selected, else what is marked."""
        text = self.selected_text or self._marked_text()
        if text:
            self._request_copy(text)
        else:
            self.post_message(self.NothingSelected())

    def _request_copy(self, text: str) -> None:
        self.post_message(CopyRequested(text, "The passage"))

    def _marked_text(self) -> str:
        """The marked passage, without the markers between pages."""
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
        """Copy what is selected; with no selection Ctrl+C is the key to quit."""
        if self.selected_text:
            self._request_copy(self.selected_text)
        else:
            self.app.action_help_quit()
