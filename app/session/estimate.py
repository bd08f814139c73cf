"""Time and memory of a prefill in the other attention mode, estimated before it begins."""

from __future__ import annotations

from dataclasses import dataclass

from ..report.text import count, duration, size
from .comparison import other_mode
from .session import Session

_SPARE = 0.05  # share of a device that stays free beside a second cache


@dataclass(frozen=True)
class Estimate:
    """Time and memory of a second prefill."""

    attention: str  # of the second prefill
    tokens: int
    least_s: float | None  # None: unknown
    most_s: float | None  # equal to `least_s` if measured
    measured: bool  # from earlier prefills on this machine in that mode
    kv_bytes: int
    beside: bool  # there is memory for both caches

    def lines(self) -> list[str]:
        """Time and memory as sentences for the user."""
        return [self._time(), self._memory()]

    def _time(self) -> str:
        what = f"{self.attention.capitalize()} attention reads {count(self.tokens)} tokens again"
        if self.least_s is None or self.most_s is None:
            return f"{what}. How long that takes is not known on this machine yet."
        if self.measured:
            return f"{what}: about {duration(self.least_s)}, as it took here before."
        if duration(self.least_s) == duration(self.most_s):
            return f"{what}: about {duration(self.least_s)}, not measured here yet."
        return (
            f"{what}: between {duration(self.least_s)} and {duration(self.most_s)}, "
            "not measured here yet."
        )

    def _memory(self) -> str:
        if self.beside:
            return (
                f"Its keys and values take {size(self.kv_bytes)} more. The first reading stays "
                "and answers later questions."
            )
        return (
            f"There is no memory for a second cache of {size(self.kv_bytes)}: the second reading "
            "takes the place of the first one and answers later questions."
        )


def estimate_of(session: Session) -> Estimate:
    """The estimate for an open document.

    A mode without earlier prefills on this machine is estimated from the open one: the time grows
    at most by the inverse of its density, if all of it is attention, and at least not at all.
    """
    prefill = session.state.prefill
    assert prefill is not None, "nothing is read"
    other = other_mode(prefill.attention.mode)
    measured = session.recorder.expected_s(session.config, session.state, other)
    took = prefill.ttft.select_s + prefill.ttft.prefill_s
    least: float | None = took
    most: float | None = took / max(prefill.attention.density, 0.01)
    if measured is not None:
        least = most = measured
    elif other == "sparse":
        least = most = None
    kv = [device.kv_bytes for device in prefill.devices]
    now = session.state.devices or prefill.devices
    room = [
        device.total_bytes - max(device.driver_bytes, device.used_bytes) - needed
        >= _SPARE * device.total_bytes
        for device, needed in zip(now, kv, strict=False)
    ]
    return Estimate(
        other, prefill.tokens, least, most, measured is not None, sum(kv), bool(room) and all(room)
    )
