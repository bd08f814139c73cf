"""What needles are hidden in: units of text, as many as are asked for.

A larger haystack begins with all units of a smaller one, except that the last sentence of real
text may be cut short.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..prose import sentences_of
from ..trial import NotEnough
from .wording import NOISE


def noise(size: int) -> list[str]:
    """So many times the noise sentences."""
    return [NOISE] * size


def real_text(prose: str) -> Callable[[int], list[str]]:
    """The first words of `prose`, as sentences; from its beginning again where it ends.

    The original repeats its essays alike, and finds sentences with NLTK.  Raises `NotEnough`
    if there are no words.
    """
    words = prose.split()
    if not words:
        raise NotEnough("The task hides its needles in real text, and there is none.")

    def first(size: int) -> list[str]:
        rounds, rest = divmod(size, len(words))
        return sentences_of(" ".join(words * rounds + words[:rest]))

    return first


def growing(make: Callable[[], str]) -> Callable[[int], list[str]]:
    """Random units, each made once."""
    made: list[str] = []

    def first(size: int) -> list[str]:
        while len(made) < size:
            made.append(make())
        return made[:size]

    return first


def hide(needles: Sequence[str], depths: Sequence[float], units: Sequence[str]) -> list[str]:
    """The units with each needle at its depth, in percent of the units; `depths` rise."""
    hidden: list[str] = []
    done = 0
    for needle, depth in zip(needles, depths, strict=True):
        at = int(len(units) * depth / 100)
        hidden += [*units[done:at], needle]
        done = at
    return [*hidden, *units[done:]]
