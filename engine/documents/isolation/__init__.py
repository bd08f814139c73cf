"""Readers of complicated formats run in a process of their own.

A file that makes a parser crash, loop or fill the memory costs that process, not the engine:
it is ended, the file is told by name, and the next file gets a new one.
"""

from __future__ import annotations

import json
import logging
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any

from ...errors import DocumentError, error_of_kind
from ...protocol import build
from ..readers import Reader, Reading, Source

STALL_S = 15.0  # without any progress, the start of the process included
TOTAL_S = 300.0  # for one file
MEMORY_BYTES = 1 << 30  # address space
OCR_MEMORY_BYTES = 8 << 30
_POLL_S = 0.2
# -P: a file named like a module, in the folder that is read, stays unread.
_COMMAND = (sys.executable, "-P", "-m", "sa_chat.engine.documents.isolation.child")

_log = logging.getLogger(__name__)


class IsolatedReaders:
    """Reads one file after another in a child process, which starts with the first of them.

    A context manager: the child ends with it.
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

    def read(self, reader: Reader, source: Source) -> Reading:
        """What `reader.read(source)` returns or raises, but for the limits.

        Raises `DocumentError` too if the parser crashes (a second time, on a careful attempt),
        runs out of memory, or takes too long.
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

    def _attempt(self, reader: Reader, source: Source) -> Reading:
        if self._child is None or not self._child.fits(source):
            self._end()
            self._child = _Child(self._command, source.ocr)
        child = self._child
        try:
            child.send(_request(reader, source))
            answer = self._wait(child, source)
        except BaseException:
            self._end()  # also when the user cancels: the child is in the midst of it
            raise
        if "failed" in answer:
            failed = answer["failed"]
            if failed["log"]:
                _log.warning("%s: %s", source.shown, failed["log"])
                self._end()  # after an error that nobody expects, begin anew
            raise error_of_kind(failed["kind"], failed["message"], failed["hint"])
        reading: Reading = build(Reading, answer["reading"])
        return reading

    def _wait(self, child: _Child, source: Source) -> dict[str, Any]:
        began = heard = time.monotonic()
        share = 0.0
        while True:
            answer = child.receive(_POLL_S)
            now = time.monotonic()
            if answer is not None and "progress" not in answer:
                return answer
            if answer is not None:
                heard, share = now, float(answer["progress"])
            source.progress(share)  # without news too, so that a cancellation is seen
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
    """The process ended without an answer; the text says how."""


class _Child:
    """One process, and a thread that listens to it."""

    def __init__(self, command: Sequence[str], ocr: bool) -> None:
        self._ocr = ocr
        self._process = subprocess.Popen(
            [*command, str(OCR_MEMORY_BYTES if ocr else MEMORY_BYTES)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._listen, name="isolated reader", daemon=True).start()

    def fits(self, source: Source) -> bool:
        """Whether it has the memory that this takes."""
        return self._ocr == source.ocr

    def send(self, request: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise _Crashed(self._how()) from error

    def receive(self, timeout_s: float) -> dict[str, Any] | None:
        """The next line; None if there is none in time.  Raises `_Crashed`."""
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
        self._process.stdin.close()

    def _how(self) -> str:
        code = self._process.wait()
        return signal.strsignal(-code) or f"signal {-code}" if code < 0 else f"exit code {code}"

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break  # it died in the midst of it
                self._answers.put(json.loads(line))
        self._answers.put(None)


def _request(reader: Reader, source: Source) -> dict[str, Any]:
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
