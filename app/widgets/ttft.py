"""Time to first token, split into its parts: a stacked bar and labelled values."""

from __future__ import annotations

from itertools import accumulate, pairwise

from textual.content import Content
from textual.widgets import Static

from sa_chat.engine.events import Ttft

from ..text import percent, seconds

_PARTS = (
    ("parse", "parse_s", "$ttft-parse"),
    ("tokenize", "tokenize_s", "$ttft-tokenize"),
    ("select", "select_s", "$ttft-select"),
    ("prefill", "prefill_s", "$ttft-prefill"),
    ("first token", "first_token_s", "$ttft-first"),
)
_PENDING = "-"


def shares(values: tuple[float, ...], width: int) -> list[int]:
    """Cells of each part of a stacked bar: together exactly `width`, or all 0."""
    total = sum(values)
    if total <= 0:
        return [0] * len(values)
    edges = [round(edge * width / total) for edge in accumulate(values, initial=0.0)]
    return [b - a for a, b in pairwise(edges)]


class TtftSplit(Static):
    """`first token` is pending until the first question is answered."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self._ttft: Ttft | None = None

    def show(self, ttft: Ttft | None) -> None:
        if ttft != self._ttft:
            self._ttft = ttft
            self.refresh(layout=True)

    def render(self) -> Content:
        width = self.size.width
        values = tuple(getattr(self._ttft, name) for _, name, _ in _PARTS) if self._ttft else ()
        cells = shares(values, width) if values else []
        stacked = [("█" * n, style) for n, (_, _, style) in zip(cells, _PARTS, strict=False)]
        total = sum(values)
        lines = [
            _row("total", "", seconds(total) if values else _PENDING, "bold", width),
            Content.assemble(*stacked) if any(cells) else Content.styled("█" * width, "$rule"),
        ]
        for i, (label, name, style) in enumerate(_PARTS):
            known = bool(values) and not (name == "first_token_s" and values[i] == 0)
            value = seconds(values[i]) if known else _PENDING
            share = percent(values[i] / total) if known and total > 0 else ""
            lines.append(
                Content.assemble(("■ ", style), _row(label, value, share, "$label", width - 2))
            )
        return Content("\n").join(lines)


def _row(label: str, middle: str, right: str, right_style: str, width: int) -> Content:
    """A label at the left, a value, and something at the right edge."""
    gap = max(width - len(label) - len(middle) - 8, 1)
    return Content.assemble(
        (label, "$label"), " " * gap, (middle, "$foreground"), (f"{right:>8}", right_style)
    )
