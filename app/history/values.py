"""The saved values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sa_chat.protocol import events
from sa_chat.protocol.config import OpenOptions


@dataclass(frozen=True)
class SavedTurn:
    """A question and its answer.

    `answer` is None if there was none, or if another version wrote it and this one cannot read
    it; `text` is there in either case.
    """

    question: str
    status: str  # the value of a `state.TurnStatus`
    text: str
    answer: events.Answer | None
    compared: events.Answer | None = None  # the same question in the other attention mode


@dataclass(frozen=True)
class Document:
    """A document that was opened.  Passwords are never saved: the options lose it here."""

    options: OpenOptions
    title: str
    tokens: int
    opened: datetime  # with a time zone; loaded in UTC

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", replace(self.options, password=None))


@dataclass(frozen=True)
class Info:
    """A conversation in the list."""

    id: int
    name: str  # given, else the beginning of the first question, else the document's title
    document: Document
    model: str
    attention: str
    updated: datetime  # of the last turn; UTC
    turns: int


@dataclass(frozen=True)
class Saved:
    """A whole conversation."""

    info: Info
    turns: tuple[SavedTurn, ...]
    draft: str  # typed, not asked yet


MARK, UNMARK = "\x02", "\x03"


@dataclass(frozen=True)
class Hit:
    """A search result.

    `snippet` is one line of where the words stand, each between `MARK` and `UNMARK`; nothing
    else in it is a control character.
    """

    info: Info
    snippet: str


@dataclass(frozen=True)
class Run:
    """The time of a whole prefill."""

    model: str
    device: str
    attention: str
    tokens: int
    seconds: float
