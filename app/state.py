"""What the screen knows: one frozen state, and the one function that moves it on.

`apply(state, event)` takes every event of the engine; the few functions below it take what the
user does.  Nothing here knows a widget or a process, so the whole life of a conversation can be
tested as values.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

from sa_chat.engine import events
from sa_chat.engine.events import Event

from .comparison import Comparison

_MARKS = 8  # progress events that the estimate of the remaining time looks back on


class Phase(Enum):
    """What the engine is busy with, as far as the document goes."""

    STARTING = "starting"
    LOADING = "loading"
    CHOOSING = "choosing"  # counted, and not read: the user says which parts are
    PREFILLING = "prefilling"
    READY = "ready"
    PAUSED = "paused"  # the user stopped the prefill
    FAILED = "failed"  # the document could not be opened; the engine lives
    DEAD = "dead"  # the engine's process has ended


class TurnStatus(Enum):
    """How far one question has come."""

    QUEUED = "queued"
    WRITING = "writing"
    DONE = "done"
    STOPPED = "stopped"  # by the user
    INTERRUPTED = "interrupted"  # the engine ended in mid-answer
    FAILED = "failed"

    @property
    def open(self) -> bool:
        """Whether the engine still owes something."""
        return self in (TurnStatus.QUEUED, TurnStatus.WRITING)


@dataclass(frozen=True)
class Turn:
    """One question and its answer, as far as it has come."""

    ask_id: str
    question: str
    status: TurnStatus = TurnStatus.QUEUED
    text: str = ""
    answer: events.Answer | None = None
    compared: events.Answer | None = None  # to the same question, read in the other mode


@dataclass(frozen=True)
class Notice:
    """Something went wrong: one sentence and one hint, in the conversation."""

    message: str
    hint: str
    kind: str


@dataclass(frozen=True)
class ChatState:
    """Everything that is on the screen."""

    phase: Phase = Phase.STARTING
    load: events.LoadProgress | None = None
    model: events.ModelReady | None = None
    counted: events.DocumentCounted | None = None  # in this opening, before anything was left out
    document: events.DocumentReady | None = None
    progress: events.PrefillProgress | None = None
    marks: tuple[tuple[int, float], ...] = ()  # (tokens done, seconds) of the last progress events
    curve: tuple[tuple[int, float], ...] = ()  # (tokens done, density so far) of every chunk
    expected_s: float | None = None  # of the whole prefill, as learned on this machine
    opening: events.Ttft = field(
        default_factory=events.Ttft
    )  # of this opening, as far as it has come
    prefill: events.PrefillDone | None = None
    ttft: events.Ttft | None = None
    writing_rate: float | None = None  # tokens a second of the answer written now, or last
    devices: tuple[events.DeviceUse, ...] = ()
    entries: tuple[Turn | Notice, ...] = ()
    comparison: Comparison | None = None  # the newest

    @property
    def turns(self) -> tuple[Turn, ...]:
        return tuple(entry for entry in self.entries if isinstance(entry, Turn))

    @property
    def too_long(self) -> bool:
        """Whether the document is not open because it does not fit."""
        excess = self.counted.excess_tokens if self.counted is not None else 0
        return self.phase is Phase.FAILED and excess > 0

    @property
    def writing(self) -> Turn | None:
        """The question in hand: the first open one, once the document is read."""
        if self.phase is not Phase.READY:
            return None
        return next((turn for turn in self.turns if turn.status.open), None)

    @property
    def last_answer(self) -> Turn | None:
        """The newest turn that has any answer text."""
        return next((turn for turn in reversed(self.turns) if turn.text), None)

    @property
    def eta_s(self) -> float | None:
        """Seconds left of the prefill at the pace of the last few chunks; None if unknown."""
        if self.progress is None or self._pace is None:
            return None
        return (self.progress.tokens_total - self.progress.tokens_done) / self._pace

    @property
    def _pace(self) -> float | None:
        """Tokens a second of the last few chunks; None if unknown."""
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
        """Tokens a second of the prefill: of the last few chunks, then of the whole."""
        if self.prefill is not None:
            ttft = self.prefill.ttft
            whole_s = ttft.select_s + ttft.prefill_s
            return self.prefill.tokens / whole_s if whole_s > 0 else None
        return self._pace

    @property
    def live_ttft(self) -> events.Ttft:
        """The time to first token as far as it has come."""
        return self.opening if self.ttft is None else self.ttft

    @property
    def timed(self) -> str | None:
        """The field of `Ttft` whose time runs now; None if none does."""
        if self.phase is Phase.LOADING and self.load is not None:
            part = f"{self.load.stage}_s"
            return part if self.load.fraction < 1.0 and hasattr(self.opening, part) else None
        if self.phase is Phase.PREFILLING:
            return "prefill_s"
        turn = self.writing
        waits = turn is not None and turn.status is TurnStatus.QUEUED
        return "first_token_s" if waits and not self.live_ttft.first_token_s else None

    @property
    def wait_s(self) -> float | None:
        """Seconds until questions are answered, while the document is being read; None if that
        is not known."""
        if self.phase not in (Phase.LOADING, Phase.PREFILLING):
            return None
        return self.expected_s if self.eta_s is None else self.eta_s


def apply(state: ChatState, event: Event) -> ChatState:
    """The state after `event`.  An event that is out of place changes nothing."""
    moved = state.comparison.take(event) if state.comparison is not None else None
    if moved is None:
        return _apply(state, event)
    state = _compared(state, moved)
    # A reading in the place of the first one is the document's reading, too.
    return state if moved.beside and not _fatal(event) else _apply(state, event)


def _apply(state: ChatState, event: Event) -> ChatState:
    match event:
        case events.LoadProgress():
            opening = _loading(state.opening, event)
            return replace(state, phase=Phase.LOADING, load=event, opening=opening)
        case events.ModelReady():
            reads = state.phase is Phase.LOADING and state.document is not None
            return replace(state, phase=Phase.PREFILLING if reads else state.phase, model=event)
        case events.DocumentCounted():
            return replace(state, phase=Phase.CHOOSING, counted=event)
        case events.DocumentText():
            return state
        case events.DocumentReady():
            return replace(state, phase=Phase.PREFILLING, document=event, marks=(), curve=())
        case events.PrefillProgress():
            mark = (event.tokens_done, event.seconds)
            return replace(
                state,
                phase=Phase.PREFILLING,
                progress=event,
                marks=(*state.marks, mark)[-_MARKS:],
                curve=(*state.curve, (event.tokens_done, event.density)),
                opening=replace(
                    state.opening,
                    select_s=event.select_s,
                    prefill_s=event.seconds - event.select_s,
                ),
                devices=event.devices or state.devices,
            )
        case events.PrefillDone():
            return replace(
                state,
                phase=Phase.READY,
                prefill=event,
                ttft=event.ttft,
                devices=event.devices or state.devices,
            )
        case events.TextDelta():
            return _with_delta(state, event)
        case events.Answer():
            return _with_answer(state, event)
        case events.Cancelled(what="compare"):
            return state
        case events.Cancelled():
            return replace(state, phase=Phase.PAUSED)
        case events.DeviceStats():
            return replace(state, devices=event.devices or state.devices)
        case events.Failed():
            return _with_failure(state, event)
        case events.Closed():
            return state


def asked(state: ChatState, ask_id: str, question: str) -> ChatState:
    """The user asked: the question waits at the end of the queue."""
    return replace(state, entries=(*state.entries, Turn(ask_id, question)))


def asked_again(state: ChatState, ask_id: str, question: str) -> ChatState:
    """The question takes the place of the last turn, and of what was told after it."""
    last = state.turns[-1]
    entries = tuple(entry for entry in state.entries if entry is not last)
    return asked(replace(state, entries=entries), ask_id, question)


def renamed(state: ChatState, ask_ids: dict[str, str]) -> ChatState:
    """Turns get new ids: what the engine still says to their old ones is not heard."""
    entries = tuple(
        replace(entry, ask_id=ask_ids.get(entry.ask_id, entry.ask_id))
        if isinstance(entry, Turn)
        else entry
        for entry in state.entries
    )
    return replace(state, entries=entries)


def reopened(state: ChatState) -> ChatState:
    """The document is being read from its beginning again; the conversation stays."""
    # What was counted and not read is not parsed again.
    parsed = state.phase in (Phase.CHOOSING, Phase.FAILED)
    return ChatState(
        model=state.model,
        document=state.document,
        devices=state.devices,
        entries=state.entries,
        opening=events.Ttft(state.opening.parse_s) if parsed else events.Ttft(),
    )


def _loading(opening: events.Ttft, event: events.LoadProgress) -> events.Ttft:
    """Loading the model is not part of the time to first token."""
    match event.stage:
        case "parse":
            return events.Ttft(event.seconds)
        case "tokenize":
            return events.Ttft(opening.parse_s, event.seconds)
        case _:
            return opening


def _fatal(event: Event) -> bool:
    return isinstance(event, events.Failed) and event.fatal


def _compared(state: ChatState, comparison: Comparison) -> ChatState:
    """The finished second answer stays with its turn."""
    state = replace(state, comparison=comparison)
    if comparison.answer is None:
        return state
    turn = next((turn for turn in state.turns if turn.ask_id == comparison.turn_id), None)
    if turn is None:
        return state
    return _with_turn(state, replace(turn, compared=comparison.answer))


def _with_turn(state: ChatState, turn: Turn) -> ChatState:
    entries = tuple(
        turn if isinstance(entry, Turn) and entry.ask_id == turn.ask_id else entry
        for entry in state.entries
    )
    return replace(state, entries=entries)


def _open_turn(state: ChatState, ask_id: str | None) -> Turn | None:
    return next((t for t in state.turns if t.ask_id == ask_id and t.status.open), None)


def _with_delta(state: ChatState, event: events.TextDelta) -> ChatState:
    turn = _open_turn(state, event.ask_id)
    if turn is None:
        return state
    tokens, said_s = event.tokens, event.seconds
    rate = (tokens - 1) / said_s if tokens > 1 and said_s > 0 else None
    return _with_turn(
        replace(state, writing_rate=rate),
        replace(turn, status=TurnStatus.WRITING, text=turn.text + event.text),
    )


def _with_answer(state: ChatState, event: events.Answer) -> ChatState:
    turn = _open_turn(state, event.ask_id)
    if turn is None:
        return state
    stopped = event.stop_reason == "cancelled"
    done = replace(
        turn,
        status=TurnStatus.STOPPED if stopped else TurnStatus.DONE,
        text=event.text,
        answer=event,
    )
    if event.tokens:
        state = replace(state, ttft=event.ttft, writing_rate=event.tokens_per_s or None)
    return _with_turn(state, done)


def _with_failure(state: ChatState, event: events.Failed) -> ChatState:
    if event.fatal and state.phase is Phase.DEAD:
        return state
    turn = _open_turn(state, event.ask_id)
    if turn is not None and state.phase is Phase.FAILED:
        return state  # it waits until the document can be opened
    if turn is not None:
        state = _with_turn(state, replace(turn, status=TurnStatus.FAILED))
    if event.fatal:
        state = _interrupted(state)
    elif event.ask_id is None and state.phase is not Phase.READY:
        state = replace(state, phase=Phase.FAILED)
    notice = Notice(event.message, event.hint, event.kind)
    return replace(state, entries=(*state.entries, notice))


def _interrupted(state: ChatState) -> ChatState:
    """The engine is gone: the answer being written is marked, what waits keeps waiting."""
    entries = tuple(
        replace(entry, status=TurnStatus.INTERRUPTED)
        if isinstance(entry, Turn) and entry.status is TurnStatus.WRITING
        else entry
        for entry in state.entries
    )
    return replace(state, phase=Phase.DEAD, entries=entries, load=None)
