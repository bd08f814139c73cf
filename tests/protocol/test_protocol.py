"""The wire: what is sent is what arrives, and nothing else is taken for a message."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sa_chat.protocol import events, values
from sa_chat.protocol.codec import from_line, request_id_of, to_line
from sa_chat.protocol.config import OpenOptions
from sa_chat.protocol.errors import EXIT_CODES, EngineError, SaChatError, error_of_kind
from sa_chat.protocol.requests import Ask, Cancel, Close, Compare, Open, Stats

USE = values.DeviceUse("cpu", 1, 2, 3, 4, 5, 6)
TTFT = values.Ttft(0.1, 0.2, 0.3, 0.4, 0.5)
SAID = (values.PastTurn("Who?", "> Ahab."), values.PastTurn("And\nwhy?", ""))
MESSAGES = [
    Open("o1", OpenOptions(("a.txt", "b c.pdf"), "1-20", ("*.py",), ("test_*",))),
    Open("o1", OpenOptions(("a.txt",))),
    Open("o1", OpenOptions(("a.txt",)), "dense", SAID, True),
    Compare("c1", "Who?", "sparse", SAID),
    Compare("c1", "Who?", "dense"),
    Ask("q1", "Who\nis\u2028Ahab? \U0001f40b"),
    Cancel("x1", queued=True),
    Stats("s1"),
    Close("z1"),
    events.LoadProgress("parse", 0.5, 1.0),
    events.ModelReady("reader", 32_600_000, 10, 8, 131_072, "bfloat16", "cpu", 1.5),
    events.DocumentReady(
        "A book",
        ("a.txt",),
        (values.Section("One", "a.txt", 1, "iv", 1, 100),),
        (values.LeftOut("b.bin", "not text"),),
        100,
        4_096,
        512,
    ),
    events.DocumentText("Call me\n", True, "a.txt", "iv", 7, "=== a.txt ===\n[page iv]\n"),
    events.PrefillProgress(10, 100, 0.5, 0.4, ((0.3, 0.5), (0.1, 0.7)), (USE,), 0.1),
    events.PrefillDone(
        100, TTFT, values.AttentionFigures("sparse", 0.95, 0.4, 0.97), ((0.3, 0.5),), (USE,)
    ),
    events.TextDelta("é", 3, 0.25, request_id="q1"),
    events.Answer(
        "Who?",
        "> Ahab.",
        (values.Citation("Ahab.", "a.txt", None, 3, True, "Ahab."),),
        4,
        30.0,
        0.2,
        "stop",
        TTFT,
        request_id="q1",
    ),
    events.Cancelled("prefill"),
    events.Cancelled("compare"),
    events.DeviceStats((USE,)),
    events.DocumentFailed("No.", "Do this.", request_id="q1"),
    events.Closed(),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_round_trip(message: events.Event) -> None:
    line = to_line(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert from_line(line) == message


@given(st.text(st.characters(codec=None)))
def test_any_text_arrives(text: str) -> None:
    assert from_line(to_line(Ask("q", text))) == Ask("q", text)


def test_path_that_is_not_utf8_arrives() -> None:
    path = b"caf\xe9.txt".decode("utf-8", "surrogateescape")
    assert from_line(to_line(Open("o1", OpenOptions((path,))))).options.paths == (path,)
    question = f"What does {path} say? \ud800 \udc00"
    assert from_line(to_line(Ask("q1", question))).question == question
    left_out = values.LeftOut(path, "not text")
    event = events.DocumentReady(path, (path,), (), (left_out,), 1, 2, 0)
    assert from_line(to_line(event)) == event


def test_whole_numbers_become_floats() -> None:
    line = json.dumps({"type": "LoadProgress", "stage": "parse", "fraction": 1, "seconds": 2})
    event = from_line(line.encode())
    assert event == events.LoadProgress("parse", 1.0, 2.0)
    assert isinstance(event.fraction, float)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"loading weights...",
        b"[1, 2]",
        b'"Ask"',
        b"\xff\xfe\x00",
        b'{"question": "no type"}',
        b'{"type": "Nonsense"}',
        b'{"type": ["Ask"]}',
        b'{"type": "Ask", "request_id": "q1"}',
        b'{"type": "Ask", "request_id": "q1", "question": "?", "mood": "good"}',
        b'{"type": "Ask", "request_id": 1, "question": "?"}',
        b'{"type": "Ask", "request_id": "q1", "question": null}',
        b'{"type": "Ask", "question": "no id"}',
        b'{"type": "Ask", "request_id": null, "question": "?"}',
        b'{"type": "Ask", "request_id": "q1", "question": "caf\xe9"}',
        b'{"type": "Ask", "request_id": "q1", "question": "?", "replaces_last": 1}',
        b'{"type": "Open", "request_id": "o1", "options": "a.txt"}',
        b'{"type": "Open", "request_id": "o1", "options": {"paths": "a.txt"}}',
        b'{"type": "Open", "request_id": "o1", "options": {"paths": [["a.txt"]]}}',
        b'{"type": "Open", "request_id": "o1", "options": {"paths": ["a"], "colour": "red"}}',
        b'{"type": "Open", "request_id": "o1", "options": {"paths": ["a"]}, "recall": []}',
        b'{"type": "Open", "request_id": "o1", "options": {"paths": ["a"]},'
        b' "replay_turns": ["Who?"]}',
        b'{"type": "Open", "request_id": "o1", "options": {"paths": ["a"]},'
        b' "replay_turns": [{"question": "Who?"}]}',
        b'{"type": "Compare", "request_id": "c1", "question": "?"}',
        b'{"type": "TextDelta", "text": "a", "tokens": true}',
        b'{"type": "TextDelta", "text": "a", "tokens": 1.0}',
        b'{"type": "TextDelta", "text": "a", "seconds": true}',
        b'{"type": "Failed", "message": "No.", "hint": ""}',
        b'{"type": "UsageFailed", "message": "No.", "hint": "", "error_type": "UsageError"}',
        b"[" * 200_000,
        b'{"type": ' * 100_000,
        b'{"type": "Ask", "request_id": "q1", "question": ' + b"[" * 100_000,
    ],
)
def test_everything_else_is_refused(line: bytes) -> None:
    with pytest.raises(EngineError, match="no message"):
        from_line(line)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "1" + "0" * 400])
def test_numbers_that_are_not_finite_are_refused(number: str) -> None:
    line = f'{{"type": "LoadProgress", "stage": "parse", "fraction": {number}, "seconds": 0}}'
    with pytest.raises(EngineError, match="no message"):
        from_line(line.encode())


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_not_sent(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_line(events.LoadProgress("parse", number, 0.0))


@pytest.mark.parametrize(
    ("line", "request_id"),
    [
        (b'{"type": "Ask", "request_id": "q1", "mood": "good"}', "q1"),
        (b'{"type": "Sing", "request_id": "q1"}', "q1"),
        (b'{"type": "Ask", "request_id": "q1", "question": "caf\xe9"}', "q1"),
        (b'{"type": "Ask", "request_id": 7}', None),
        (b'{"type": "Ask"}', None),
        (b'["request_id", "q1"]', None),
        (b'{"type": "Ask", "request_id": "q1"', None),
        (b"[" * 200_000, None),
        (b"", None),
    ],
)
def test_the_id_in_a_line_that_is_no_request(line: bytes, request_id: str | None) -> None:
    assert request_id_of(line) == request_id


@pytest.mark.parametrize(("kind", "code"), sorted(EXIT_CODES.items()))
def test_every_kind_of_error_comes_back_from_its_name(kind: str, code: int) -> None:
    error = error_of_kind(kind, "No.", "Do this.")
    assert (error.kind, error.exit_code, error.message, error.hint) == (
        kind,
        code,
        "No.",
        "Do this.",
    )


@pytest.mark.parametrize("kind", EXIT_CODES)
def test_every_kind_of_error_crosses_the_wire_as_a_type_of_its_own(kind: str) -> None:
    error = error_of_kind(kind, "No.", "Do this.")
    event = events.failed(error, request_id="q1")
    received = from_line(to_line(event))
    assert (type(received), received) == (type(event), event)
    raised = received.exception()
    assert (type(raised), raised.exit_code) == (type(error), error.exit_code)
    assert (raised.message, raised.hint) == ("No.", "Do this.")


def test_an_error_of_no_kind_is_told_as_the_engines() -> None:
    class Odd(SaChatError):
        pass

    assert events.failed(Odd("No."), fatal=True) == events.EngineFailed("No.", "", fatal=True)
