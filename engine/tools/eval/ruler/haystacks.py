"""Haystacks: units of text, as many as requested.

A larger haystack begins with all units of a smaller one, except that the last sentence of real
text may be truncated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..prose import sentences_of
from ..trial import NotEnough
from .wording import NOISE


def noise(size: int) -> list[str]:
    """The noise sentences, repeated `size` times."""
    return [NOISE] * size


def real_text(prose: str) -> Callable[[int], list[str]]:
    """The first words of `prose`, as sentences, repeated from the beginning if necessary.

    The original repeats its essays in the same way and finds sentences with NLTK.  Raises
    `NotEnough` if there are no words.
    """
    words = prose.split()
    if not words:
        raise NotEnough("The task hides its needles in real text, and there is none.")

    def first(size: int) -> list[str]:
        rounds, rest = divmod(size, len(words))
        return sentences_of(" ".join(words * rounds + words[:rest]))

    return first


def growing(make: Callable[[], str]) -> Callable[[int], list[str]]:
    """Random units, each drawn once and kept."""
    made: list[str] = []

    def first(size: int) -> list[str]:
        while len(made) < size:
            made.append(make())
        return made[:size]

    return first


def hide(needles: Sequence[str], depths: Sequence[float], units: Sequence[str]) -> list[str]:
    """The units with each needle at its depth, in percent of the units; `depths` are ascending."""
    hidden: list[str] = []
    done = 0
    for needle, depth in zip(needles, depths, strict=True):
        at = int(len(units) * depth / 100)
        hidden += [*units[done:at], needle]
        done = at
    return [*hidden, *units[done:]]
