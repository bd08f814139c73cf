"""The state of a conversation, as the screen shows it: one frozen dataclass.

`reducer.py` has its transitions.  Neither knows a widget or a process, so that conversations can be
tested as values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from sa_chat.protocol import events, values

from .comparison import Comparison


class Phase(Enum):
    """What happens to the document."""

    STARTING = "starting"
    LOADING = "loading"
    CHOOSING = "choosing"  # counted; the user chooses which parts are read
    PREFILLING = "prefilling"
    READY = "ready"
    PAUSED = "paused"  # the user stopped the prefill
    FAILED = "failed"  # the document could not be opened; the engine still runs
    DEAD = "dead"  # the engine process has ended


class TurnStatus(Enum):
    """Progress of one question."""

    QUEUED = "queued"
    WRITING = "writing"
    DONE = "done"
    STOPPED = "stopped"  # by the user
    INTERRUPTED = "interrupted"  # the engine ended during the answer
    FAILED = "failed"

    @property
    def open(self) -> bool:
        """Whether the answer is still to come."""
        return self in (TurnStatus.QUEUED, TurnStatus.WRITING)


@dataclass(frozen=True)
class Turn:
    """A question and its answer so far."""

    request_id: str
    question: str
    status: TurnStatus = TurnStatus.QUEUED
    text: str = ""
    answer: events.Answer | None = None
    compared: events.Answer | None = None  # in the other attention mode


@dataclass(frozen=True)
class Notice:
    """An error shown in the conversation: one sentence and one hint."""

    message: str
    hint: str


@dataclass(frozen=True)
class ChatState:
    """All that the screen shows."""

    phase: Phase = Phase.STARTING
    opening_id: str | None = None  # of the request that opens or opened the document
    load: events.LoadProgress | None = None
    model: events.ModelReady | None = None
    counted: events.DocumentCounted | None = None  # of this opening, before parts were left out
    document: events.DocumentReady | None = None
    calibration: events.CalibrationProgress | None = None  # while this machine is measured
    progress: events.PrefillProgress | None = None
    marks: tuple[tuple[int, float], ...] = ()  # (tokens done, seconds) of the last progress events
    curve: tuple[tuple[int, float], ...] = ()  # (tokens done, density so far) of every chunk
    expected_s: float | None = None  # of the whole prefill, from earlier ones on this machine
    opening: values.Ttft = field(default_factory=values.Ttft)  # so far
    prefill: events.PrefillDone | None = None
    ttft: values.Ttft | None = None
    writing_rate: float | None = None  # tokens per second of the current or last answer
    devices: tuple[values.DeviceUse, ...] = ()
    entries: tuple[Turn | Notice, ...] = ()
    comparison: Comparison | None = None  # the newest

    @property
    def turns(self) -> tuple[Turn, ...]:
        return tuple(entry for entry in self.entries if isinstance(entry, Turn))

    @property
    def last_turn(self) -> Turn | None:
        return next((entry for entry in reversed(self.entries) if isinstance(entry, Turn)), None)

    @property
    def comparing(self) -> Comparison | None:
        """The comparison that is under way."""
        comparison = self.comparison
        return comparison if comparison is not None and comparison.status.open else None

    @property
    def too_long(self) -> bool:
        """Whether opening failed because the document does not fit."""
        excess = self.counted.excess_tokens if self.counted is not None else 0
        return self.phase is Phase.FAILED and excess > 0

    @property
    def writing(self) -> Turn | None:
        """The first open question, once the document is read."""
        if self.phase is not Phase.READY:
            return None
        return next((turn for turn in self.turns if turn.status.open), None)

    @property
    def last_answer(self) -> Turn | None:
        """The newest turn with answer text."""
        return next((turn for turn in reversed(self.turns) if turn.text), None)

    @property
    def eta_s(self) -> float | None:
        """Remaining seconds of the prefill at the rate of the last chunks; None if unknown."""
        if self.progress is None or self._pace is None:
            return None
        return (self.progress.tokens_total - self.progress.tokens_done) / self._pace

    @property
    def _pace(self) -> float | None:
        """Tokens per second of the last chunks; None if unknown."""
        if not self.marks:
            return None
        (from_tokens, from_s), (to_tokens, to_s) = self.marks[0], self.marks[-1]
        if len(self.marks) == 1:
            from_tokens, from_s = 0, 0.0
        if to_tokens <= from_tokens or to_s <= from_s:
            return None
        return (to_tokens - from_tokens) / (to_s - from_s)

    @property
    def reading_rate(self) -> float | None:
        """Tokens per second of the prefill: of the last chunks, later of the whole prefill."""
        if self.prefill is not None:
            ttft = self.prefill.ttft
            whole_s = ttft.select_s + ttft.prefill_s
            return self.prefill.tokens / whole_s if whole_s > 0 else None
        return self._pace

    @property
    def live_ttft(self) -> values.Ttft:
        """The time to first token so far."""
        return self.opening if self.ttft is None else self.ttft

    @property
    def timed(self) -> str | None:
        """The field of `Ttft` that is being timed; None if none is."""
        if self.phase is Phase.LOADING and self.load is not None:
            part = f"{self.load.stage}_s"
            return part if self.load.fraction < 1.0 and hasattr(self.opening, part) else None
        if self.phase is Phase.PREFILLING:
            return "prefill_s" if self.calibration is None else None
        turn = self.writing
        waits = turn is not None and turn.status is TurnStatus.QUEUED
        return "first_token_s" if waits and not self.live_ttft.first_token_s else None

    @property
    def wait_s(self) -> float | None:
        """Expected seconds until questions are answered, while the document is being read; None
        if unknown."""
        if self.phase not in (Phase.LOADING, Phase.PREFILLING):
            return None
        return self.expected_s if self.eta_s is None else self.eta_s
