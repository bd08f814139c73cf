"""Common words extraction: the most frequent words in a numbered list (cwe).

After scripts/data/synthetic/common_words_extraction.py of NVIDIA/RULER.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..sizing import TokenCounter
from ..trial import Trial
from .making import Sample, make_trial
from .wording import COMMON_PREFIX, COMMON_QUESTION, COMMON_TEXT
from .words import all_words

_SHORT = 4096  # tokens


@dataclass(frozen=True)
class Repeats:
    """How often each word occurs in a list."""

    common: int
    other: int


@dataclass(frozen=True)
class Lists:
    """The list asked about, and that of the worked example."""

    repeats: Repeats
    example_words: int
    example_repeats: Repeats


@dataclass(frozen=True)
class CommonSettings:
    """The published settings of cwe."""

    name: str = "cwe"
    common_words: int = 10
    lists: Lists = Lists(Repeats(30, 3), 40, Repeats(10, 3))
    short_lists: Lists = Lists(Repeats(6, 1), 20, Repeats(3, 1))  # below 4,096 tokens


def common_trial(
    settings: CommonSettings,
    length: int,
    index: int,
    samples: int,
    rng: random.Random,
    counter: TokenCounter,
    prose: str,
) -> Trial:
    """Sample `index`; its units are distinct words.

    Raises `NotEnough`, also if all existing words do not fill the length.
    """
    lists = settings.lists if length >= _SHORT else settings.short_lists

    def draw(content: random.Random) -> Callable[[int], Sample]:
        return _draw(settings.common_words, lists, content)

    least, most = settings.common_words + 1, len(all_words())
    return make_trial(settings.name, length, index, rng, counter, draw, least=least, most=most)


def _draw(count: int, lists: Lists, rng: random.Random) -> Callable[[int], Sample]:
    example = _example(count, lists, rng)
    words = rng.sample(all_words(), len(all_words()))
    common = tuple(words[:count])
    seed = rng.getrandbits(64)

    def build(size: int) -> Sample:
        text = _text(common, words[count:size], lists.repeats, random.Random(seed))
        return Sample(f"{example}\n{text}", COMMON_QUESTION, common)

    return build


def _text(
    common: Sequence[str], others: Sequence[str], repeats: Repeats, rng: random.Random
) -> str:
    words = [*common] * repeats.common + [*others] * repeats.other
    rng.shuffle(words)
    return COMMON_TEXT.format(context=_numbered(words))


def _example(count: int, lists: Lists, rng: random.Random) -> str:
    words = rng.sample(all_words(), lists.example_words)
    text = _text(words[:count], words[count:], lists.example_repeats, rng)
    return f"{text}\n{COMMON_QUESTION}{COMMON_PREFIX} {_numbered(words[:count])}"


def _numbered(words: Sequence[str]) -> str:
    return " ".join(f"{number}. {word}" for number, word in enumerate(words, start=1))
