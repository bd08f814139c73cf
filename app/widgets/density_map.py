"""Density by layer and head: a heat map in block cells, with its legend."""

from __future__ import annotations

import math
from itertools import pairwise

from textual.color import Color, Gradient
from textual.content import Content
from textual.style import Style
from textual.widget import Widget

Matrix = tuple[tuple[float, ...], ...]  # [layers][heads]

_LABEL = 4  # cells: right-aligned layer number and a blank
_MEAN = 6  # cells: a blank and `87.4%` of the layer
_LEGEND_CELLS = 12
_STOPS = 5


def pool(values: tuple[float, ...], size: int) -> tuple[float, ...]:
    """Means of `size` runs of neighbours, as even as can be; `values` itself if it is no longer."""
    if len(values) <= size:
        return values
    edges = [round(i * len(values) / size) for i in range(size + 1)]
    return tuple(sum(values[a:b]) / (b - a) for a, b in pairwise(edges))


def pool_rows(matrix: Matrix, size: int) -> Matrix:
    """Means of `size` runs of neighbouring layers."""
    columns = [pool(column, size) for column in zip(*matrix, strict=True)]
    return tuple(zip(*columns, strict=True))


class DensityMap(Widget):
    """One row a layer where there is room, two layers a row (half blocks) where there is less.

    Heads that do not fit side by side are averaged with their neighbours.
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._matrix: Matrix = ()

    def show(self, matrix: Matrix) -> None:
        if matrix != self._matrix:
            self._matrix = matrix
            self.refresh()

    def render(self) -> Content:
        if not self._matrix:
            return Content.styled("Measured while the document is read.", "$faint")
        gradient = self._gradient()
        rows = max(self.size.height - 1, 1)
        cells = max(self.size.width - _LABEL - _MEAN, 1)
        lines = (
            _full_rows(self._matrix, cells, gradient)
            if len(self._matrix) <= rows
            else _half_rows(pool_rows(self._matrix, 2 * rows), len(self._matrix), cells, gradient)
        )
        return Content("\n").join([*lines, self._legend(gradient)])

    def _gradient(self) -> Gradient:
        variables = self.app.theme_variables
        colors = [Color.parse(variables[f"heat-{i}"]) for i in range(_STOPS)]
        return Gradient.from_colors(*colors)

    def _legend(self, gradient: Gradient) -> Content:
        scale = [
            ("█", Style(foreground=_color(gradient, i / (_LEGEND_CELLS - 1))))
            for i in range(_LEGEND_CELLS)
        ]
        gap = " " * max(self.size.width - _LABEL - _LEGEND_CELLS - 8, 1)
        return Content.assemble((" " * _LABEL + "0 ", "$label"), *scale, (f" 1{gap}mean", "$label"))


def _color(gradient: Gradient, density: float) -> Color:
    """Square root, so that the low densities where most heads lie can be told apart."""
    return gradient.get_color(math.sqrt(density))


def _widths(heads: int, cells: int) -> list[int]:
    """Cells of each column of heads, so that together they fill the row."""
    columns = min(heads, cells)
    edges = [round(i * cells / columns) for i in range(columns + 1)]
    return [b - a for a, b in pairwise(edges)]


def _full_rows(matrix: Matrix, cells: int, gradient: Gradient) -> list[Content]:
    widths = _widths(len(matrix[0]), cells)
    lines = []
    for layer, row in enumerate(matrix, start=1):
        blocks = [
            ("█" * width, Style(foreground=_color(gradient, value)))
            for value, width in zip(pool(row, len(widths)), widths, strict=True)
        ]
        mean = f" {sum(row) / len(row):5.0%}"
        lines.append(Content.assemble((f"{layer:>3} ", "$label"), *blocks, (mean, "$label")))
    return lines


def _half_rows(matrix: Matrix, layers: int, cells: int, gradient: Gradient) -> list[Content]:
    widths = _widths(len(matrix[0]), cells)
    lines = []
    for top in range(0, len(matrix), 2):
        pair = matrix[top : top + 2]
        upper = pool(pair[0], len(widths))
        lower = pool(pair[1], len(widths)) if len(pair) == 2 else None
        blocks = []
        for column, width in enumerate(widths):
            style = Style(
                foreground=_color(gradient, upper[column]),
                background=_color(gradient, lower[column]) if lower else None,
            )
            blocks.append(("▀" * width, style))
        values = [value for row in pair for value in row]
        layer = round(top * layers / len(matrix)) + 1
        mean = f" {sum(values) / len(values):5.0%}"
        lines.append(Content.assemble((f"{layer:>3} ", "$label"), *blocks, (mean, "$label")))
    return lines
