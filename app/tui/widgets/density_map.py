"""A heat map of the density by layer and head, with its legend."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise

from rich.segment import Segment
from rich.style import Style
from textual.color import Color, Gradient
from textual.strip import Strip
from textual.widget import Widget

Matrix = tuple[tuple[float, ...], ...]  # [layers][heads]

_LABEL = 4  # cells: right-aligned layer number and a blank
_MEAN = 6  # cells: a blank and the mean of the layer, `87.4%`
_LEGEND_CELLS = 12
_STOPS = 5
_SHADES = 96
_WAITING = "Measured while the document is read."


def pool(values: tuple[float, ...], size: int) -> tuple[float, ...]:
    """Means of `size` nearly equal runs of neighbours; `values` itself if it is not longer."""
    if len(values) <= size:
        return values
    edges = [round(i * len(values) / size) for i in range(size + 1)]
    return tuple(sum(values[a:b]) / (b - a) for a, b in pairwise(edges))


def pool_rows(matrix: Matrix, size: int) -> Matrix:
    """Means of `size` runs of neighbouring layers."""
    columns = [pool(column, size) for column in zip(*matrix, strict=True)]
    return tuple(zip(*columns, strict=True))


def rows_per_layer(layers: int, cells_a_head: int, rows: int) -> int:
    """Rows of each layer, out of `rows`; 0 if two layers have to share a row.

    A cell is about twice as high as wide; no head is drawn higher than wide.
    """
    return min(rows // layers, max(cells_a_head // 2, 1))


class DensityMap(Widget):
    """Draws one or more rows per layer, or two layers per row (in half blocks) if space is short.

    Heads that do not fit side by side are averaged with their neighbours, and so are layers.
    """

    DEFAULT_CSS = """
    DensityMap {
        height: 1fr;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._matrix: Matrix = ()
        self._drawn: tuple[object, list[Strip]] = (None, [])

    def show(self, matrix: Matrix) -> None:
        if matrix != self._matrix:
            self._matrix = matrix
            self.refresh()

    def render_line(self, y: int) -> Strip:
        key = (self._matrix, self.size, self.app.theme)
        if self._drawn[0] != key:
            width, height = self.size
            behind = self.rich_style
            strips = [
                strip.adjust_cell_length(width).apply_style(behind)
                for strip in self._strips(width, max(height - 1, 1))
            ]
            strips += [Strip.blank(width, behind)] * (height - len(strips))
            self._drawn = (key, strips)
        strips = self._drawn[1]
        return strips[y] if y < len(strips) else Strip.blank(self.size.width)

    def _strips(self, width: int, rows: int) -> list[Strip]:
        variables = self.app.theme_variables
        heat = _heat(tuple(variables[f"heat-{stop}"] for stop in range(_STOPS)))
        label = Style(color=Color.parse(variables["label"]).rich_color)
        if not self._matrix:
            return [Strip([Segment(_WAITING[:width], label)])]
        cells = max(width - _LABEL - _MEAN, 1)
        widths = _widths(len(self._matrix[0]), cells)
        rows_each = rows_per_layer(len(self._matrix), cells // len(widths), rows)
        drawn = (
            _full_rows(self._matrix, widths, rows_each, heat, label)
            if rows_each
            else _half_rows(self._matrix, widths, rows, heat, label)
        )
        return [*drawn, _legend(width, heat, label)]


@lru_cache(8)
def _heat(stops: tuple[str, ...]) -> tuple[Color, ...]:
    """Colours of the densities 0 to 1 in even steps.

    The scale is a square root, which separates the low densities that most heads have.
    """
    gradient = Gradient.from_colors(*(Color.parse(stop) for stop in stops))
    return tuple(gradient.get_color(math.sqrt(i / _SHADES)) for i in range(_SHADES + 1))


@lru_cache(4 * _SHADES**2)
def _style(upper: Color, lower: Color | None = None) -> Style:
    return Style(color=upper.rich_color, bgcolor=lower.rich_color if lower is not None else None)


def _color(heat: tuple[Color, ...], density: float) -> Color:
    return heat[round(min(max(density, 0.0), 1.0) * _SHADES)]


def _widths(heads: int, cells: int) -> list[int]:
    """Widths in cells of the columns of heads; together they fill the row."""
    columns = min(heads, cells)
    edges = [round(i * cells / columns) for i in range(columns + 1)]
    return [b - a for a, b in pairwise(edges)]


def _full_rows(
    matrix: Matrix, widths: list[int], rows_each: int, heat: tuple[Color, ...], label: Style
) -> list[Strip]:
    """One or more rows per layer; label and mean stand in the middle one."""
    strips = []
    for layer, row in enumerate(matrix, start=1):
        blocks = [
            Segment("█" * width, _style(_color(heat, value)))
            for value, width in zip(pool(row, len(widths)), widths, strict=True)
        ]
        labelled = _labelled(layer, blocks, sum(row) / len(row), label)
        bare = Strip([Segment(" " * _LABEL), *blocks])
        middle = (rows_each - 1) // 2
        strips += [labelled if at == middle else bare for at in range(rows_each)]
    return strips


def _half_rows(
    matrix: Matrix, widths: list[int], rows: int, heat: tuple[Color, ...], label: Style
) -> list[Strip]:
    """Two layers per row: the label is that of the first layer, the mean that of both."""
    pooled = pool_rows(matrix, 2 * rows)
    strips = []
    for top in range(0, len(pooled), 2):
        pair = pooled[top : top + 2]
        upper = pool(pair[0], len(widths))
        lower = pool(pair[1], len(widths)) if len(pair) == 2 else None
        blocks = [
            Segment(
                "▀" * width,
                _style(_color(heat, upper[at]), _color(heat, lower[at]) if lower else None),
            )
            for at, width in enumerate(widths)
        ]
        values = [value for row in pair for value in row]
        layer = round(top * len(matrix) / len(pooled)) + 1
        strips.append(_labelled(layer, blocks, sum(values) / len(values), label))
    return strips


def _labelled(layer: int, blocks: list[Segment], mean: float, label: Style) -> Strip:
    return Strip([Segment(f"{layer:>3} ", label), *blocks, Segment(f" {mean:5.0%}", label)])


def _legend(width: int, heat: tuple[Color, ...], label: Style) -> Strip:
    scale = [
        Segment("█", _style(_color(heat, cell / (_LEGEND_CELLS - 1))))
        for cell in range(_LEGEND_CELLS)
    ]
    left, right = f"{' ' * _LABEL}density 0 ", "row mean"
    gap = width - len(left) - _LEGEND_CELLS - 2 - len(right)
    end = f"{' ' * gap}{right}" if gap > 0 else ""
    return Strip([Segment(left, label), *scale, Segment(f" 1{end}", label)])
