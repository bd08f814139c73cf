"""The child process: reads a JSON line for each file, writes progress and the parsed file.

    python -m sa_chat.engine.documents.isolation.child BYTES_OF_ADDRESS_SPACE PARENT_PID

It cannot write files, is limited to the given memory, and ends with its parent.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from sa_chat.protocol.errors import DocumentError, SaChatError

from ..pages import PageSelection
from ..readers import READERS, Source
from . import MEMORY_BYTES

_PROGRESS_PERIOD_S = 0.05
_PR_SET_PDEATHSIG = 1  # of prctl(2)


def main() -> None:
    """Serve until stdin ends."""
    limit, parent = map(int, sys.argv[1:3])
    _confine(limit)
    if os.getppid() != parent:
        return  # the parent ended before the death signal was set
    # What a library prints must not mix with the answers.
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        answer = _answer(json.loads(line), out, limit)
        _write(out, answer)


def _confine(memory_bytes: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory_bytes <= MEMORY_BYTES:  # text recognition may write caches
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _answer(request: dict[str, Any], out: BinaryIO, memory_bytes: int) -> dict[str, Any]:
    reader = next(r for r in READERS if type(r).__name__ == request["reader"])
    shown = request["shown"]
    source = Source(
        path=Path(request["path"]),
        shown=shown,
        pages=None if request["pages"] is None else PageSelection.parse(request["pages"]),
        progress=_progress_to(out),
        password=request["password"],
        ocr=request["ocr"],
        in_folder=request["in_folder"],
        careful=request["careful"],
    )
    try:
        parsed = asdict(reader.read(source))
        source.progress(1.0)  # sending a long text takes time, too
        return {"parsed": parsed}
    except SaChatError as error:
        return _failed(error)
    except MemoryError:
        too_much = DocumentError(
            f"{shown} needs more than {memory_bytes >> 20:,} MiB of memory to read.",
            "Give a part of it, for example with --pages.",
        )
        return _failed(too_much, traceback.format_exc())
    except Exception as unexpected:
        # Parsers raise errors of any class on damaged files.
        damaged = DocumentError(
            f"{shown} cannot be read: {unexpected or type(unexpected).__name__}.",
            "The file is damaged; open it in its own program and save it anew.",
        )
        return _failed(damaged, traceback.format_exc())


def _failed(error: SaChatError, log: str = "") -> dict[str, Any]:
    """An error as a message; `log` holds the traceback of an unexpected one."""
    return {
        "failed": {"kind": error.kind, "message": error.message, "hint": error.hint, "log": log}
    }


def _progress_to(out: BinaryIO) -> Callable[[float], None]:
    """Writes progress to `out`, at most once every `_PROGRESS_PERIOD_S`."""
    written = 0.0

    def progress(share: float) -> None:
        nonlocal written
        now = time.monotonic()
        if now - written >= _PROGRESS_PERIOD_S:
            written = now
            _write(out, {"progress": share})

    return progress


def _write(out: BinaryIO, message: dict[str, Any]) -> None:
    # A text near the limits fits into memory as UTF-8, but not with characters as \\u escapes.
    text = json.dumps(message, ensure_ascii=False)
    data = memoryview(text.encode("utf-8", "surrogatepass"))
    while data:
        data = data[out.write(data) :]
    out.write(b"\n")


if __name__ == "__main__":
    main()
