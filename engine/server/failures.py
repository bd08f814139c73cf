"""Converts exceptions to `Failed` events; tracebacks go to the log."""

from __future__ import annotations

import sys
import traceback

from sa_chat.protocol.errors import EngineError, SaChatError
from sa_chat.protocol.events import Failure, failed

_OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "STATUS_ALLOC_FAILED")


def failure(error: BaseException, request_id: str | None = None, *, fatal: bool = False) -> Failure:
    """The event that reports `error` to the user."""
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
    """Whether `error` means that memory ran out.  torch's allocators for accelerators raise a type
    of their own; the CPU allocator, the driver, cuBLAS, cuDNN and triton raise `RuntimeError`."""
    message = str(error) if isinstance(error, RuntimeError) else ""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or any(words in message for words in _OUT_OF_MEMORY)
    )
