"""Runs the format readers of complicated formats in a process of their own.

A file that makes a parser crash, loop or exhaust the memory costs that process, not the engine:
the process is ended, the error names the file, and the next file gets a new process.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

from sa_chat.protocol.codec import build
from sa_chat.protocol.errors import DocumentError, SaChatError, error_of_kind

from ..readers import FormatReader, ParsedFile, Source

STALL_S = 15.0  # without progress, process start included
TOTAL_S = 300.0  # for one file
MEMORY_BYTES = 1 << 30  # address space
OCR_MEMORY_BYTES = 8 << 30
_POLL_S = 0.2
EXIT_S = 2.0  # allowed from the end of its output to its exit
# -P: modules are never imported from the working directory.
_COMMAND = (sys.executable, "-P", "-m", "sa_chat.engine.documents.isolation.child")

_log = logging.getLogger(__name__)


class IsolatedReaders:
    """Reads one file after another in a child process, which starts with the first file.

    A context manager: leaving it ends the child.
    """

    def __init__(
        self,
        stall_s: float = STALL_S,
        total_s: float = TOTAL_S,
        command: Sequence[str] = _COMMAND,
    ) -> None:
        self._command = command
        self._stall_s = stall_s
        self._total_s = total_s
        self._child: _Child | None = None

    def __enter__(self) -> IsolatedReaders:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def read(self, reader: FormatReader, source: Source) -> ParsedFile:
        """What `reader.read(source)` returns or raises, within the limits.

        Also raises `DocumentError` if the parser crashes (again, on a careful attempt), runs out
        of memory, or takes too long.
        """
        try:
            return self._attempt(reader, source)
        except _Crashed as crash:
            _log.warning("%s: %s; once more, carefully", source.shown, crash)
        try:
            return self._attempt(reader, replace(source, careful=True))
        except _Crashed as crash:
            raise DocumentError(
                f"{source.shown} crashes its parser ({crash}).",
                "The file is damaged; open it in its own program and save it anew.",
            ) from crash

    def _attempt(self, reader: FormatReader, source: Source) -> ParsedFile:
        if self._child is None or not self._child.fits(source):
            self._end()
            self._child = _Child(self._command, source.ocr)
        child = self._child
        try:
            child.send(_request(reader, source))
            answer = self._wait(child, source)
        except BaseException:
            self._end()  # also on cancellation, as the child is still working
            raise
        if isinstance(answer, _Failed):
            if answer.log:
                _log.warning("%s: %s", source.shown, answer.log)
                self._end()  # start afresh after an unexpected error
            raise answer.error
        return answer

    def _wait(self, child: _Child, source: Source) -> ParsedFile | _Failed:
        began = heard = time.monotonic()
        share = 0.0
        while True:
            answer = child.receive(_POLL_S)
            now = time.monotonic()
            if isinstance(answer, ParsedFile | _Failed):
                return answer
            if answer is not None:
                heard, share = now, answer
            source.progress(share)  # also without news, so that a cancellation is noticed
            if now - heard > self._stall_s or now - began > self._total_s:
                raise DocumentError(
                    f"{source.shown} takes too long to read: stopped after {now - began:.0f} s, "
                    f"at {share:.0%}.",
                    "The file is damaged or made to trouble its readers; give a part of it, "
                    "for example with --pages.",
                )

    def _end(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child = None


class _Crashed(Exception):
    """The process ended without an answer; the text says in which way."""


@dataclass(frozen=True)
class _Failed:
    """The error that the reader raised; `log` holds the traceback of an unexpected one."""

    error: SaChatError
    log: str


_Answer = float | ParsedFile | _Failed  # fraction of the file read so far, or the result


class _Child:
    """A child process, and a thread that receives its answers."""

    def __init__(self, command: Sequence[str], ocr: bool) -> None:
        self._ocr = ocr
        self._process = subprocess.Popen(
            [*command, str(OCR_MEMORY_BYTES if ocr else MEMORY_BYTES), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._answers: queue.Queue[_Answer | None] = queue.Queue()
        threading.Thread(target=self._listen, name="isolated reader", daemon=True).start()

    def fits(self, source: Source) -> bool:
        """Whether it is alive and has the memory limit that this source needs."""
        return self._ocr == source.ocr and self._process.poll() is None

    def send(self, request: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise _Crashed(self._how()) from error

    def receive(self, timeout_s: float) -> _Answer | None:
        """The next answer; None after the timeout.  Raises `_Crashed`."""
        try:
            answer = self._answers.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if answer is None:
            raise _Crashed(self._how())
        return answer

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # a request that it ended without reading
            self._process.stdin.close()

    def _how(self) -> str:
        try:
            code = self._process.wait(EXIT_S)
        except subprocess.TimeoutExpired:
            return "its output is not an answer"
        return signal.strsignal(-code) or f"signal {-code}" if code < 0 else f"exit code {code}"

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                answer = _answer_in(line)
                if answer is None:
                    break
                self._answers.put(answer)
        self._answers.put(None)


def _answer_in(line: bytes) -> _Answer | None:
    """The answer in a line; None if it is incomplete, or if a file made the child write something
    else."""
    try:
        answer = json.loads(line)
        if "progress" in answer:
            return float(answer["progress"])
        if "failed" in answer:
            failed = answer["failed"]
            return _Failed(
                error_of_kind(failed["kind"], failed["message"], failed["hint"]), failed["log"]
            )
        parsed: ParsedFile = build(ParsedFile, answer["parsed"])
        return parsed
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        _log.warning("not an answer: %s (%r)", error, line[:80])
        return None


def _request(reader: FormatReader, source: Source) -> dict[str, Any]:
    return {
        "reader": type(reader).__name__,
        "path": str(source.path),
        "shown": source.shown,
        "pages": None if source.pages is None else str(source.pages),
        "password": source.password,
        "ocr": source.ocr,
        "in_folder": source.in_folder,
        "careful": source.careful,
    }
