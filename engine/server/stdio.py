"""The pipes of the engine process, protected from what libraries print or read."""

from __future__ import annotations

import os
import sys
import threading
from typing import BinaryIO

from sa_chat.protocol.codec import to_line
from sa_chat.protocol.events import Event


class EventWriter:
    """Writes events to a file descriptor, one line each, from any thread.

    Raises `BrokenPipeError` if the reader has closed the pipe.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        rest = memoryview(to_line(event))
        with self._lock:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]


def claim_stdio() -> tuple[BinaryIO, EventWriter]:
    """Reserve stdin and stdout for the protocol.

    Afterwards descriptor 0 is empty and descriptor 1 is stderr, also for C libraries and child
    processes, which do not inherit the reserved pipes.
    """
    requests = os.fdopen(os.dup(0), "rb")
    writer = EventWriter(os.dup(1))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdout.flush()
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return requests, writer
