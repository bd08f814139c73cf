"""The other figures: sparsity large, memory of each device, and what was read with what."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.geometry import Size
from textual.widgets import Digits, Static

from sa_chat.engine.events import DeviceUse

from ..state import ChatState
from ..text import count, one_line, percent, rate, size, sizes
from .prefill_bar import bar

_LITTLE = 256  # less than this part of a device in other use is not told


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
    """For each device: used by the engine and for what, the highest so far, what else is in use
    there, and what the device has."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self._devices: tuple[DeviceUse, ...] = ()

    def show(self, devices: tuple[DeviceUse, ...]) -> None:
        if devices != self._devices:
            self._devices = devices
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Rows for a width that the widget does not have yet."""
        return len(self._lines(width))

    def render(self) -> Content:
        return Content("\n").join(self._lines(self.size.width))

    def _lines(self, width: int) -> list[Content]:
        lines = [line for device in self._devices for line in _device(device, width)]
        return lines or [Content.styled("-", "$faint")]


def _device(device: DeviceUse, width: int) -> list[Content]:
    name = one_line(device.name)
    if name.lower() == "cpu":
        name = "CPU process memory"
    peak = f"peak {size(device.peak_bytes)}"
    name = name if len(name) + len(peak) < width else f"{name[: max(width - len(peak) - 2, 1)]}…"
    figures = f"{size(device.used_bytes)} / {size(device.total_bytes)}"
    gap = " " * max(width - len(name) - len(peak), 1)
    return [
        Content.assemble((name, "$label"), gap, (peak, "$label")),
        Content.assemble(*_shares(device, max(width - len(figures) - 1, 1)), f" {figures}"),
        *(Content.styled(line, "$label") for line in _uses(device, width)),
    ]


def _shares(device: DeviceUse, width: int) -> list[tuple[str, str]]:
    """A bar of what the engine uses, then of what else is in use."""
    total = max(device.total_bytes, 1)
    own, _ = bar(device.used_bytes / total, width)
    both, empty = bar(max(device.used_bytes, device.driver_bytes) / total, width)
    other = both[len(own) :]
    behind = "$faint" if other else "$panel"  # the last cell of `own` may be a part of one
    return [(own, f"$primary on {behind}"), (other, "$faint on $panel"), (empty, "on $panel")]


def _uses(device: DeviceUse, width: int) -> list[str]:
    """For what the engine uses the memory and, at the right edge, what else is in use."""
    own = {"weights": device.weights_bytes, "KV": device.kv_bytes, "work": device.workspace_bytes}
    lines = []
    if device.weights_bytes or device.kv_bytes:
        whole = sizes(own)
        lines = [whole] if len(whole) <= width else [sizes({name: own[name]}) for name in own]
    other_bytes = device.driver_bytes - device.used_bytes
    if other_bytes * _LITTLE > device.total_bytes:
        other = f"other {size(other_bytes)}"
        if lines and len(lines[-1]) + 1 + len(other) <= width:
            lines[-1] += other.rjust(width - len(lines[-1]))
        else:
            lines.append(other.rjust(width))
    return lines


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
