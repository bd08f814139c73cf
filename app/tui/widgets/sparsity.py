"""The share of the causal attention that was never computed, in large digits with its curve."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Container, Horizontal
from textual.content import Content
from textual.widgets import Digits

from ...report.text import percent
from ...session.state import ChatState
from .lines import Lines, fitting
from .room import Room
from .sparsity_curve import SparsityCurve


class SparsityFigure(Container):
    """Digits and notes; the curve below them, or beside them where that is too high."""

    DEFAULT_CSS = """
    SparsityFigure {
        height: auto;
        layout: vertical;
    }
    SparsityFigure.-flat {
        layout: horizontal;
    }
    SparsityFigure Horizontal {
        height: 3;
    }
    SparsityFigure.-flat Horizontal {
        width: 44;
    }
    SparsityFigure.-flat SparsityCurve {
        width: 1fr;
    }
    SparsityFigure Digits {
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

    def show(self, state: ChatState, room: Room) -> None:
        self.set_class(room.flat, "-flat")
        density = density_of(state)
        digits = f"{(1 - density) * 100:.1f}%" if density is not None else "--.-%"
        if digits != self.query_one(Digits).value:
            self.query_one(Digits).update(digits)
        self.query_one(SparsityNotes).show(state)
        self.query_one(SparsityCurve).show(state, room.curve_rows)


def density_of(state: ChatState) -> float | None:
    """Of the whole reading, or of what is read so far."""
    if state.prefill is not None:
        return state.prefill.attention.density
    return state.progress.density if state.progress is not None else None


class SparsityNotes(Lines):
    """What the large digits mean, and the figures that belong to them."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown: tuple[tuple[str, ...], ...] = ()

    def show(self, state: ChatState) -> None:
        shown = (_meaning(state), _density(state), _coverage(state))
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


def _coverage(state: ChatState) -> tuple[str, ...]:
    if state.prefill is None:
        return ("coverage -",)
    figures = state.prefill.attention
    short = f"coverage {percent(figures.coverage)}"
    p5 = percent(figures.coverage_p5)
    return (f"{short}, 5th percentile {p5}", f"{short}, p5 {p5}", short)
