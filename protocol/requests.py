"""What the app asks of the engine: frozen dataclasses, one per request.

Every request has an id of the client's choice, by which its events name it.  Each but `Cancel`
ends in exactly one final event, which its docstring names, or in `Failed`; `ends` recognizes it.
`codec.py` turns requests into JSON lines and back.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from .config import OpenOptions
from .events import (
    Answer,
    Cancelled,
    Closed,
    DeviceStats,
    DocumentCounted,
    DocumentText,
    Event,
    Failed,
    PrefillDone,
)
from .values import PastTurn


@dataclass(frozen=True)
class Open:
    """Read the documents, count them, prefill them.  Ends in `PrefillDone` or
    `Cancelled("prefill")`."""

    request_id: str
    options: OpenOptions
    attention: str | None = None  # instead of the configured mode
    replay_turns: tuple[PastTurn, ...] = ()  # earlier turns; the newest that fit are replayed
    text: bool = False  # also send `DocumentText` after `DocumentReady`


@dataclass(frozen=True)
class Count:
    """Read the documents and count them, without a prefill.  Ends in `DocumentCounted`, or, with
    `text`, in the last `DocumentText`, or in `Cancelled("count")`."""

    request_id: str
    options: OpenOptions
    text: bool = False  # also send `DocumentText`


@dataclass(frozen=True)
class Ask:
    """Answer one question, after the prefill and earlier questions.  Ends in `Answer`."""

    request_id: str
    question: str
    replaces_last: bool = False  # the last question and its answer are forgotten


@dataclass(frozen=True)
class Compare:
    """Answer one question over the open document, prefilled in the other attention mode.

    That prefill has a cache of its own, which is kept until the next `Open`.  The first one is
    never affected.  Ends in `Answer` or `Cancelled("compare")`.
    """

    request_id: str
    question: str
    attention: str
    replay_turns: tuple[PastTurn, ...] = ()


@dataclass(frozen=True)
class Cancel:
    """Stop the request that runs or is next; with `queued`, also all that wait.

    `Cancel` has no event of its own.  Every request that it ends is answered under its own id, and
    without such a request there is no event.
    """

    request_id: str
    queued: bool = False


@dataclass(frozen=True)
class Stats:
    """Report the memory in use.  Ends in `DeviceStats`."""

    request_id: str


@dataclass(frozen=True)
class Close:
    """Finish all requests, then end the process with 0.  Ends in `Closed`."""

    request_id: str


Request = Open | Count | Ask | Compare | Cancel | Stats | Close


def ends(request: Request, event: Event) -> bool:
    """Whether `event` is the final one of `request`."""
    if event.request_id != request.request_id:
        return False
    match request:
        case Open():
            return isinstance(event, PrefillDone | Cancelled | Failed)
        case Count(text=True):
            last = isinstance(event, DocumentText) and event.last
            return last or isinstance(event, Cancelled | Failed)
        case Count():
            return isinstance(event, DocumentCounted | Cancelled | Failed)
        case Ask():
            return isinstance(event, Answer | Failed)
        case Compare():
            return isinstance(event, Answer | Cancelled | Failed)
        case Cancel():
            return False
        case Stats():
            return isinstance(event, DeviceStats | Failed)
        case Close():
            return isinstance(event, Closed)


_LETTERS: dict[type[Request], str] = {
    Open: "o",
    Count: "n",
    Ask: "q",
    Compare: "c",
    Cancel: "x",
    Stats: "s",
    Close: "z",
}


class RequestIds:
    """Makes the ids of one client's requests: `q1`, `q2`, ... for `Ask`, `o1`, ... for `Open`."""

    def __init__(self) -> None:
        self._made: Counter[str] = Counter()

    def __call__(self, request: type[Request]) -> str:
        """The next id for a request of this type."""
        letter = _LETTERS[request]
        self._made[letter] += 1
        return f"{letter}{self._made[letter]}"
