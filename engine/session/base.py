"""The interface of an engine, as the server uses it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from sa_chat.protocol.config import EngineConfig, OpenOptions
from sa_chat.protocol.errors import UsageError
from sa_chat.protocol.events import Event
from sa_chat.protocol.values import DeviceUse, PastTurn

Emit = Callable[[Event], None]


def in_other_mode(config: EngineConfig, attention: str, opened: str) -> EngineConfig:
    """`config` with another attention mode than `opened`, that of the open document.

    Raises `UsageError` for an unknown mode and for the same one.
    """
    other = replace(config, attention=attention)
    if attention == opened:
        raise UsageError(
            f"The document is open in {attention} mode already.", "Compare with the other mode."
        )
    return other


class Engine(Protocol):
    """Reads one set of documents and answers questions about it.

    `open`, `count`, `ask` and `compare` are called one at a time on one thread, report through
    `emit`, and raise `SaChatError` for errors that a user can meet.  `cancel` and `stats` may be
    called from other threads at any time.  An engine knows no request ids; `server/worker.py`
    sets them.
    """

    def __init__(self, config: EngineConfig, emit: Emit) -> None: ...

    def open(
        self,
        options: OpenOptions,
        attention: str | None = None,
        replay_turns: tuple[PastTurn, ...] = (),
        text: bool = False,
    ) -> None:
        """Read and prefill; ends with `PrefillDone` or `Cancelled("prefill")`.  For a document
        that does not fit, `DocumentCounted` comes first.  See `requests.Open`."""

    def count(self, options: OpenOptions, text: bool = False) -> None:
        """Read and count, without changing the conversation; ends with `DocumentCounted`, with
        `text` with the last `DocumentText`, or with `Cancelled("count")`."""

    def ask(self, question: str, replaces_last: bool = False) -> None:
        """Answer a question; with `replaces_last`, forget the last question and its answer first.
        Ends with `Answer`, whose `stop_reason` may be "cancelled"."""

    def compare(
        self, question: str, attention: str, replay_turns: tuple[PastTurn, ...] = ()
    ) -> None:
        """Answer a question over a second prefill in the other mode, without changing the first;
        ends with `Answer` or `Cancelled("compare")`."""

    def cancel(self) -> None:
        """Request that the running call ends soon.  Sets a flag and returns at once; each call
        clears the flag before it does anything else."""

    def stats(self) -> tuple[DeviceUse, ...]:
        """Memory in use, one entry per device."""

    def close(self) -> None:
        """Free all memory.  No other call follows."""
