"""Lines of the screen: pieces of a wrapped row of text, with styles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.style import Style
from rich.text import Text
from textual.document._document import Location
from textual.document._wrapped_document import WrappedDocument
from textual.expand_tabs import expand_text_tabs_from_widths

TextRange = tuple[Location, Location]  # from a location up to another


@dataclass(frozen=True)
class Line:
    """A line of the screen: columns `begin` up to `end` of a row."""

    row: int
    begin: int
    end: int
    last: bool  # of its row

    def holds(self, location: Location) -> bool:
        row, column = location
        return row == self.row and self.begin <= column < self.end + self.last


def line_at(document: WrappedDocument, y: int) -> Line | None:
    """The line `y` lines from the top; None below the text."""
    lines = document._offset_to_line_info
    if not 0 <= y < len(lines):
        return None
    row, section = lines[y]
    breaks = [0, *document.get_offsets(row), len(document.document.get_line(row))]
    return Line(row, breaks[section], breaks[section + 1], section == len(breaks) - 2)


def text_of(
    document: WrappedDocument, line: Line, layers: Iterable[tuple[TextRange, Style]]
) -> Text:
    """The text of a line, with a blank for the cursor at the end of a row.

    Each layer of styles covers the layers before it.
    """
    whole = document.document.get_line(line.row)
    text = Text(whole[line.begin : line.end] + " " * line.last, end="", no_wrap=True)
    for ((first_row, first), (last_row, last)), style in layers:
        if first_row <= line.row <= last_row:
            begin = first if first_row == line.row else 0
            end = last if last_row == line.row else len(whole)
            text.stylize(style, max(begin - line.begin, 0), max(end - line.begin, 0))
    tabs = whole.count("\t", 0, line.begin)
    widths = document.get_tab_widths(line.row)[tabs:]
    return expand_text_tabs_from_widths(text, widths)
