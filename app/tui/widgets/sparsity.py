"""The sparsity, the share of causal attention that was skipped, in large digits with its curve."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Container, Horizontal
from textual.content import Content
from textual.widgets import Digits

from ...report.text import percent
from ...session.state import ChatState
from .lines import Lines, fitting
from .panel_size import PanelSize
from .sparsity_curve import SparsityCurve


class SparsityView(Container):
    """Digits and notes, with the curve below them, or beside them in a low panel."""

    DEFAULT_CSS = """
    SparsityView {
        height: auto;
        layout: vertical;
    }
    SparsityView.-flat {
        layout: horizontal;
    }
    SparsityView Horizontal {
        height: 3;
    }
    SparsityView.-flat Horizontal {
        width: 44;
    }
    SparsityView.-flat SparsityCurve {
        width: 1fr;
    }
    SparsityView Digits {
        width: 16;
        color: $primary;
        text-style: bold;
    }
    SparsityNotes {
        width: 1fr;
        padding: 0 0 0 2;
    }
    """

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Digits("")
            yield SparsityNotes()
        yield SparsityCurve()

    def show(self, state: ChatState, size: PanelSize) -> None:
        self.set_class(size.flat, "-flat")
        density = density_of(state)
        digits = f"{(1 - density) * 100:.1f}%" if density is not None else "--.-%"
        if digits != self.query_one(Digits).value:
            self.query_one(Digits).update(digits)
        self.query_one(SparsityNotes).show(state)
        self.query_one(SparsityCurve).show(state, size.curve_rows)


def density_of(state: ChatState) -> float | None:
    """The density of the whole prefill, or of the chunks so far."""
    if state.prefill is not None:
        return state.prefill.attention.density
    return state.progress.density if state.progress is not None else None


class SparsityNotes(Lines):
    """The meaning of the large digits, the density, and the recall."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown: tuple[tuple[str, ...], ...] = ()

    def show(self, state: ChatState) -> None:
        shown = (_meaning(state), _density(state), _recall(state))
        if shown != self._shown:
            self._shown = shown
            self.draw_again()

    def rows(self, width: int) -> list[Content]:
        return [
            Content.styled(fitting(longest_first, width), "$label") for longest_first in self._shown
        ]


def _meaning(state: ChatState) -> tuple[str, ...]:
    if state.prefill is not None and state.prefill.attention.mode == "dense":
        return ("dense: nothing skipped",)
    return ("of attention skipped",)


def _density(state: ChatState) -> tuple[str, ...]:
    density = density_of(state)
    return (f"density  {percent(density) if density is not None else '-'}",)


def _recall(state: ChatState) -> tuple[str, ...]:
    if state.prefill is None:
        return ("recall   -",)
    figures = state.prefill.attention
    short = f"recall   {percent(figures.recall)}"
    p5 = percent(figures.recall_p5)
    return (f"{short}, 5th percentile {p5}", f"{short}, p5 {p5}", short)
