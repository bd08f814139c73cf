"""The engine's process, driven through real pipes with the fake engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from sa_chat.engine.server.failures import failure
from sa_chat.engine.server.host import Host
from sa_chat.engine.server.worker import Worker
from sa_chat.protocol import events, values
from sa_chat.protocol.codec import from_line, to_line
from sa_chat.protocol.config import OpenOptions
from sa_chat.protocol.requests import Ask, Cancel, Close, Compare, Open, Request, Stats

WriteScript = Callable[..., str]
OPEN = Open("o1", OpenOptions(("moby.txt",)))


class Child:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def send(self, *requests: Request | bytes) -> None:
        assert self.process.stdin is not None
        for request in requests:
            self.process.stdin.write(request if isinstance(request, bytes) else to_line(request))
        self.process.stdin.flush()

    def next(self) -> events.Event:
        assert self.process.stdout is not None
        event: events.Event = from_line(self.process.stdout.readline())
        return event

    def until(self, kind: type) -> events.Event:
        while not isinstance(event := self.next(), kind):
            pass
        return event

    def rest(self) -> list[events.Event]:
        """Close its stdin and read to the end."""
        out, self.log = self.process.communicate(timeout=20)
        return [from_line(line) for line in out.splitlines()]


@contextmanager
def child(*arguments: str) -> Iterator[Child]:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "sa_chat.engine", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield Child(process)
    finally:
        process.kill()
        process.communicate()


def names(said: list[events.Event]) -> list[str]:
    return [type(event).__name__ for event in said]


def test_whole_conversation(write_script: WriteScript) -> None:
    with child("--fake", write_script()) as engine:
        engine.send(OPEN, Ask("q1", "the whale?"), Ask("q2", "the moon?"), Close("z1"))
        said = engine.rest()
        assert engine.process.returncode == 0
    order = names(said)
    assert order.index("DocumentReady") < order.index("PrefillProgress")
    assert order.count("PrefillProgress") == 4
    assert order.index("PrefillDone") < order.index("TextDelta")
    assert order[-1] == "Closed"
    first, second = [event for event in said if isinstance(event, events.Answer)]
    assert first.text == "> Call me Ishmael.\n"
    assert first.citations[0].verified
    assert first.ttft.first_token_s > 0
    assert second.ttft == first.ttft
    deltas = [e.text for e in said if isinstance(e, events.TextDelta) and e.request_id == "q1"]
    assert "".join(deltas) == first.text


def test_density_is_plausible(write_script: WriteScript) -> None:
    with child("--fake", write_script(), "--attention", "sparse") as engine:
        engine.send(OPEN, Close("z1"))
        (done,) = [event for event in engine.rest() if isinstance(event, events.PrefillDone)]
    assert [len(layer) for layer in done.density_by_head] == [2, 2, 2]
    assert all(0 < value < 1 for layer in done.density_by_head for value in layer)
    assert done.attention.density + done.attention.sparsity == pytest.approx(1)


def test_same_script_same_events(write_script: WriteScript) -> None:
    def play() -> list[events.Event]:
        with child("--fake", write_script()) as engine:
            engine.send(OPEN, Ask("q1", "the whale?"), Close("z1"))
            return engine.rest()

    assert play() == play()


def test_cancel_while_prefilling_then_open_again(write_script: WriteScript) -> None:
    script = write_script(pace=1.0, chunk_s=0.05, load_s=0, document_tokens=100_000)
    with child("--fake", script) as engine:
        engine.send(OPEN, Ask("q1", "the whale?"))
        engine.until(events.PrefillProgress)
        engine.send(Cancel("x1"))
        assert engine.until(events.Cancelled) == events.Cancelled("prefill", request_id="o1")
        engine.send(Open("o1", OpenOptions(("moby.txt",))), Cancel("x1"), Stats("s1"))
        engine.until(events.Cancelled)
        engine.send(Cancel("x1", queued=True))
        answer = engine.until(events.Answer)
        assert isinstance(answer, events.Answer)
        assert (answer.request_id, answer.stop_reason, answer.tokens) == ("q1", "cancelled", 0)


def test_question_waits_over_a_cancelled_prefill(write_script: WriteScript) -> None:
    with child("--fake", write_script(pace=0.2)) as engine:
        engine.send(OPEN, Ask("q1", "the whale?"))
        engine.until(events.PrefillProgress)
        engine.send(Cancel("x1"))
        engine.until(events.Cancelled)
        engine.send(OPEN)
        answer = engine.until(events.Answer)
        assert isinstance(answer, events.Answer)
        assert (answer.request_id, answer.stop_reason) == ("q1", "stop")


def test_cancel_while_answering_keeps_the_queue(write_script: WriteScript) -> None:
    replies = [{"question": "long", "text": "word " * 2_000}, {"question": "", "text": "Yes.\n"}]
    script = write_script(
        pace=1.0, chunk_s=0, load_s=0, parse_s=0, tokenize_s=0, token_s=0.01, replies=replies
    )
    with child("--fake", script) as engine:
        engine.send(OPEN, Ask("q1", "long"), Ask("q2", "short"))
        engine.until(events.TextDelta)
        engine.send(Cancel("x1"))
        first, second = engine.until(events.Answer), engine.until(events.Answer)
    assert isinstance(first, events.Answer)
    assert isinstance(second, events.Answer)
    assert (first.request_id, first.stop_reason) == ("q1", "cancelled")
    assert 0 < first.tokens < 2_000
    assert (second.request_id, second.text, second.stop_reason) == ("q2", "Yes.\n", "stop")


def test_comparing_leaves_the_document_open(write_script: WriteScript) -> None:
    said_before = (values.PastTurn("the moon?", "I could not find that."),)
    with child("--fake", write_script()) as engine:
        engine.send(Open("o1", OPEN.options, replay_turns=said_before, text=True))
        assert isinstance(engine.until(events.DocumentText), events.DocumentText)
        engine.until(events.PrefillDone)
        engine.send(Compare("c1", "the whale?", "dense", said_before), Ask("q1", "the whale?"))
        said = [engine.until(events.PrefillDone), *(engine.until(events.Answer) for _ in range(2))]
    done, compared, answer = said
    assert isinstance(done, events.PrefillDone)
    assert isinstance(compared, events.Answer)
    assert isinstance(answer, events.Answer)
    assert done.attention.mode == "dense"
    assert (compared.request_id, answer.request_id) == ("c1", "q1")
    assert compared.text == answer.text
    assert compared.ttft.prefill_s > answer.ttft.prefill_s


@pytest.mark.parametrize("moment", [events.PrefillProgress, events.PrefillDone, events.TextDelta])
def test_cancelled_comparing_is_told_and_the_document_stays_open(
    write_script: WriteScript, moment: type
) -> None:
    replies = [{"question": "long", "text": "word " * 2_000}, {"question": "", "text": "Yes.\n"}]
    script = write_script(
        pace=0.1, chunk_s=0.1, load_s=0, first_token_s=1.0, token_s=0.1, replies=replies
    )
    with child("--fake", script) as engine:
        engine.send(OPEN)
        engine.until(events.PrefillDone)
        engine.send(Compare("c1", "long", "dense"))
        engine.until(moment)
        engine.send(Cancel("x1"), Ask("q1", "short"))
        assert engine.until(events.Cancelled) == events.Cancelled("compare", request_id="c1")
        answer = engine.until(events.Answer)
    assert isinstance(answer, events.Answer)
    assert (answer.request_id, answer.stop_reason, answer.text) == ("q1", "stop", "Yes.\n")


def test_comparing_that_waits_is_dropped_with_the_queue(write_script: WriteScript) -> None:
    replies = [{"question": "", "text": "word " * 2_000}]
    script = write_script(pace=1.0, chunk_s=0, load_s=0, parse_s=0, tokenize_s=0, replies=replies)
    with child("--fake", script) as engine:
        engine.send(OPEN, Ask("q1", "?"), Compare("c1", "?", "dense"))
        engine.until(events.TextDelta)
        engine.send(Cancel("x1", queued=True))
        said = [engine.until(events.Cancelled), engine.until(events.Answer)]
        assert said[0] == events.Cancelled("compare", request_id="c1")
        engine.send(Close("z1"))
        assert names(engine.rest()) == ["Closed"]


@pytest.mark.parametrize(
    ("question", "attention", "words"),
    [
        ("impossible", "dense", "Too long."),
        ("whale", "sparse", "open in sparse mode already"),
        ("whale", "thick", "Unknown attention mode 'thick'"),
    ],
)
def test_comparing_that_fails_names_itself(
    write_script: WriteScript, question: str, attention: str, words: str
) -> None:
    with child("--fake", write_script()) as engine:
        engine.send(OPEN, Compare("c1", question, attention), Ask("q1", "whale"))
        failed, answer = engine.until(events.Failed), engine.until(events.Answer)
    assert isinstance(failed, events.Failed)
    assert words in failed.message
    assert failed.hint or question == "impossible"
    assert (failed.request_id, failed.fatal) == ("c1", False)
    assert isinstance(answer, events.Answer)
    assert answer.stop_reason == "stop"


def test_comparing_waits_over_a_cancelled_prefill(write_script: WriteScript) -> None:
    with child("--fake", write_script(pace=0.2)) as engine:
        engine.send(OPEN, Compare("c1", "the whale?", "dense"))
        engine.until(events.PrefillProgress)
        engine.send(Cancel("x1"))
        assert engine.until(events.Cancelled) == events.Cancelled("prefill", request_id="o1")
        engine.send(OPEN)
        answer = engine.until(events.Answer)
    assert isinstance(answer, events.Answer)
    assert answer.request_id == "c1"


def test_opening_in_a_mode_that_is_none_fails(write_script: WriteScript) -> None:
    with child("--fake", write_script()) as engine:
        engine.send(Open("o1", OPEN.options, "thick"), Open("o1", OPEN.options, "dense"))
        failed, done = engine.until(events.Failed), engine.until(events.PrefillDone)
    assert isinstance(failed, events.Failed)
    assert isinstance(done, events.PrefillDone)
    assert isinstance(failed, events.UsageFailed)
    assert done.attention.mode == "dense"


def test_stats_are_answered_while_work_runs_and_come_by_themselves(
    write_script: WriteScript,
) -> None:
    with child("--fake", write_script(pace=1.0, load_s=30.0)) as engine:
        engine.send(OPEN)
        engine.until(events.DocumentReady)
        engine.send(Stats("s1"))
        for _ in range(2):
            stats = engine.until(events.DeviceStats)
            assert isinstance(stats, events.DeviceStats)
            assert stats.devices[0].total_bytes > stats.devices[0].used_bytes > 0


def test_noise_of_libraries_stays_out_of_the_protocol(write_script: WriteScript) -> None:
    with child("--fake", write_script(noise="Loading weights: 100%")) as engine:
        engine.send(OPEN, Close("z1"))
        assert names(engine.rest())[-2:] == ["PrefillDone", "Closed"]
        assert engine.log.count(b"Loading weights: 100%") == 2


def test_garbage_is_refused_and_work_goes_on(write_script: WriteScript) -> None:
    with child("--fake", write_script()) as engine:
        engine.send(b"what is this\n", b"\n", b'{"type": "Closed", "reason": "x"}\n')
        for _ in range(2):
            failed = engine.next()
            assert isinstance(failed, events.Failed)
            assert (type(failed), failed.fatal) == (events.EngineFailed, False)
            assert failed.hint
        engine.send(OPEN, Ask("q1", "the whale?"))
        engine.until(events.Answer)


def test_a_question_of_one_megabyte(write_script: WriteScript) -> None:
    question = "whale \u2603" * 125_000
    with child("--fake", write_script()) as engine:
        engine.send(OPEN, Ask("q1", question))
        answer = engine.until(events.Answer)
        assert isinstance(answer, events.Answer)
        assert answer.question == question


def test_end_of_input_ends_the_work(write_script: WriteScript) -> None:
    with child("--fake", write_script(pace=1.0, chunk_s=30.0, load_s=0)) as engine:
        engine.send(OPEN)
        engine.until(events.ModelReady)
        assert names(engine.rest()) == ["Cancelled", "Closed"]
        assert engine.process.returncode == 0


def test_reader_that_goes_away_ends_the_work(write_script: WriteScript) -> None:
    replies = [{"question": "", "text": "word " * 100_000}]
    script = write_script(pace=1.0, chunk_s=0, load_s=0, token_s=0.001, replies=replies)
    with child("--fake", script) as engine:
        engine.send(OPEN, Ask("q1", "?"), Close("z1"))
        engine.until(events.TextDelta)
        assert engine.process.stdout is not None
        engine.process.stdout.close()
        assert engine.process.wait(10) == 0


def test_interrupt_is_the_parents_business(write_script: WriteScript) -> None:
    with child("--fake", write_script()) as engine:
        engine.send(Stats("s1"))
        engine.next()
        engine.process.send_signal(signal.SIGINT)
        engine.send(OPEN)
        engine.until(events.PrefillDone)
        assert names(engine.rest()) == ["Closed"]
        assert engine.process.returncode == 0


@pytest.mark.parametrize("request_", [Ask("q1", "whale"), Compare("q1", "whale", "dense")])
def test_question_without_a_document_fails(write_script: WriteScript, request_: Request) -> None:
    with child("--fake", write_script()) as engine:
        engine.send(request_)
        failed = engine.next()
    assert isinstance(failed, events.Failed)
    assert (failed.request_id, type(failed)) == ("q1", events.UsageFailed)


def test_failed_open_fails_the_questions_that_wait(write_script: WriteScript) -> None:
    failure_ = {"kind": "document", "message": "Not a PDF.", "hint": "Open another."}
    with child("--fake", write_script(open_failure=failure_)) as engine:
        engine.send(OPEN, Ask("q1", "the whale?"))
        first, second = engine.next(), engine.next()
    assert first == events.DocumentFailed("Not a PDF.", "Open another.", request_id="o1")
    assert isinstance(second, events.Failed)
    assert second.request_id == "q1"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--alpha=7",), 2),
        (("--alpha=x",), 2),
        (("--quality=best",), 2),
        (("--alpha=1", "--quality=exact"), 2),
        (("--fake=/nowhere.json",), 2),
        (("--what",), 2),
    ],
)
def test_bad_command_line(arguments: tuple[str, ...], code: int) -> None:
    with child(*arguments) as engine:
        engine.rest()
        assert engine.process.returncode == code
        assert b"Traceback" not in engine.log
        assert len(engine.log.splitlines()) == 2


def test_script_with_an_unknown_field_is_refused(write_script: WriteScript) -> None:
    with child("--fake", write_script(mood="good")) as engine:
        (failed,) = engine.rest()
        assert engine.process.returncode == 2
    assert isinstance(failed, events.Failed)
    assert "Script has no mood" in failed.message
    assert failed.fatal


class BrokenEngine:
    """Raises what it is given."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def open(self, options: OpenOptions, *how: object) -> None:
        raise self._error

    def ask(self, question: str, replaces_last: bool = False) -> None:
        raise AssertionError

    def cancel(self) -> None:
        pass

    def stats(self) -> tuple[values.DeviceUse, ...]:
        return ()

    def close(self) -> None:
        raise self._error


class OutOfMemoryError(RuntimeError):
    """Named like torch's."""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ZeroDivisionError("x"), "unexpected error (ZeroDivisionError)"),
        (MemoryError(), "ran out of memory"),
        (OutOfMemoryError("CUDA out of memory"), "ran out of memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "ran out of memory"),
        (RuntimeError("CUDA error: out of memory"), "ran out of memory"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"), "ran out of memory"),
        (SystemExit(3), "unexpected error (SystemExit)"),
    ],
)
def test_unexpected_errors_become_one_sentence(
    error: BaseException, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[events.Event] = []
    host = Host(lambda emit: BrokenEngine(error), said.append)
    assert host.serve([to_line(OPEN), to_line(Close("z1"))])
    failed, closed = said
    assert isinstance(failed, events.Failed)
    assert words in failed.message
    assert isinstance(failed, events.EngineFailed)
    assert (failed.fatal, failed.request_id) == (False, "o1")
    assert failed.hint
    assert "Traceback" in capsys.readouterr().err
    assert closed == events.Closed(request_id="z1")


def test_failure_names_the_question() -> None:
    assert failure(MemoryError(), "q7").request_id == "q7"


class SlowStart(BrokenEngine):
    """Says where it is, and forgets a cancel that came before it began."""

    def __init__(
        self,
        emit: Callable[[events.Event], None],
        before_clear: Callable[[], None] = lambda: None,
    ) -> None:
        self._emit = emit
        self._before_clear = before_clear
        self._stop = threading.Event()

    def open(self, options: OpenOptions, *how: object) -> None:
        self._before_clear()
        self._stop.clear()
        self._emit(events.LoadProgress("parse", 0.0, 0.0))
        assert self._stop.wait(5)
        self._emit(events.Cancelled("prefill"))

    def cancel(self) -> None:
        self._stop.set()

    def close(self) -> None:
        pass


def test_cancel_is_not_lost_between_queue_and_engine() -> None:
    said: list[events.Event] = []
    making, made = threading.Event(), threading.Event()

    def make(emit: Callable[[events.Event], None]) -> SlowStart:
        making.set()
        assert made.wait(5)
        return SlowStart(emit)

    worker = Worker(make, said.append)
    worker.start()
    worker.submit(OPEN)
    assert making.wait(5)
    worker.cancel(queued=False)
    made.set()
    worker.finish()
    assert worker.join(5)
    assert said == [events.Cancelled("prefill", request_id="o1"), events.Closed()]


def test_cancel_is_told_again_to_an_engine_that_cleared_it() -> None:
    said: list[events.Event] = []
    worker = Worker(lambda emit: SlowStart(emit, lambda: worker.cancel(queued=False)), said.append)
    worker.start()
    worker.submit(OPEN)
    worker.finish()
    assert worker.join(5)
    assert said[1] == events.Cancelled("prefill", request_id="o1")


def test_protocol_and_fake_need_neither_torch_nor_transformers(write_script: WriteScript) -> None:
    code = (
        "import sys\n"
        "from sa_chat.engine.server.host import parse, run\n"
        f"code = run(parse(['--fake', {write_script()!r}]))\n"
        "sys.stderr.write(str({'torch', 'transformers', 'textual'} & sys.modules.keys()))\n"
        "sys.exit(code)"
    )
    lines = to_line(OPEN) + to_line(Ask("q1", "the whale?")) + to_line(Close("z1"))
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, input=lines, capture_output=True, timeout=20)
    assert done.returncode == 0
    assert done.stderr.endswith(b"set()")
    assert json.loads(done.stdout.splitlines()[-1])["type"] == "Closed"


def test_dead_stdin_of_libraries(write_script: WriteScript) -> None:
    """What a library reads from stdin is nothing, never a request."""
    code = (
        "import os, sys\n"
        "from sa_chat.engine.server.stdio import claim_stdio\n"
        "requests, write = claim_stdio()\n"
        "assert os.read(0, 10) == b''\n"
        "sys.exit(0 if requests.readline() == b'line\\n' else 1)"
    )
    done = subprocess.run([sys.executable, "-c", code], input=b"line\n", timeout=20)
    assert done.returncode == 0, os.strerror(done.returncode)
