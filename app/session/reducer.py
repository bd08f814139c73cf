"""State transitions: `apply` for events of the engine, others for actions of the user."""

from __future__ import annotations

from dataclasses import replace

from sa_chat.protocol import events, values
from sa_chat.protocol.events import Event

from .comparison import Comparison, Progress
from .state import ChatState, Notice, Phase, Turn, TurnStatus

_MARKS = 8  # progress events that the estimate of the remaining time is based on


_OF_READING = (
    events.LoadProgress,
    events.CalibrationProgress,
    events.DocumentCounted,
    events.DocumentReady,
    events.DocumentText,
    events.PrefillProgress,
    events.PrefillDone,
    events.Cancelled,
)


def concerns(state: ChatState, event: Event) -> bool:
    """False for late events of a prefill that another one has replaced."""
    comparing = state.comparing
    current = (state.opening_id, comparing.prefill_id if comparing is not None else None)
    return not isinstance(event, _OF_READING) or event.request_id in current


def apply(state: ChatState, event: Event) -> ChatState:
    """The state after `event`.  Events out of place change nothing."""
    if not concerns(state, event):
        return state
    comparison = state.comparison
    if comparison is None:
        return _apply(state, event)
    moved = comparison.take(event)
    if moved is None:
        late = isinstance(event, events.Failed) and event.request_id == comparison.request_id
        return state if late else _apply(state, event)
    state = _compared(state, moved)
    # In place of the first one, the second prefill is also that of the document.
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
        case events.CalibrationProgress():
            return replace(state, calibration=event if event.fraction < 1.0 else None)
        case events.PrefillProgress():
            mark = (event.tokens_done, event.seconds)
            return replace(
                state,
                phase=Phase.PREFILLING,
                calibration=None,
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
        case events.Cancelled():
            return replace(state, phase=Phase.PAUSED, calibration=None)
        case events.DeviceStats():
            return replace(state, devices=event.devices or state.devices)
        case events.Failed():
            return _with_failure(state, event)
        case events.Closed():
            return state


def asked(state: ChatState, request_id: str, question: str) -> ChatState:
    """The state with a new question at the end of the queue."""
    return replace(state, entries=(*state.entries, Turn(request_id, question)))


def asked_again(state: ChatState, request_id: str, question: str) -> ChatState:
    """The state with a new question in place of the last turn."""
    last = state.turns[-1]
    entries = tuple(entry for entry in state.entries if entry is not last)
    return asked(replace(state, entries=entries), request_id, question)


def renamed(state: ChatState, request_ids: dict[str, str]) -> ChatState:
    """The state with new ids for turns, so that late events for their old ids are ignored."""
    entries = tuple(
        replace(entry, request_id=request_ids.get(entry.request_id, entry.request_id))
        if isinstance(entry, Turn)
        else entry
        for entry in state.entries
    )
    return replace(state, entries=entries)


def reopened(state: ChatState, opening_id: str | None = None) -> ChatState:
    """The state before another prefill of the document, by request `opening_id` if that is known
    already; the conversation stays."""
    # A document that was counted and not prefilled is not parsed again.
    parsed = state.phase in (Phase.CHOOSING, Phase.FAILED)
    return ChatState(
        opening_id=opening_id,
        model=state.model,
        document=state.document,
        devices=state.devices,
        entries=state.entries,
        opening=values.Ttft(state.opening.parse_s) if parsed else values.Ttft(),
    )


def _loading(opening: values.Ttft, event: events.LoadProgress) -> values.Ttft:
    """The time to first token after `event`; loading the model is not part of it."""
    match event.stage:
        case "parse":
            return values.Ttft(event.seconds)
        case "tokenize":
            return values.Ttft(opening.parse_s, event.seconds)
        case _:
            return opening


def _fatal(event: Event) -> bool:
    return isinstance(event, events.Failed) and event.fatal


def _compared(state: ChatState, comparison: Comparison) -> ChatState:
    """The state after a comparison moved on; a finished second answer is added to its turn."""
    state = replace(state, comparison=comparison)
    if comparison.answer is None or comparison.status is not Progress.DONE:
        return state
    turn = next((turn for turn in state.turns if turn.request_id == comparison.turn_id), None)
    if turn is None:
        return state
    return _with_turn(state, replace(turn, compared=comparison.answer))


def _with_turn(state: ChatState, turn: Turn) -> ChatState:
    entries = tuple(
        turn if isinstance(entry, Turn) and entry.request_id == turn.request_id else entry
        for entry in state.entries
    )
    return replace(state, entries=entries)


def _open_turn(state: ChatState, request_id: str | None) -> Turn | None:
    return next((t for t in state.turns if t.request_id == request_id and t.status.open), None)


def _with_delta(state: ChatState, event: events.TextDelta) -> ChatState:
    turn = _open_turn(state, event.request_id)
    if turn is None:
        return state
    tokens, said_s = event.tokens, event.seconds
    rate = (tokens - 1) / said_s if tokens > 1 and said_s > 0 else None
    return _with_turn(
        replace(state, writing_rate=rate),
        replace(turn, status=TurnStatus.WRITING, text=turn.text + event.text),
    )


def _with_answer(state: ChatState, event: events.Answer) -> ChatState:
    turn = _open_turn(state, event.request_id)
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
    turn = _open_turn(state, event.request_id)
    if turn is not None and state.phase is Phase.FAILED:
        return state  # it waits until the document can be opened
    if turn is not None:
        state = _with_turn(state, replace(turn, status=TurnStatus.FAILED))
    if event.fatal:
        state = _interrupted(state)
    elif event.request_id == state.opening_id and state.phase is not Phase.READY:
        state = replace(state, phase=Phase.FAILED)
    notice = Notice(event.message, event.hint)
    return replace(state, entries=(*state.entries, notice))


def _interrupted(state: ChatState) -> ChatState:
    """The state after the end of the engine: the current answer is interrupted, others wait."""
    entries = tuple(
        replace(entry, status=TurnStatus.INTERRUPTED)
        if isinstance(entry, Turn) and entry.status is TurnStatus.WRITING
        else entry
        for entry in state.entries
    )
    return replace(state, phase=Phase.DEAD, entries=entries, load=None)
