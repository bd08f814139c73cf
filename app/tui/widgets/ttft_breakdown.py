"""The time to first token so far: the parts that are known, and those still to come."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

from sa_chat.protocol.values import Ttft

from ...session.state import ChatState

NAMES = tuple(part.name for part in fields(Ttft))
"""The parts in the order in which they happen."""


@dataclass(frozen=True)
class Breakdown:
    """The time to first token so far, by its parts."""

    ttft: Ttft = field(default_factory=Ttft)
    timed: str | None = None  # the part that runs now
    whole_s: float | None = None  # expected until the prefill is done
    read: bool = False  # the prefill is done

    @property
    def begun(self) -> bool:
        return self.timed is not None or self.ttft.total_s > 0

    @property
    def ended(self) -> bool:
        """Whether the first token has been written."""
        return self.ttft.first_token_s > 0 and self.timed is None

    def value(self, name: str) -> float | None:
        """Seconds of a part; None if it has not begun."""
        value: float = getattr(self.ttft, name)
        if value > 0 or name == self.timed:
            return value
        last = len(NAMES) - 1 if self.read else 0
        now = NAMES.index(self.timed) if self.timed else last
        return value if NAMES.index(name) < now else None

    def after(self, elapsed_s: float) -> Breakdown:
        """The breakdown `elapsed_s` later; selection keeps its share of the prefill."""
        ttft = self.ttft
        if self.timed is None or elapsed_s <= 0:
            return self
        if self.timed == "prefill_s" and ttft.select_s > 0:
            longer = 1.0 + elapsed_s / (ttft.select_s + ttft.prefill_s)
            ttft = replace(ttft, select_s=ttft.select_s * longer, prefill_s=ttft.prefill_s * longer)
        else:
            ttft = replace(ttft, **{self.timed: getattr(ttft, self.timed) + elapsed_s})
        return replace(self, ttft=ttft)


def breakdown_of(state: ChatState) -> Breakdown:
    """The breakdown of a state."""
    ttft, rest_s = state.live_ttft, state.wait_s
    whole_s = None if rest_s is None else ttft.total_s + rest_s
    return Breakdown(ttft, state.timed, whole_s, state.ttft is not None)
