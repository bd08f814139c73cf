"""The other figures: sparsity large, memory of each device, and what was read with what."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Digits, Static

from sa_chat.engine.events import DeviceUse

from ..state import ChatState
from ..text import count, one_line, percent, rate, size
from .prefill_bar import bar


class SparsityFigure(Horizontal):
    """The share of the causal attention that was never computed, in large digits."""

    def compose(self) -> ComposeResult:
        yield Digits("", id="sparsity-digits")
        yield Static(id="sparsity-notes", markup=False)

    def show(self, state: ChatState) -> None:
        figures = state.prefill.attention if state.prefill else None
        if figures is not None:
            density: float | None = figures.density
        else:
            density = state.progress.density if state.progress else None
        digits = f"{(1 - density) * 100:.1f}%" if density is not None else "--.-%"
        self.query_one(Digits).update(digits)
        notes = [
            "of attention skipped",
            f"density  {percent(density)}" if density is not None else "density  -",
            f"coverage {percent(figures.coverage)}" if figures else "coverage -",
        ]
        self.query_one(Static).update(Content.styled("\n".join(notes), "$label"))


class MemoryUse(Static):
    """For each device: used by the engine, the highest so far, and what the device has."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self._devices: tuple[DeviceUse, ...] = ()

    def show(self, devices: tuple[DeviceUse, ...]) -> None:
        if devices != self._devices:
            self._devices = devices
            self.refresh(layout=True)

    def render(self) -> Content:
        if not self._devices:
            return Content.styled("-", "$faint")
        lines = [line for device in self._devices for line in _device(device, self.size.width)]
        return Content("\n").join(lines)


def _device(device: DeviceUse, width: int) -> list[Content]:
    name = one_line(device.name)
    if name.lower() == "cpu":
        name = "CPU process memory"
    total = max(device.total_bytes, 1)
    peak = f"peak {size(device.peak_bytes)}"
    name = name if len(name) + len(peak) < width else f"{name[: max(width - len(peak) - 2, 1)]}…"
    figures = f"{size(device.used_bytes)} / {size(device.total_bytes)}"
    filled, empty = bar(device.used_bytes / total, max(width - len(figures) - 1, 1))
    gap = " " * max(width - len(name) - len(peak), 1)
    return [
        Content.assemble((name, "$label"), gap, (peak, "$label")),
        Content.assemble((filled, "$primary on $panel"), (empty, "on $panel"), f" {figures}"),
    ]


class RunFigures(Static):
    """Speeds, what was read, and with which model and mode."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)

    def show(self, state: ChatState) -> None:
        self.update(_rows(_run(state)))


def _run(state: ChatState) -> list[tuple[str, str]]:
    rows = []
    if state.progress is not None and state.progress.seconds > 0:
        rows.append(("reading", rate(state.progress.tokens_done / state.progress.seconds)))
    answered = [turn.answer for turn in state.turns if turn.answer and turn.answer.tokens]
    if answered:
        rows.append(("writing", rate(answered[-1].tokens_per_s)))
    if state.model is not None:
        rows.append(("model", one_line(state.model.name)))
        rows.append(("", f"{state.model.parameters / 1e6:,.0f}M · {one_line(state.model.dtype)}"
                         f" · {one_line(state.model.device)}"))  # fmt: skip
    if state.prefill is not None:
        attention = state.prefill.attention
        rows.append(("attention", f"{one_line(attention.mode)}, alpha {attention.alpha:g}"))
    return rows


def tokens_read(state: ChatState) -> str:
    """The promise that nothing was cut: `131,002 of 131,002 tokens read, 0 dropped`."""
    if state.document is None:
        return ""
    total = state.document.prompt_tokens
    done = state.progress.tokens_done if state.progress else 0
    if state.prefill is not None:
        done = state.prefill.tokens
    dropped = state.document.dropped_tokens
    return f"{count(done)} of {count(total)} tokens read, {count(dropped)} dropped"


def _rows(rows: list[tuple[str, str]]) -> Content:
    return Content("\n").join(
        Content.assemble((f"{label:<10}", "$label"), value) for label, value in rows
    )
