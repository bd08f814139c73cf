"""The other process: a JSON line in for each file; progress and the reading out.

    python -m sa_chat.engine.documents.isolation.child BYTES_OF_ADDRESS_SPACE PARENT_PID

It may not write files, takes no more memory than it is given, and ends with its parent.
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
        return  # it ended before the system was asked to tell
    # What a library prints must not get between the lines.
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        answer = _answer(json.loads(line), out, limit)
        _write(out, answer)


def _confine(memory_bytes: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory_bytes <= MEMORY_BYTES:  # those that recognise text may write caches
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _answer(request: dict[str, Any], out: BinaryIO, memory_bytes: int) -> dict[str, Any]:
    reader = next(r for r in READERS if type(r).__name__ == request["reader"])
    shown = request["shown"]
    source = Source(
        path=Path(request["path"]),
        shown=shown,
        pages=None if request["pages"] is None else PageSelection.parse(request["pages"]),
        progress=_teller(out),
        password=request["password"],
        ocr=request["ocr"],
        in_folder=request["in_folder"],
        careful=request["careful"],
    )
    try:
        reading = asdict(reader.read(source))
        source.progress(1.0)  # to send a long text takes time, too
        return {"reading": reading}
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
    """An error as it crosses; `log` is for those that nobody expects."""
    return {
        "failed": {"kind": error.kind, "message": error.message, "hint": error.hint, "log": log}
    }


def _teller(out: BinaryIO) -> Any:
    told = 0.0

    def tell(share: float) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= _PROGRESS_PERIOD_S:
            told = now
            _write(out, {"progress": share})

    return tell


def _write(out: BinaryIO, message: dict[str, Any]) -> None:
    # A text near the limits fits the memory as UTF-8, and not with its characters as \\u....
    text = json.dumps(message, ensure_ascii=False)
    data = memoryview(text.encode("utf-8", "surrogatepass"))
    while data:
        data = data[out.write(data) :]
    out.write(b"\n")


if __name__ == "__main__":
    main()
