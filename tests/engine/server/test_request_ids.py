"""Every event names its request, and every request ends once, in whatever order they come.

The real host and worker run the fake engine in this process.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sa_chat.engine.fake.engine import FakeEngine
from sa_chat.engine.fake.script import Failure, Reply, Script
from sa_chat.engine.server.host import Host
from sa_chat.protocol.codec import to_line
from sa_chat.protocol.config import EngineConfig, OpenOptions
from sa_chat.protocol.events import (
    Answer,
    Cancelled,
    Closed,
    ContextOverflowFailed,
    DeviceStats,
    DocumentCounted,
    DocumentText,
    Event,
    Failed,
    PasswordFailed,
    PrefillDone,
    UsageFailed,
)
from sa_chat.protocol.requests import (
    Ask,
    Cancel,
    Close,
    Compare,
    Count,
    Open,
    Request,
    RequestIds,
    Stats,
    ends,
)

BOOK = OpenOptions(("moby.txt",), password="secret")
PATIENCE_S = 10.0
SCRIPT = Script(
    pace=0.0,
    document_tokens=2_000,
    chunk_tokens=1_000,
    layers=1,
    heads=1,
    password=BOOK.password,
    replies=(
        Reply("whale", "> Call me Ishmael.\n"),
        Reply("all", "", failure=Failure("overflow", "Too long.")),
        Reply("", "I do not know.\n"),
    ),
)
FINAL = {  # what a request can end in, beside a failure
    Open: (PrefillDone, Cancelled),
    Count: (DocumentCounted, DocumentText, Cancelled),
    Ask: (Answer,),
    Compare: (Answer, Cancelled),
    Stats: (DeviceStats,),
    Close: (Closed,),
}
MAKE = {
    "open": lambda id: Open(id, BOOK),
    "open with text": lambda id: Open(id, BOOK, text=True),
    "open without password": lambda id: Open(id, replace(BOOK, password=None)),
    "count": lambda id: Count(id, BOOK),
    "count with text": lambda id: Count(id, BOOK, text=True),
    "ask": lambda id: Ask(id, "the whale?"),
    "ask in its place": lambda id: Ask(id, "the moon?", replaces_last=True),
    "ask too much": lambda id: Ask(id, "all of it?"),
    "compare": lambda id: Compare(id, "the whale?", "dense"),
    "compare with the same": lambda id: Compare(id, "the whale?", "sparse"),
    "cancel": Cancel,
    "cancel all": lambda id: Cancel(id, queued=True),
    "stats": Stats,
}


def made(kinds: Iterable[str]) -> list[Request]:
    """Requests of these kinds, each under an id of its own."""
    ids = RequestIds()
    return [MAKE[kind](ids(type(MAKE[kind]("")))) for kind in kinds]


@dataclass(frozen=True)
class Wait:
    """Before the next line is sent, until so many events have been heard, or no more come."""

    events: int


class Conversation:
    """Requests to a host, and all that it says."""

    def __init__(self, pace: float = 0.0) -> None:
        self.said: list[Event] = []
        self._heard = threading.Condition()
        script = replace(SCRIPT, pace=pace)
        self._host = Host(lambda emit: FakeEngine(EngineConfig(), emit, script), self._hear)

    def run(self, steps: Sequence[Request | Wait | bytes]) -> None:
        """Serve until the input ends."""
        assert self._host.serve(self._lines(steps))

    def _hear(self, event: Event) -> None:
        with self._heard:
            self.said.append(event)
            self._heard.notify_all()

    def _lines(self, steps: Sequence[Request | Wait | bytes]) -> Iterator[bytes]:
        for step in steps:
            if isinstance(step, Wait):
                with self._heard:
                    goal = len(self.said) + step.events
                    self._heard.wait_for(lambda goal=goal: len(self.said) >= goal, 0.05)
            else:
                yield step if isinstance(step, bytes) else to_line(step)


def check(requests: Sequence[Request], said: Sequence[Event]) -> None:
    """Each event has the id of a request, and nothing follows the one final event of each."""
    by_id = {request.request_id: request for request in requests}
    assert len(by_id) == len(requests)
    for event in said:
        if event.request_id is None:  # memory that is told by itself, and the end of input
            assert isinstance(event, DeviceStats | Closed)
            continue
        assert event.request_id in by_id
    for request in requests:
        own = [event for event in said if event.request_id == request.request_id]
        if isinstance(request, Cancel):
            assert own == []
            continue
        assert [ends(request, event) for event in own[:-1]] == [False] * (len(own) - 1)
        assert own, request
        assert ends(request, own[-1]), request
        assert isinstance(own[-1], (*FINAL[type(request)], Failed))
        if isinstance(own[-1], Answer):
            assert isinstance(request, Ask | Compare)
            assert own[-1].question == request.question


ALL = ["open", "ask", "count with text", "compare", "cancel", "cancel all"]


@pytest.mark.parametrize("first", ALL)
def test_all_orders(first: str) -> None:
    others = [kind for kind in ALL if kind != first]
    for order in itertools.permutations(others):
        requests = [*made([first, *order]), Close("z1")]
        conversation = Conversation()
        conversation.run(requests)
        check(requests, conversation.said)
        assert conversation.said[-1] == Closed(request_id="z1")


@given(
    st.lists(st.sampled_from(sorted(MAKE)) | st.builds(Wait, st.integers(1, 8)), max_size=12),
    st.booleans(),
    st.sampled_from([0.0, 0.002]),
)
@settings(deadline=None, max_examples=100)
def test_any_order_at_any_moment(plan: list[str | Wait], closes: bool, pace: float) -> None:
    requests = made(kind for kind in plan if isinstance(kind, str))
    waiting = iter(requests)
    steps = [step if isinstance(step, Wait) else next(waiting) for step in plan]
    close = [Close("z1")] if closes else []
    conversation = Conversation(pace)
    conversation.run([*steps, *close])
    check([*requests, *close], conversation.said)
    assert conversation.said[-1] == Closed(request_id="z1" if closes else None)


def test_what_is_dropped_is_answered_under_its_own_id() -> None:
    requests = [
        *made(["open", "ask", "compare", "ask in its place", "count"]),
        Cancel("x1", queued=True),
    ]
    conversation = Conversation(pace=1.0)
    conversation.run([requests[0], Wait(1), *requests[1:], Close("z1")])
    check([*requests, Close("z1")], conversation.said)
    finals = {event.request_id: event for event in conversation.said}
    assert finals["o1"] == Cancelled("prefill", request_id="o1")
    assert finals["c1"] == Cancelled("compare", request_id="c1")
    assert finals["n1"] == Cancelled("count", request_id="n1")
    for request_id in ("q1", "q2"):
        answer = finals[request_id]
        assert isinstance(answer, Answer)
        assert answer.stop_reason == "cancelled"


def test_lines_that_are_no_requests_fail_under_the_id_that_they_have() -> None:
    lines = [
        b'{"type": "Ask", "request_id": "q7", "mood": "good"}\n',
        b"nonsense\n",
        to_line(Closed(request_id="odd")),
    ]
    conversation = Conversation()
    conversation.run([*lines, *made(["open"])])
    failures = [event for event in conversation.said if isinstance(event, Failed)]
    assert [failed.request_id for failed in failures] == ["q7", None, "odd"]


def test_each_failure_names_its_request() -> None:
    kinds = ["ask", "compare", "open", "compare with the same", "ask too much"]
    requests = [*made([*kinds, "open without password"]), Close("z1")]
    conversation = Conversation()
    conversation.run(requests)
    check(requests, conversation.said)
    failures = [event for event in conversation.said if isinstance(event, Failed)]
    assert [(type(failed), failed.request_id) for failed in failures] == [
        (UsageFailed, "q1"),
        (UsageFailed, "c1"),
        (UsageFailed, "c2"),
        (ContextOverflowFailed, "q2"),
        (PasswordFailed, "o2"),
    ]
