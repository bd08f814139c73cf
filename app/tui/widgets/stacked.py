"""A stacked bar: parts in a row, each in its own colour or shade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from textual.content import Content

from .prefill_bar import EIGHTHS


@dataclass(frozen=True)
class Part:
    """A part of a stacked bar; `shade` is the character that represents it without colours."""

    label: str
    color: str
    shade: str

    def marker(self, *, plain: bool) -> tuple[str, str]:
        """Text and style of its marker in a legend."""
        return (f"{self.shade if plain else '■'} ", self.color)


def shares(values: Sequence[float], width: int) -> list[int]:
    """Cells of each part: together exactly `width`, or all 0."""
    total = sum(values)
    if total <= 0:
        return [0] * len(values)
    edges = [round(edge * width / total) for edge in accumulate(values, initial=0.0)]
    return [b - a for a, b in pairwise(edges)]


def stacked(parts: Sequence[tuple[Part, float]], width: int, *, plain: bool) -> Content:
    """A bar of `width` cells with edges in eighths of a cell, or in whole cells if `plain`."""
    values = [value for _, value in parts]
    if plain:
        cells = zip(shares(values, width), (part for part, _ in parts), strict=True)
        return Content.assemble(*((part.shade * size, part.color) for size, part in cells))
    owners = [
        part for size, (part, _) in zip(shares(values, 8 * width), parts, strict=True)
        for part in [part] * size
    ]  # fmt: skip
    return Content.assemble(*(_cell(owners[at : at + 8]) for at in range(0, len(owners), 8)))


def _cell(eighths: list[Part]) -> tuple[str, str]:
    """Text and style of a cell: its first part, and the largest of the others."""
    first = eighths[0]
    size = next((at for at, part in enumerate(eighths) if part != first), 8)
    if size == 8:
        return "█", first.color
    rest = eighths[size:]
    return EIGHTHS[size], f"{first.color} on {max(rest, key=rest.count).color}"
