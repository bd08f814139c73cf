"""The live panel: all figures of the run."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widget import Widget

from ...report.text import plural
from ...session.state import ChatState
from .density_map import DensityMap, Matrix
from .memory import MemoryUse
from .panel_size import PanelSize
from .run_stats import RunStats
from .sparsity import SparsityView
from .ttft import TtftView


class Section(Vertical):
    """A titled section of the panel."""

    def __init__(self, title: str, *children: Widget, id: str) -> None:
        super().__init__(*children, id=id)
        self.border_title = f" {title} "


class LivePanel(VerticalScroll, can_focus=False):
    """Sparsity, time to first token, memory, the run, and in the remaining space the density by
    layer and head."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._state = ChatState()

    def compose(self) -> ComposeResult:
        with Section("sparsity", id="sparsity"):
            yield SparsityView()
        with Section("time to first token", id="ttft"):
            yield TtftView()
        with Section("engine memory", id="memory"):
            yield MemoryUse()
        with Section("this run", id="run"):
            yield RunStats()
        with Section("density", id="density"):
            yield DensityMap()

    def on_resize(self) -> None:
        self.show(self._state)

    def show(self, state: ChatState) -> None:
        """Show a state; each widget draws again only if what it shows has changed."""
        self._state = state
        size = PanelSize(self.size.width, self.container_size.height)
        self.set_class(size.short, "-short-panel")
        self.query_one(SparsityView).show(state, size)
        self.query_one(TtftView).show(state, size)
        self.query_one(MemoryUse).show(state.devices)
        self.query_one(RunStats).show(state)
        source = state.prefill or state.progress
        self._show_density(source.density_by_head if source else ())

    def _show_density(self, matrix: Matrix) -> None:
        self.query_one(DensityMap).show(matrix)
        title = " density "
        if matrix:
            layers, heads = plural(len(matrix), "layer"), plural(len(matrix[0]), "head")
            title = f" density, {layers} x {heads} "
        section = self.query_one("#density", Section)
        if section.border_title != title:
            section.border_title = title
