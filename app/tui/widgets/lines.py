"""Rows of text that depend on the width, drawn again only when they have changed."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

_GAP = 2  # cells between the columns of a grid


class Lines(Widget):
    """A widget whose height follows from its width.  Subclasses implement `rows`."""

    DEFAULT_CSS = """
    Lines {
        height: auto;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    """

    def rows(self, width: int) -> list[Content]:
        """The rows for a width in cells."""
        raise NotImplementedError

    def draw_again(self) -> None:
        """Refresh; lay out the screen only if the number of rows has changed."""
        self.refresh(layout=len(self.rows(self.size.width)) != self.size.height)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self.rows(width))

    def render(self) -> Content:
        return Content("\n").join(self.rows(self.size.width))


def spread(left: Content, right: Content, width: int) -> Content:
    """One text at each edge; if both do not fit, the left one is truncated."""
    room = max(width - right.cell_length - 1, 0)
    if left.cell_length > room:
        left = left.truncate(room, ellipsis=True)
    return Content.assemble(left, " " * (width - left.cell_length - right.cell_length), right)


def grid(cells: Sequence[Content], width: int) -> list[Content]:
    """Rows of as many columns as fit, all as wide as the widest cell."""
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
    """The first alternative that fits, so that no text is cut; "" if none does."""
    return next((text for text in alternatives if len(text) <= width), "")
