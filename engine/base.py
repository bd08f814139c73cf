"""What the host drives: an engine, real or scripted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .config import EngineConfig, OpenOptions
from .events import DeviceUse, Event

Emit = Callable[[Event], None]


class Engine(Protocol):
    """Reads one set of documents and answers questions about it.

    `open` and `ask` run one at a time on one thread and speak through `emit`.  They raise
    `SaChatError` for what a user can meet.  `cancel` and `stats` come from other threads,
    at any time.
    """

    def __init__(self, config: EngineConfig, emit: Emit) -> None: ...

    def open(self, options: OpenOptions) -> None:
        """Read and prefill; ends with `PrefillDone`, or `Cancelled("prefill")`.  A document
        that does not fit is told as `DocumentCounted` first."""

    def count(self, options: OpenOptions, text: bool = False) -> None:
        """Read and count, and leave the conversation as it is; ends with `DocumentCounted`, with
        `text` with the last `DocumentText`, or with `Cancelled("count")`."""

    def ask(self, ask_id: str, question: str, replaces_last: bool = False) -> None:
        """Answer, in the place of the last question and its answer if it replaces them; ends with
        an `Answer`, whose `stop_reason` is "cancelled" if it was."""

    def cancel(self) -> None:
        """Ask the running `open` or `ask` to end soon.  Sets a flag and returns at once;
        `open` and `ask` clear the flag before they do anything else."""

    def stats(self) -> tuple[DeviceUse, ...]:
        """Memory in use now, device by device."""

    def close(self) -> None:
        """Free what is held.  Nothing is called afterwards."""
