"""Random words, numbers and identifiers, as RULER draws them.

The words are those of the `wonderwords` package (MIT), sorted, so that seeds are reproducible.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from functools import cache


def key_word(rng: random.Random) -> str:
    """A key of the form adjective-noun."""
    return f"{rng.choice(_category('adjective'))}-{rng.choice(_category('noun'))}"


def number(rng: random.Random) -> str:
    """A number of seven digits."""
    return str(rng.randint(10**6, 10**7 - 1))


def identifier(rng: random.Random) -> str:
    """A UUID of version 4."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def letters(rng: random.Random, alphabet: str, count: int) -> str:
    """`count` random letters of an alphabet."""
    return "".join(rng.choices(alphabet, k=count))


@cache
def all_words() -> tuple[str, ...]:
    """All nouns, adjectives and verbs, without duplicates."""
    return tuple(sorted({*_category("noun"), *_category("adjective"), *_category("verb")}))


def unlike(taken: set[str], draw: Callable[[random.Random], str], rng: random.Random) -> str:
    """The first draw that is not in `taken`, to which it is added."""
    while (drawn := draw(rng)) in taken:
        pass
    taken.add(drawn)
    return drawn


@cache
def _category(name: str) -> tuple[str, ...]:
    from wonderwords import RandomWord

    words = RandomWord(enhanced_prefixes=False).filter(include_categories=[name])
    return tuple(sorted(set(words)))
