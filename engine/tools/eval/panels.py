"""Panels side by side in one figure: the style shared by all pictures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#222222"
GREY = "#8a8a8a"

_EDGE = 0.1  # inches left of a figure's title, and right of it at least


def panels(
    count: int, *, most: int, size: tuple[float, float], title: str
) -> tuple[Figure, list[Axes]]:
    """A figure with `count` panels, at most `most` in a row, each of `size` inches.

    The figure is independent of windows and global state.  Space on the right is left for a legend.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    rows = math.ceil(count / most)
    columns = math.ceil(count / rows)
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    figure = Figure(layout=layout)
    heading = figure.suptitle(title, ha="left", fontsize=12, fontweight="bold", color=INK)
    heading.set_parse_math(False)  # a model's name may contain a "$"
    needed = heading.get_window_extent().width / figure.dpi + 2 * _EDGE
    width = max(columns * size[0] + 1.4, needed)
    figure.set_size_inches(width, rows * size[1] + 0.5)
    heading.set_x(_EDGE / width)
    grid = list(figure.subplots(rows, columns, squeeze=False).flat)
    for empty in grid[count:]:
        empty.remove()
    return figure, grid[:count]


def label(axis: Axes, title: str, x: str, y: str) -> None:
    """Set the titles of a panel and its two axes, units included."""
    axis.set_title(title, fontsize=10, color=INK)
    axis.set_xlabel(x, fontsize=9, color=INK)
    axis.set_ylabel(y, fontsize=9, color=INK)
    axis.tick_params(labelsize=8, color=GREY, labelcolor=INK)
    axis.spines[:].set_visible(False)
