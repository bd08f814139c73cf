"""Exceptions become `Failed` events: one sentence, one hint; the traceback goes to the log."""

from __future__ import annotations

import sys
import traceback

from sa_chat.protocol.errors import EngineError, SaChatError
from sa_chat.protocol.events import Failure, failed

_OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "STATUS_ALLOC_FAILED")


def failure(error: BaseException, request_id: str | None = None, *, fatal: bool = False) -> Failure:
    """What to tell the user about `error`."""
    if not isinstance(error, SaChatError):
        traceback.print_exception(error, file=sys.stderr)
        error = _explain(error)
    return failed(error, fatal=fatal, request_id=request_id)


def _explain(error: BaseException) -> SaChatError:
    if _is_out_of_memory(error):
        return EngineError(
            "The engine ran out of memory.",
            "Open fewer pages (--pages) or files (--exclude), or close other programs.",
        )
    return EngineError(
        f"The engine met an unexpected error ({type(error).__name__}).",
        "Ask again; if it comes back, please report it with the engine's log.",
    )


def _is_out_of_memory(error: BaseException) -> bool:
    """torch has one type for what its allocator of an accelerator raises; the one on CPU, the
    driver, cuBLAS, cuDNN and triton give a RuntimeError."""
    told = str(error) if isinstance(error, RuntimeError) else ""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or any(words in told for words in _OUT_OF_MEMORY)
    )
