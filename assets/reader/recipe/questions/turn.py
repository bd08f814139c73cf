"""A question and its answer, and the few forms that answers have.

The lead-ins are short and always the same, so that the choice of the passage is all that there
is to learn.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

NOT_FOUND = "I could not find that in the document."


T = TypeVar("T")


@dataclass(frozen=True)
class Turn:
    question: str
    answer: str


def quoted(lead: str, quotes: Sequence[str]) -> str:
    return "\n\n".join([lead, *(f"> {quote}" for quote in quotes)])


def says(*quotes: str) -> str:
    return quoted("The document says:", quotes)


def goes_on(quote: str) -> str:
    return quoted("It goes on:", [quote])


def first_mention(quote: str) -> str:
    return quoted("First mention:", [quote])


def last_mention(quote: str) -> str:
    return quoted("Last mention:", [quote])


def in_files(places: Sequence[tuple[str, str]]) -> str:
    """`places` are (path, line of code).  The line comes first: its file follows from it."""
    blocks = (f"```python\n{line}\n```\nin {path}" for path, line in places)
    return "\n\n".join(["The code says:", *blocks])


def rather_early(places: Sequence[T], rng: random.Random) -> T:
    """One of them, in every other case the earlier of two: what lies far back is harder to find
    again, and long documents are few."""
    at = rng.randrange(len(places))
    if rng.random() < 0.5:
        at = min(at, rng.randrange(len(places)))
    return places[at]


def roughened(question: str, rng: random.Random) -> str:
    """As people type: sometimes lower case, no question mark, or one slip of the finger."""
    kind = rng.random()
    if kind < 0.10:
        return question.lower()
    if kind < 0.18:
        return question.rstrip("?.")
    if kind < 0.22 and len(question) > 20:
        at = rng.randrange(5, len(question) - 2)
        return question[:at] + question[at + 1] + question[at] + question[at + 2 :]
    return question
