"""The live panel: every figure of the run, and its one-line form for small terminals."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ..state import ChatState
from ..text import percent, plural, rate, seconds, size
from .density_map import DensityMap, Matrix
from .figures import MemoryUse, RunFigures, SparsityFigure, tokens_read
from .ttft import TtftSplit

_DENSITY_FRAME = 3  # rows of its section beside the layers: title, legend, margin


class Section(Vertical):
    """A titled part of the panel.  Titles are the program's own words."""

    def __init__(self, title: str, *children: Static | Vertical, id: str) -> None:
        super().__init__(*children, id=id)
        self.border_title = title


class LivePanel(VerticalScroll, can_focus=False):
    """Sparsity, time to first token, density by layer, memory, and the run."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown: tuple[object, ...] | None = None

    def compose(self) -> ComposeResult:
        with Section("sparsity", id="sparsity"):
            yield SparsityFigure()
        with Section("time to first token", id="ttft"):
            yield TtftSplit()
        with Section("density", id="density"):
            yield DensityMap()
        with Section("engine memory", id="memory"):
            yield MemoryUse()
        with Section("this run", id="run"):
            yield RunFigures()
            yield Static(id="tokens-read", markup=False)

    def show(self, state: ChatState) -> None:
        if _figures(state) == self._shown:
            return
        self._shown = _figures(state)
        self.query_one(SparsityFigure).show(state)
        self.query_one(TtftSplit).show(state.ttft)
        source = state.prefill or state.progress
        self._show_density(source.density_by_head if source else ())
        self.query_one(MemoryUse).show(state.devices)
        self.query_one(RunFigures).show(state)
        self.query_one("#tokens-read", Static).update(Content(tokens_read(state)))

    def _show_density(self, matrix: Matrix) -> None:
        self.query_one(DensityMap).show(matrix)
        section = self.query_one("#density", Section)
        section.styles.max_height = len(matrix) + _DENSITY_FRAME
        section.border_title = "density"
        if matrix:
            shape = f"{plural(len(matrix), 'layer')} x {plural(len(matrix[0]), 'head')}"
            section.border_title = f"density, {shape}"


def _figures(state: ChatState) -> tuple[object, ...]:
    """All that the panel shows: it changes less often than the text of an answer."""
    answers = tuple(turn.answer for turn in state.turns)
    return (state.document, state.model, state.progress, state.prefill, state.ttft,
            state.devices, answers)  # fmt: skip


class FigureStrip(Static):
    """The most important figures in one line, where there is no room for the panel."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self._shown: tuple[object, ...] | None = None

    def show(self, state: ChatState) -> None:
        if _figures(state) == self._shown:
            return
        self._shown = _figures(state)
        parts: list[tuple[str, str]] = []
        source = state.prefill.attention if state.prefill else state.progress
        if source is not None:
            parts.append(("sparsity", percent(1 - source.density)))
        if state.ttft is not None:
            parts.append(("TTFT", seconds(state.ttft.total_s)))
        answered = [turn.answer for turn in state.turns if turn.answer and turn.answer.tokens]
        if answered:
            parts.append(("writing", rate(answered[-1].tokens_per_s)))
        if state.devices:
            parts.append(("memory", size(sum(d.used_bytes for d in state.devices))))
        words = [Content.assemble((f"{label} ", "$label"), value) for label, value in parts]
        self.update(Content.styled("   ", "").join(words) if words else Content(""))
