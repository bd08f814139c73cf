"""What reading the document in the other attention mode will take, before it begins."""

from __future__ import annotations

from dataclasses import dataclass

from ..report.text import count, duration, size
from .comparison import other_mode
from .session import Session

_SPARE = 0.05  # of a device that stays free beside a second cache


@dataclass(frozen=True)
class Estimate:
    """Time and memory of a second reading."""

    attention: str  # of the second reading
    tokens: int
    least_s: float | None  # None: nothing is known
    most_s: float | None  # as `least_s` where it was measured
    measured: bool  # learned from readings of this machine in that mode
    kv_bytes: int
    beside: bool  # there is memory for both readings

    def sentences(self) -> list[str]:
        """What the user is told."""
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
                f"{size(self.kv_bytes)} more for its keys and values, beside the first reading, "
                "which stays and is asked on."
            )
        return (
            f"There is no room for a second cache of {size(self.kv_bytes)}: the second reading "
            "takes the place of the first one, and is asked on."
        )


def estimate_of(session: Session) -> Estimate:
    """Only once the document is read.

    A mode that this machine has not read in yet is estimated from the reading that is open:
    attention grows or shrinks by its density at most, and the rest not at all.
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
