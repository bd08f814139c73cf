"""The engine process: reads requests from stdin, writes events to stdout.

The main thread reads requests, so that `Cancel` and `Stats` take effect at once; a `Worker`
runs the other requests in order.  stderr is the log.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Sequence

from sa_chat.protocol.arguments import Parser, add_config_arguments, config_from
from sa_chat.protocol.codec import from_line, request_id_of
from sa_chat.protocol.config import EngineConfig
from sa_chat.protocol.errors import EngineError, SaChatError
from sa_chat.protocol.events import DeviceStats, Event
from sa_chat.protocol.requests import Ask, Cancel, Close, Compare, Count, Open, Stats

from ..platform.machine import prepare_process
from ..session.base import Emit, Engine
from .failures import failure
from .stdio import claim_stdio
from .worker import Worker

STATS_PERIOD_S = 1.0
GRACE_S = 20.0  # after the end of input; a chunk of a large prefill may take seconds


class Host:
    """Serves the protocol for one engine."""

    def __init__(self, make_engine: Callable[[Emit], Engine], write: Emit) -> None:
        self._write = write
        self._listener_gone = threading.Event()
        self._ended = threading.Event()
        self._worker = Worker(make_engine, self._emit)

    def serve(self, lines: Iterable[bytes]) -> bool:
        """Serve until `Close` or the end of input; False if the work did not end in time."""
        self._worker.start()
        threading.Thread(target=self._tick, name="stats", daemon=True).start()
        try:
            for line in lines:
                if not line.strip():
                    continue
                try:
                    if not self._handle(from_line(line)):
                        return self._worker.join()
                except Exception as error:
                    self._emit(failure(error, request_id_of(line)))
            self._worker.cancel(queued=True)
            self._worker.finish()
            return self._worker.join(GRACE_S)
        finally:
            self._ended.set()

    def _handle(self, request: object) -> bool:
        """Handle one request; False after `Close`."""
        match request:
            case Open() | Count() | Ask() | Compare():
                self._worker.submit(request)
            case Cancel(queued=queued):
                self._worker.cancel(queued)
            case Stats(request_id=request_id):
                self._emit(DeviceStats(self._worker.stats(), request_id=request_id))
            case Close(request_id=request_id):
                self._worker.finish(request_id)
                return False
            case _:
                raise EngineError(
                    f"The engine was sent {type(request).__name__}, which is no request.",
                    "Events come from the engine, requests go to it.",
                )
        return True

    def _tick(self) -> None:
        while not self._ended.wait(STATS_PERIOD_S):
            if self._worker.busy:
                self._emit(DeviceStats(self._worker.stats()))

    def _emit(self, event: Event) -> None:
        if self._listener_gone.is_set():
            return
        try:
            self._write(event)
        except BrokenPipeError:
            self._listener_gone.set()
            print("The reader of the events is gone; all work is cancelled.", file=sys.stderr)
            self._worker.cancel(queued=True)


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the engine process."""
    add_config_arguments(parser)
    parser.add_argument(
        "--max-answer-tokens",
        type=int,
        default=EngineConfig.max_answer_tokens,
        metavar="N",
        help=f"limit of an answer (default: {EngineConfig.max_answer_tokens})",
    )
    parser.add_argument(
        "--fake",
        metavar="SCRIPT",
        help="play a script instead of a model: a JSON file, or 'default'",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve the protocol on stdin and stdout; the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prepare_process()  # before torch is loaded
    faulthandler.enable()
    requests, write = claim_stdio()
    try:
        make_engine = _engine_maker(config_from(arguments), arguments.fake)
    except SaChatError as error:
        print(error.message, error.hint, sep="\n", file=sys.stderr)
        write(failure(error, fatal=True))
        return error.exit_code
    if not Host(make_engine, write).serve(requests):
        print("The work did not end in time; the process exits.", file=sys.stderr)
        sys.stderr.flush()
        os._exit(0)
    return 0


def _engine_maker(config: EngineConfig, fake_script: str | None) -> Callable[[Emit], Engine]:
    if fake_script is not None:
        from ..fake.engine import FakeEngine
        from ..fake.script import load_script

        script = load_script(fake_script)
        return lambda emit: FakeEngine(config, emit, script)

    def make(emit: Emit) -> Engine:
        from ..session.local import LocalEngine

        return LocalEngine(config, emit)

    return make


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments of the engine's process.  Ends the process on those it cannot take, with one
    sentence on stderr and the exit code of a usage error."""
    parser = Parser(prog="python -m sa_chat.engine", description=__doc__)
    add_run_arguments(parser)
    try:
        return parser.parse_args(argv)
    except SaChatError as error:
        print(error.message, error.hint, sep="\n", file=sys.stderr)
        sys.exit(error.exit_code)
