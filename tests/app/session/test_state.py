"""The state of the conversation, as values."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

import pytest
from stand_in import DEVICES, DOCUMENT, DONE, MODEL, VERIFIED, answer, progress

from sa_chat.app.session.reducer import apply, asked, reopened
from sa_chat.app.session.state import ChatState, Notice, Phase, TurnStatus
from sa_chat.protocol import events, values

READY = (events.LoadProgress("parse", 1.0, 0.4), DOCUMENT, MODEL, progress(131_002, 33.6), DONE)
DEATH = events.EngineFailed("The engine has died.", "Start it again.", fatal=True)


def after(state: ChatState, *said: events.Event) -> ChatState:
    return reduce(apply, said, state)


def delta(text: str, request_id: str = "q1") -> events.TextDelta:
    return events.TextDelta(text, request_id=request_id)


def ready(*questions: str) -> ChatState:
    state = after(ChatState(), *READY)
    for number, question in enumerate(questions, start=1):
        state = asked(state, f"q{number}", question)
    return state


@pytest.mark.parametrize(
    ("said", "phase"),
    [
        ((), Phase.STARTING),
        (READY[:1], Phase.LOADING),
        (READY[:2], Phase.PREFILLING),
        (READY[:4], Phase.PREFILLING),
        (READY, Phase.READY),
        ((*READY[:4], events.Cancelled("prefill")), Phase.PAUSED),
        ((*READY[:1], events.DocumentFailed("No such file.", "Look again.")), Phase.FAILED),
        ((*READY, DEATH), Phase.DEAD),
    ],
)
def test_phases(said: tuple[events.Event, ...], phase: Phase) -> None:
    assert after(ChatState(), *said).phase is phase


def test_questions_are_answered_in_their_order() -> None:
    state = asked(asked(after(ChatState(), *READY[:4]), "q1", "one"), "q2", "two")
    assert state.writing is None
    state = apply(state, DONE)
    assert state.writing == state.turns[0]
    state = after(state, delta("An "), delta("answer"))
    assert [turn.status for turn in state.turns] == [TurnStatus.WRITING, TurnStatus.QUEUED]
    assert state.turns[0].text == "An answer"
    state = apply(state, answer("q1", "An answer.", (VERIFIED,)))
    assert state.turns[0].status is TurnStatus.DONE
    assert state.turns[0].text == "An answer."
    assert state.writing == state.turns[1]
    assert state.ttft is not None
    assert state.ttft.first_token_s == 0.25


def test_a_cancelled_answer_keeps_its_text() -> None:
    state = after(ready("one"), delta("Half an"))
    state = apply(state, answer("q1", "Half an", stop_reason="cancelled"))
    assert state.turns[0].status is TurnStatus.STOPPED
    assert state.last_answer == state.turns[0]


def test_a_question_cancelled_before_its_first_token_keeps_the_ttft() -> None:
    dropped = events.Answer("one", "", (), 0, 0.0, 0.0, "cancelled", values.Ttft(), request_id="q1")
    assert apply(ready("one"), dropped).ttft == DONE.ttft


def test_death_marks_the_answer_in_hand_and_keeps_what_waits() -> None:
    state = after(ready("one", "two"), delta("Half an"), DEATH, DEATH)
    assert [turn.status for turn in state.turns] == [TurnStatus.INTERRUPTED, TurnStatus.QUEUED]
    assert state.turns[0].text == "Half an"
    assert [entry.message for entry in state.entries if isinstance(entry, Notice)] == [
        "The engine has died."
    ]
    again = reopened(state)
    assert again.phase is Phase.STARTING
    assert again.entries == state.entries
    assert again.prefill is None


def test_a_failed_answer_leaves_the_document_open() -> None:
    state = apply(
        ready("one"), events.ContextOverflowFailed("Too long.", "Ask less.", request_id="q1")
    )
    assert state.phase is Phase.READY
    assert state.turns[0].status is TurnStatus.FAILED


def test_questions_wait_for_a_document_that_could_not_be_opened() -> None:
    state = asked(after(ChatState(), *READY[:1]), "q1", "one")
    state = after(
        state,
        events.DocumentFailed("No such file.", "Look again."),
        events.UsageFailed("No document is open.", "Open one first.", request_id="q1"),
    )
    assert state.phase is Phase.FAILED
    assert state.turns[0].status is TurnStatus.QUEUED
    assert len(state.entries) == 2


def test_words_about_unknown_or_finished_questions_change_nothing() -> None:
    state = after(ready("one"), answer("q1", "Done."))
    assert after(state, delta("more"), delta("x", "q9")) == state
    assert apply(state, answer("q9", "x")) == state


def test_eta_follows_the_pace_of_the_last_chunks() -> None:
    state = apply(ChatState(), progress(10_000, 1.0))
    assert state.eta_s == pytest.approx(12.1002)
    for chunk in range(2, 12):
        state = apply(state, progress(10_000 * chunk, 2.0 * chunk))
    assert state.eta_s == pytest.approx(2.0 * 2.1002)
    assert len(state.marks) == 8


def test_memory_stays_when_an_event_brings_none() -> None:
    state = after(ready(), events.DeviceStats(()))
    assert state.devices == DEVICES


def test_the_curve_has_a_point_for_every_chunk_of_one_reading() -> None:
    state = after(ChatState(), DOCUMENT, progress(10_000, 1.0), progress(20_000, 2.0))
    assert state.curve == ((10_000, 0.215), (20_000, 0.215))
    assert apply(state, DONE).curve == state.curve
    assert apply(state, DOCUMENT).curve == ()
    assert reopened(state).curve == ()


def test_the_time_to_first_token_grows_with_what_is_told() -> None:
    state = after(ChatState(), events.LoadProgress("parse", 0.5, 0.3))
    assert (state.live_ttft, state.timed) == (values.Ttft(0.3), "parse_s")
    state = after(state, events.LoadProgress("tokenize", 0.5, 0.1), DOCUMENT)
    assert (state.live_ttft, state.timed) == (values.Ttft(0.3, 0.1), "prefill_s")
    state = after(state, events.LoadProgress("model", 0.5, 9.0))
    assert (state.live_ttft, state.timed) == (values.Ttft(0.3, 0.1), None)
    state = after(state, MODEL, replace(progress(10_000, 4.0), select_s=1.0))
    assert (state.live_ttft, state.timed) == (values.Ttft(0.3, 0.1, 1.0, 3.0), "prefill_s")
    state = apply(state, DONE)
    assert (state.live_ttft, state.timed) == (DONE.ttft, None)
    state = asked(state, "q1", "one")
    assert state.timed == "first_token_s"
    state = apply(state, delta("An"))
    assert state.timed is None
    state = apply(state, answer("q1", "An answer."))
    assert state.live_ttft.first_token_s == 0.25
    assert asked(state, "q2", "two").timed is None


def test_measuring_the_machine_is_no_part_of_the_time_to_first_token() -> None:
    begun, ended = (events.CalibrationProgress(part, 3.0 * part) for part in (0.0, 1.0))
    state = after(ChatState(), DOCUMENT, MODEL, begun)
    assert (state.phase, state.calibration, state.timed) == (Phase.PREFILLING, begun, None)
    state = apply(state, ended)
    assert (state.calibration, state.timed) == (None, "prefill_s")
    assert state.live_ttft.total_s == 0.0
    assert apply(apply(state, begun), progress(10_000, 1.0)).calibration is None
    assert apply(apply(state, begun), events.Cancelled("prefill")).calibration is None


def test_what_was_parsed_to_be_counted_is_not_timed_again() -> None:
    counted = events.DocumentCounted(**vars(DOCUMENT))
    state = after(ChatState(), events.LoadProgress("parse", 1.0, 0.3), counted)
    assert reopened(state).live_ttft == values.Ttft(0.3)
    assert reopened(after(state, DOCUMENT, progress(1, 1.0))).live_ttft == values.Ttft()


def test_speeds() -> None:
    state = after(ChatState(), DOCUMENT, progress(10_000, 1.0), progress(20_000, 3.0))
    assert state.reading_rate == pytest.approx(5_000)
    assert apply(state, DONE).reading_rate == pytest.approx(131_002 / 33.6)
    state = ready("one")
    state = apply(state, events.TextDelta("An", tokens=1, seconds=0.0, request_id="q1"))
    assert state.writing_rate is None
    state = apply(state, events.TextDelta(" answer", tokens=11, seconds=0.5, request_id="q1"))
    assert state.writing_rate == pytest.approx(20.0)
    assert apply(state, answer("q1", "An answer.")).writing_rate == 33.3
