"""Memory of each device: used by the engine, by purpose; used by others; free."""

from __future__ import annotations

from textual.content import Content

from sa_chat.protocol.values import DeviceUse

from ...report.text import one_line, size
from .lines import Lines, grid, spread
from .stacked import Part, stacked

_LITTLE = 256  # other use below 1/256 of a device is not shown
_WEIGHTS = Part("weights", "$secondary", "█")
_KV = Part("KV", "$primary", "▓")
_WORK = Part("work", "$accent", "▒")
_OWN = Part("used", "$primary", "▓")  # while nothing is loaded
_OTHER = Part("other", "$faint", "░")
_FREE = Part("free", "$panel", "·")


class MemoryUse(Lines):
    """A bar and a legend for each device, below each other."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._devices: tuple[DeviceUse, ...] = ()

    def show(self, devices: tuple[DeviceUse, ...]) -> None:
        if devices != self._devices:
            self._devices = devices
            self.draw_again()

    def rows(self, width: int) -> list[Content]:
        plain = self.app.no_color
        lines = [line for use in self._devices for line in _device(use, width, plain)]
        return lines or [Content.styled("-", "$faint")]


def parts_of(use: DeviceUse) -> list[tuple[Part, int, int]]:
    """The parts of a device's memory: each with its size and its share of the bar, in bytes.

    On CPU weights and KV may exceed what is in use; the bar is limited to what is in use.
    """
    in_use = min(max(use.used_bytes, use.driver_bytes), use.total_bytes)
    other = max(use.driver_bytes - use.used_bytes, 0)
    weights = min(use.weights_bytes, use.used_bytes)
    kv = min(use.kv_bytes, use.used_bytes - weights)
    own = [
        (_WEIGHTS, use.weights_bytes, weights),
        (_KV, use.kv_bytes, kv),
        (_WORK, use.workspace_bytes, use.used_bytes - weights - kv),
    ]
    if not use.weights_bytes and not use.kv_bytes:
        own = [(_OWN, use.used_bytes, use.used_bytes)]
    others = [(_OTHER, other, other)] if other * _LITTLE > use.total_bytes else []
    free = max(use.total_bytes - in_use, 0)
    return [*own, *others, (_FREE, free, free)]


def _device(use: DeviceUse, width: int, plain: bool) -> list[Content]:
    name = one_line(use.name)
    parts = parts_of(use)
    figures = f"{size(use.used_bytes)} / {size(use.total_bytes)}"
    legend = [
        Content.assemble(
            part.marker(plain=plain), (f"{part.label:<8}", "$label"), f"{size(used):>9}"
        )
        for part, used, _ in parts
    ]
    legend.append(
        Content.assemble(
            (f"  {'peak':<8}", "$label"), (f"{size(use.peak_bytes):>9}", "$foreground")
        )
    )
    title = "CPU process memory" if name.lower() == "cpu" else name
    return [
        spread(Content.styled(title, "$label"), Content(figures), width),
        stacked([(part, drawn) for part, _, drawn in parts], width, plain=plain),
        *grid(legend, width),
    ]
