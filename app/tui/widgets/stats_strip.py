"""The most important figures in one line, where the panel does not fit."""

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget

from ...report.text import percent, rate, seconds, size
from ...session.state import ChatState
from .sparsity import density_of

_GAP = 3  # cells

Figure = tuple[str, str]  # label, value


class StatsStrip(Widget):
    """Shows as many figures as fit, none of them cut."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._figures: tuple[Figure, ...] = ()

    def show(self, state: ChatState) -> None:
        figures = figures_of(state)
        if figures != self._figures:
            self._figures = figures
            self.refresh()

    def render(self) -> Content:
        parts: list[Content] = []
        room = self.size.width
        for label, value in self._figures:
            part = Content.assemble((f"{label} ", "$label"), value)
            room -= part.cell_length + (_GAP if parts else 0)
            if room < 0:
                break
            parts.append(part)
        return Content(" " * _GAP).join(parts)


def figures_of(state: ChatState) -> tuple[Figure, ...]:
    """Labels and values, the most important first."""
    figures: list[Figure] = []
    density = density_of(state)
    if density is not None:
        figures.append(("sparsity", percent(1 - density)))
    if state.live_ttft.total_s > 0:
        figures.append(("TTFT", seconds(state.live_ttft.total_s)))
    if state.writing_rate:
        figures.append(("writing", rate(state.writing_rate)))
    elif state.reading_rate:
        figures.append(("reading", rate(state.reading_rate)))
    if state.devices:
        figures.append(("memory", size(sum(use.used_bytes for use in state.devices))))
    return tuple(figures)
