"""The sparsity over the tokens read: an area chart between 0 and 1."""

from __future__ import annotations

from itertools import pairwise

from textual.content import Content

from ...report.text import count
from ...session.state import ChatState
from .lines import Lines, spread

Curve = tuple[tuple[int, float], ...]

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_FILL = "$primary 65%"
_LABEL = 2  # cells: an end of the scale and a blank


def value_at(curve: Curve, tokens: float) -> float:
    """The value at `tokens`, interpolated linearly between the points of a curve."""
    if tokens <= curve[0][0]:
        return curve[0][1]
    for (x0, y0), (x1, y1) in pairwise(curve):
        if tokens <= x1:
            return y0 + (y1 - y0) * (tokens - x0) / (x1 - x0)
    return curve[-1][1]


def columns(curve: Curve, total: int, width: int, height: int) -> list[int]:
    """The height of each known column in eighths of a cell, at most `height` cells.

    A value of 0 has one eighth, to differ from columns that are not known yet.
    """
    if not curve or total <= 0:
        return []
    read = min(curve[-1][0], total)
    step = total / width
    known = range(min(-(-read * width // total), width))
    levels = (value_at(curve, min((column + 0.5) * step, read)) for column in known)
    return [min(max(round(level * height * 8), 1), height * 8) for level in levels]


class SparsityCurve(Lines):
    """The curve in `height` rows, and its axis."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown: tuple[Curve, int, int] = ((), 0, 2)

    def show(self, state: ChatState, height: int) -> None:
        total = state.document.prompt_tokens if state.document else 0
        if state.progress is not None:
            total = state.progress.tokens_total
        shown = (state.curve, total, height)
        if shown != self._shown:
            self._shown = shown
            self.draw_again()

    def rows(self, width: int) -> list[Content]:
        density, total, height = self._shown
        room = max(width - _LABEL, 1)
        sparsity = tuple((tokens, 1.0 - value) for tokens, value in density)
        levels = columns(sparsity, total, room, height)
        lines = [_line(row, height, levels, room) for row in reversed(range(height))]
        end = Content.styled(f"{count(total)} tokens" if total else "tokens", "$label")
        return [*lines, spread(Content.styled(" " * _LABEL + "0", "$label"), end, width)]


def _line(row: int, height: int, levels: list[int], room: int) -> Content:
    """A row of the curve, counted from below."""
    cells = "".join(_EIGHTHS[min(max(level - 8 * row, 0), 8)] for level in levels)
    scale = "1 " if row == height - 1 else "0 " if row == 0 else "  "
    unread = "▁" * (room - len(levels)) if row == 0 else ""
    return Content.assemble((scale, "$label"), (cells, _FILL), (unread, "$rule"))
