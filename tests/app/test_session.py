"""What the session sends, and when: questions that come while an engine starts."""

from __future__ import annotations

import asyncio

import pytest
from stand_in import DOCUMENT, DONE, MODEL, StandInClient, answer, progress

from sa_chat.app.session import Session
from sa_chat.app.state import Phase, TurnStatus
from sa_chat.engine.config import EngineConfig, OpenOptions
from sa_chat.engine.errors import EngineError
from sa_chat.engine.events import Cancelled, Failed, PastTurn
from sa_chat.engine.protocol import Ask, Cancel, Compare, Open, Request

pytestmark = pytest.mark.asyncio
OPTIONS = OpenOptions(("book.pdf",))
DEATH = Failed("The engine has died.", "Start it again.", "engine", fatal=True)


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

    def __init__(self) -> None:
        self.clients: list[SlowClient] = []
        self.session = Session(OPTIONS, EngineConfig(), self._client)
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
    assert client.sent == [Open(OPTIONS, text=True), Ask("q1", "early?")]
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
    assert client.sent == [Open(OPTIONS, text=True)]
    second = asyncio.create_task(run.session.ask("two"))
    await settle()
    client.flowing.set()
    await asyncio.gather(first, second)
    await run.session.ask("three")
    await settle()
    assert client.sent == [
        Open(OPTIONS, text=True),
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
        Open(OPTIONS, text=True),
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
    client.say(Failed("No such file.", "Look again.", "document"))
    await settle()
    assert run.session.state.phase is Phase.FAILED
    client.sent.clear()
    await run.session.ask("two")  # the engine has refused the first
    assert client.sent[0] == Open(OPTIONS, text=True)
    assert questions(client) == ["one", "two"]
    client.say(DOCUMENT, MODEL, Cancelled("prefill"))
    await settle()
    assert run.session.state.phase is Phase.PAUSED
    client.sent.clear()
    await run.session.ask("three")  # the engine still holds the other two
    assert client.sent[:2] == [Cancel(queued=True), Open(OPTIONS, text=True)]
    assert questions(client) == ["one", "two", "three"]
    held = [request.ask_id for request in client.sent if isinstance(request, Ask)]
    assert len(set(held)) == 3
    client.say(answer("q1", "", stop_reason="cancelled"))  # of the old queue
    await settle()
    assert all(turn.status.open for turn in run.session.state.turns)
    run.end()


async def test_a_reading_from_the_beginning_is_told_what_was_said() -> None:
    run = Run()
    client = await run.begin()
    client.flowing.set()
    client.started.set()
    client.say(DOCUMENT, MODEL, DONE)
    await settle()
    await run.session.ask("Who?")
    client.say(answer("q1", "Ishmael.", question="Who?"))
    await settle()
    client.sent.clear()
    await run.session.reopen()
    said = (PastTurn("Who?", "Ishmael."),)
    assert client.sent == [Open(OPTIONS, recall=said, text=True)]
    run.end()


async def test_the_last_question_is_asked_again_in_its_place() -> None:
    run = Run()
    client = await run.begin()
    client.flowing.set()
    client.started.set()
    client.say(DOCUMENT, MODEL, DONE)
    await settle()
    await run.session.ask("Who?")
    await run.session.ask("Who else?", replaces_last=True)  # the first is not answered yet
    assert [turn.question for turn in run.session.state.turns] == ["Who?", "Who else?"]
    client.say(answer("q1", "Ishmael."), answer("q2", "Queequeg."))
    await settle()
    await run.session.ask("And who else?", replaces_last=True)
    assert [turn.question for turn in run.session.state.turns] == ["Who?", "And who else?"]
    assert client.sent[-1] == Ask("q3", "And who else?", replaces_last=True)
    run.end()


async def test_the_other_mode_beside_the_first_and_in_its_place() -> None:
    run = Run()
    client = await run.begin()
    client.flowing.set()
    client.started.set()
    client.say(DOCUMENT, MODEL, DONE)
    await settle()
    for ask_id, question, text in (("q1", "Who?", "Ishmael."), ("q2", "Where?", "At sea.")):
        await run.session.ask(question)
        client.say(answer(ask_id, text, question=question))
        await settle()
    said = (PastTurn("Who?", "Ishmael."),)

    await run.session.compare(beside=True)
    assert client.sent[-1] == Compare("cq3", "Where?", "dense", said)
    assert run.session.busy
    client.say(progress(8_192, 2.0), DONE, answer("cq3", "On land."))
    await settle()
    state = run.session.state
    assert state.phase is Phase.READY
    assert state.prefill is DONE
    assert state.turns[-1].text == "At sea."
    assert state.turns[-1].compared is not None
    assert state.turns[-1].compared.text == "On land."

    client.sent.clear()
    await run.session.compare(beside=False)
    assert client.sent == [
        Open(OPTIONS, "dense", said, text=True),
        Ask("cq4", "Where?"),
    ]
    client.say(DOCUMENT, progress(8_192, 2.0))
    await settle()
    assert run.session.state.phase is Phase.PREFILLING
    client.say(Cancelled("prefill"))
    await settle()
    assert run.session.state.phase is Phase.PAUSED
    assert run.session.state.turns[-1].text == "At sea."
    run.end()
