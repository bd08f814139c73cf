"""What the host drives: an engine, real or scripted."""

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
    """To read a document in `attention` that is open in mode `opened`.

    Raises `UsageError` for what is no mode, or the same.
    """
    other = replace(config, attention=attention)
    if attention == opened:
        raise UsageError(
            f"The document is open in {attention} mode already.", "Compare with the other mode."
        )
    return other


class Engine(Protocol):
    """Reads one set of documents and answers questions about it.

    `open`, `count`, `ask` and `compare` run one at a time on one thread and speak through `emit`.
    They raise `SaChatError` for what a user can meet.  `cancel` and `stats` come from other
    threads, at any time.  An engine knows no request ids: `server/worker.py` sets them.
    """

    def __init__(self, config: EngineConfig, emit: Emit) -> None: ...

    def open(
        self,
        options: OpenOptions,
        attention: str | None = None,
        replay_turns: tuple[PastTurn, ...] = (),
        text: bool = False,
    ) -> None:
        """Read and prefill; ends with `PrefillDone`, or `Cancelled("prefill")`.  A document
        that does not fit is told as `DocumentCounted` first.  For the rest see `protocol.Open`."""

    def count(self, options: OpenOptions, text: bool = False) -> None:
        """Read and count, and leave the conversation as it is; ends with `DocumentCounted`, with
        `text` with the last `DocumentText`, or with `Cancelled("count")`."""

    def ask(self, question: str, replaces_last: bool = False) -> None:
        """Answer, in the place of the last question and its answer if it replaces them; ends with
        an `Answer`, whose `stop_reason` is "cancelled" if it was."""

    def compare(
        self, question: str, attention: str, replay_turns: tuple[PastTurn, ...] = ()
    ) -> None:
        """Answer over a second reading in the other mode, and leave the first as it is; ends with
        an `Answer`, or with `Cancelled("compare")`."""

    def cancel(self) -> None:
        """Ask what runs to end soon.  Sets a flag and returns at once; what runs clears the flag
        before it does anything else."""

    def stats(self) -> tuple[DeviceUse, ...]:
        """Memory in use now, device by device."""

    def close(self) -> None:
        """Free what is held.  Nothing is called afterwards."""
