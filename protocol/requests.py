"""What the app asks of the engine: frozen dataclasses, one per request.

`codec.py` turns them into JSON lines and back.  This module imports neither torch nor textual.
"""

from __future__ import annotations

from dataclasses import dataclass

from . import events
from .config import OpenOptions


@dataclass(frozen=True)
class Open:
    """Read the documents, count them, prefill them."""

    options: OpenOptions
    attention: str | None = None  # in place of the configured mode
    recall: tuple[events.PastTurn, ...] = ()  # earlier turns; the newest that fit are known again
    text: bool = False  # send what the model reads, too, after `DocumentReady`


@dataclass(frozen=True)
class Count:
    """Read the documents and count them, and no more: ends in `DocumentCounted`, or, with
    `text`, in the last `DocumentText`."""

    options: OpenOptions
    text: bool = False  # send what the model would read, too


@dataclass(frozen=True)
class Ask:
    """Answer one question.  Waits for the prefill; several wait in order."""

    ask_id: str
    question: str
    replaces_last: bool = False  # question and answer, which are forgotten


@dataclass(frozen=True)
class Compare:
    """Answer one question of the open document read in the other attention mode.

    That reading has a cache of its own, kept until the next `Open`.  The open reading stays as it
    is, whatever happens.  Ends in `Answer`, `Cancelled("compare")` or `Failed`.
    """

    ask_id: str
    question: str
    attention: str
    recall: tuple[events.PastTurn, ...] = ()


@dataclass(frozen=True)
class Cancel:
    """Stop the work in hand: the answer being written, else the prefill.
    Questions that wait stay in the queue unless `queued` is set."""

    queued: bool = False


@dataclass(frozen=True)
class Stats:
    """Send a `DeviceStats` now."""


@dataclass(frozen=True)
class Close:
    """Finish: the engine says `Closed` and its process ends with 0."""


Request = Open | Count | Ask | Compare | Cancel | Stats | Close
