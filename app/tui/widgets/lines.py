"""Rows of text that fit their width, and are drawn again only when they have changed."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

_GAP = 2  # cells between the columns of a grid


class Lines(Widget):
    """A widget whose height follows from its width.  Subclasses say its `rows`."""

    DEFAULT_CSS = """
    Lines {
        height: auto;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    """

    def rows(self, width: int) -> list[Content]:
        """What stands there at a width of so many cells."""
        raise NotImplementedError

    def draw_again(self) -> None:
        """Everything else on the screen moves only if there are more rows now, or fewer."""
        self.refresh(layout=len(self.rows(self.size.width)) != self.size.height)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self.rows(width))

    def render(self) -> Content:
        return Content("\n").join(self.rows(self.size.width))


def spread(left: Content, right: Content, width: int) -> Content:
    """One at each edge; where both do not fit, the left one gives way."""
    room = max(width - right.cell_length - 1, 0)
    if left.cell_length > room:
        left = left.truncate(room, ellipsis=True)
    return Content.assemble(left, " " * (width - left.cell_length - right.cell_length), right)


def grid(cells: Sequence[Content], width: int) -> list[Content]:
    """In as many columns as fit, all as wide as the widest cell, row by row."""
    if not cells:
        return []
    widest = max(cell.cell_length for cell in cells)
    columns = max((width + _GAP) // (widest + _GAP), 1)
    columns = -(-len(cells) // -(-len(cells) // columns))  # no more than the rows need
    step = (width + _GAP) // columns
    return [
        Content("")
        .join(cell.pad_right(max(step - cell.cell_length, 0)) for cell in cells[at : at + columns])
        .rstrip()
        for at in range(0, len(cells), columns)
    ]


def fitting(alternatives: Sequence[str], width: int) -> str:
    """The first that fits, so that nothing is cut in its middle; "" if none does."""
    return next((text for text in alternatives if len(text) <= width), "")
