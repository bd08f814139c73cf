"""What the session sends, and when: questions that come while an engine starts."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from stand_in import DOCUMENT, DONE, MODEL, StandInClient, answer, progress

from sa_chat.app.history import open_history
from sa_chat.app.session.estimate import estimate_of
from sa_chat.app.session.recorder import Recorder
from sa_chat.app.session.session import Session
from sa_chat.app.session.state import Notice, Phase, TurnStatus
from sa_chat.protocol.config import EngineConfig, OpenOptions
from sa_chat.protocol.errors import EngineError
from sa_chat.protocol.events import (
    Cancelled,
    DeviceStats,
    DocumentFailed,
    EngineFailed,
    TextDelta,
    UsageFailed,
)
from sa_chat.protocol.requests import Ask, Cancel, Compare, Open, Request
from sa_chat.protocol.values import PastTurn

pytestmark = pytest.mark.asyncio
OPTIONS = OpenOptions(("book.pdf",))
DEATH = EngineFailed("The engine has died.", "Start it again.", fatal=True)


class SlowClient(StandInClient):
    """Starts, and gets every request through, only when a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.started = asyncio.Event()
        self.flowing = asyncio.Event()
        self._running = False

    async def start(self) -> None:
        await self.started.wait()
        self._running = True

    async def send(self, request: Request) -> None:
        if not self._running:
            raise EngineError("The engine process does not run.")
        await super().send(request)
        await self.flowing.wait()


class Run:
    """A session whose engines are slow; `begin` runs it in the background."""

    def __init__(self, recorder: Recorder | None = None) -> None:
        self.clients: list[SlowClient] = []
        self.session = Session(OPTIONS, EngineConfig(), self._client, recorder=recorder)
        self._task: asyncio.Task[None] | None = None

    def _client(self, config: EngineConfig) -> SlowClient:
        self.clients.append(SlowClient())
        return self.clients[-1]

    async def begin(self) -> SlowClient:
        self.end()
        self._task = asyncio.create_task(self._listen())
        await settle()
        return self.clients[-1]

    def end(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _listen(self) -> None:
        async for event in self.session.run():
            self.session.take(event)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_question_while_the_process_starts_waits_for_open() -> None:
    run = Run()
    client = await run.begin()
    await run.session.ask("early?")
    assert run.session.state.phase is Phase.STARTING
    assert client.sent == []
    client.flowing.set()
    client.started.set()
    await settle()
    assert client.sent == [Open("o1", OPTIONS, text=True), Ask("q1", "early?")]
    await run.session.ask("late?")
    assert client.sent[2:] == [Ask("q2", "late?")]
    assert [turn.status for turn in run.session.state.turns] == [TurnStatus.QUEUED] * 2
    run.end()


async def test_questions_while_requests_are_under_way_are_sent_once() -> None:
    run = Run()
    client = await run.begin()
    first = asyncio.create_task(run.session.ask("one"))
    client.started.set()
    await settle()
    assert client.sent == [Open("o1", OPTIONS, text=True)]
    second = asyncio.create_task(run.session.ask("two"))
    await settle()
    client.flowing.set()
    await asyncio.gather(first, second)
    await run.session.ask("three")
    await settle()
    assert client.sent == [
        Open("o1", OPTIONS, text=True),
        Ask("q1", "one"),
        Ask("q2", "two"),
        Ask("q3", "three"),
    ]
    run.end()


async def test_new_engine_is_asked_what_the_old_one_owed() -> None:
    run = Run()
    client = await run.begin()
    client.flowing.set()
    client.started.set()
    await run.session.ask("one")
    client.say(DOCUMENT, MODEL, DONE, DEATH)
    await settle()
    assert run.session.state.phase is Phase.DEAD
    await run.session.ask("two")
    assert len(client.sent) == 2
    run.session.begin_again()
    await run.session.ask("three")  # before the new run has begun
    assert run.session.state.phase is Phase.STARTING
    assert len(client.sent) == 2
    client = await run.begin()
    client.flowing.set()
    client.started.set()
    await settle()
    assert client.sent == [
        Open("o2", OPTIONS, text=True),
        Ask("q1", "one"),
        Ask("q2", "two"),
        Ask("q3", "three"),
    ]
    run.end()


def questions(client: SlowClient) -> list[str]:
    return [request.question for request in client.sent if isinstance(request, Ask)]


async def test_what_waits_is_asked_of_the_new_reading_only() -> None:
    run = Run()
    client = await run.begin()
    client.flowing.set()
    client.started.set()
    await run.session.ask("one")
    await settle()
    client.say(DocumentFailed("No such file.", "Look again."))
    await settle()
    assert run.session.state.phase is Phase.FAILED
    client.sent.clear()
    await run.session.ask("two")  # the engine has refused the first
    assert client.sent[0] == Open("o2", OPTIONS, text=True)
    assert questions(client) == ["one", "two"]
    client.say(DOCUMENT, MODEL, Cancelled("prefill"))
    await settle()
    assert run.session.state.phase is Phase.PAUSED
    client.sent.clear()
    await run.session.ask("three")  # the engine still holds the other two
    assert client.sent[:2] == [Cancel("x1", queued=True), Open("o3", OPTIONS, text=True)]
    assert questions(client) == ["one", "two", "three"]
    held = [request.request_id for request in client.sent if isinstance(request, Ask)]
    assert len(set(held)) == 3
    client.say(answer("q1", "", stop_reason="cancelled"))  # of the old queue
    await settle()
    assert all(turn.status.open for turn in run.session.state.turns)
    run.end()


async def opened(recorder: Recorder | None = None) -> tuple[Run, SlowClient]:
    """A session whose document is read."""
    run = Run(recorder)
    client = await run.begin()
    client.flowing.set()
    client.started.set()
    client.say(DOCUMENT, MODEL, DONE)
    await settle()
    return run, client


async def test_a_reading_from_the_beginning_is_told_what_was_said() -> None:
    run, client = await opened()
    await run.session.ask("Who?")
    client.say(answer("q1", "Ishmael.", question="Who?"))
    await settle()
    client.sent.clear()
    await run.session.reopen()
    said = (PastTurn("Who?", "Ishmael."),)
    assert client.sent == [Open("o2", OPTIONS, replay_turns=said, text=True)]
    run.end()


async def test_the_last_question_is_asked_again_in_its_place() -> None:
    run, client = await opened()
    await run.session.ask("Who?")
    await run.session.ask("Who else?", replaces_last=True)  # the first is not answered yet
    assert [turn.question for turn in run.session.state.turns] == ["Who?", "Who else?"]
    client.say(answer("q1", "Ishmael."), answer("q2", "Queequeg."))
    await settle()
    await run.session.ask("And who else?", replaces_last=True)
    assert [turn.question for turn in run.session.state.turns] == ["Who?", "And who else?"]
    assert client.sent[-1] == Ask("q3", "And who else?", replaces_last=True)
    run.end()


async def test_the_other_mode_beside_the_first() -> None:
    run, client = await opened()
    for request_id, question, text in (("q1", "Who?", "Ishmael."), ("q2", "Where?", "At sea.")):
        await run.session.ask(question)
        client.say(answer(request_id, text, question=question))
        await settle()
    said = (PastTurn("Who?", "Ishmael."),)

    await run.session.compare(beside=True)
    assert client.sent[-1] == Compare("c1", "Where?", "dense", said)
    assert run.session.busy
    client.say(progress(8_192, 2.0), DONE, answer("c1", "On land."))
    await settle()
    state = run.session.state
    assert state.phase is Phase.READY
    assert state.prefill == replace(DONE, request_id="o1")
    assert state.turns[-1].text == "At sea."
    assert state.turns[-1].compared is not None
    assert state.turns[-1].compared.text == "On land."

    run.end()


async def compared_in_place() -> tuple[Run, SlowClient]:
    """The second reading has begun in the place of the first, and one question waits for it."""
    run, client = await opened()
    await run.session.ask("Where?")
    client.say(answer("q1", "At sea.", question="Where?"))
    await settle()
    client.sent.clear()
    await run.session.compare(beside=False)
    assert client.sent == [Open("o2", OPTIONS, "dense", text=True), Ask("c1", "Where?")]
    client.say(DOCUMENT, progress(8_192, 2.0))
    await settle()
    assert run.session.state.phase is Phase.PREFILLING
    await run.session.ask("And then?")
    client.sent.clear()
    return run, client


async def test_the_other_mode_in_place_of_the_first() -> None:
    run, client = await compared_in_place()
    client.say(DONE, answer("c1", "On land."), answer("q2", "Home.", question="And then?"))
    await settle()
    state = run.session.state
    assert state.phase is Phase.READY
    assert run.session.attention == "dense"
    where, then = state.turns
    assert where.text == "At sea."
    assert where.compared is not None
    assert where.compared.text == "On land."
    assert then.text == "Home."
    run.end()


async def test_a_reading_in_place_that_is_stopped_gives_the_first_mode_back() -> None:
    run, client = await compared_in_place()
    await run.session.cancel()
    assert client.sent == [Cancel("x1", queued=True)]
    dropped = (
        answer("c1", "", stop_reason="cancelled"),
        answer("q2", "", stop_reason="cancelled"),
    )
    client.say(*dropped, Cancelled("prefill"))
    await settle()
    state = run.session.state
    assert state.phase is Phase.PAUSED
    where, then = state.turns
    assert where.text == "At sea."
    assert where.compared is None
    assert then.status is TurnStatus.QUEUED
    client.sent.clear()
    await run.session.reopen()
    said = (PastTurn("Where?", "At sea."),)
    assert client.sent[0] == Open("o3", OPTIONS, "sparse", said, text=True)
    assert questions(client) == ["And then?"]
    run.end()


async def test_a_reading_in_place_that_fails_says_why_once() -> None:
    run, client = await compared_in_place()
    client.say(
        EngineFailed("No memory.", "Close."),
        UsageFailed("None is open.", "", request_id="c1"),
    )
    await settle()
    state = run.session.state
    assert state.phase is Phase.FAILED
    assert state.comparison is not None
    assert state.comparison.message == "No memory."
    assert not run.session.busy
    assert [entry.message for entry in state.entries if isinstance(entry, Notice)] == ["No memory."]
    assert run.session.attention == "sparse"
    run.end()


async def test_what_is_said_of_a_replaced_reading_changes_nothing() -> None:
    run, client = await opened()
    await run.session.switch(OpenOptions(("other.pdf",)))
    assert client.sent[-1] == Open("o2", OpenOptions(("other.pdf",)), text=True)
    before = run.session.state
    late = (DOCUMENT, progress(8_192, 2.0), DONE, Cancelled("prefill"))
    for event in late:
        assert not run.session.take(replace(event, request_id="o1"))
        assert run.session.state is before
    assert run.session.take(replace(DOCUMENT, request_id="o2"))
    assert run.session.state.phase is Phase.PREFILLING
    run.end()


async def test_a_question_in_hand_is_kept_as_one_that_waits() -> None:
    history, _ = open_history()
    assert history is not None
    run, client = await opened(Recorder(history))
    await run.session.ask("Who?")
    client.say(TextDelta("Ish", request_id="q1"))
    await settle()
    await run.session.ask("Where?")
    (info,) = history.sessions()
    kept = [(turn.question, turn.status) for turn in history.load(info.id).turns]
    assert kept == [("Who?", "queued"), ("Where?", "queued")]
    client.say(answer("q1", "Ishmael."))
    await settle()
    assert [turn.text for turn in history.load(info.id).turns] == ["Ishmael.", ""]
    run.end()
    history.close()


async def test_without_room_for_both_the_price_says_so() -> None:
    run, client = await opened()
    estimate = estimate_of(run.session)
    assert (estimate.attention, estimate.beside, estimate.measured) == ("dense", True, False)
    assert estimate.most_s is not None
    assert estimate.least_s is not None
    assert estimate.most_s == pytest.approx(estimate.least_s / 0.208)
    full = tuple(replace(device, driver_bytes=device.total_bytes) for device in DONE.devices)
    client.say(DeviceStats(full))
    await settle()
    estimate = estimate_of(run.session)
    assert not estimate.beside
    assert "takes the place of the first one" in estimate.lines()[1]
    client.say(replace(DONE, attention=replace(DONE.attention, mode="dense", density=1.0)))
    await settle()
    estimate = estimate_of(run.session)
    assert estimate.attention == "sparse"
    assert "not known on this machine yet" in estimate.lines()[0]
    run.end()
