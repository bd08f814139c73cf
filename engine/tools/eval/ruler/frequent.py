"""Frequent words extraction: the most frequent words in coded text, with frequencies that fall by
rank (fwe).

After scripts/data/synthetic/freq_words_extraction.py of NVIDIA/RULER.
"""

from __future__ import annotations

import math
import random
import string
from collections.abc import Callable
from dataclasses import dataclass

from ..sizing import TokenCounter
from ..trial import Trial
from .making import Sample, make_trial
from .wording import FREQUENT_QUESTION, FREQUENT_TEXT
from .words import letters, unlike

_DOTS = "..."  # the word of the first rank, to be ignored
_ASKED = slice(1, 4)  # ranks 2 to 4
_ZETA_2 = math.pi**2 / 6  # Riemann's zeta at 2: the sum of all rank**-2
_TOKENS_A_WORD = 50  # of the vocabulary
_LEAST = 100  # below, the fourth and the fifth rank can be equally frequent


@dataclass(frozen=True)
class FrequentSettings:
    """Frequencies fall with the square of the rank (the published alpha of 2)."""

    name: str = "fwe"
    word_letters: int = 6


def frequent_trial(
    settings: FrequentSettings,
    length: int,
    index: int,
    samples: int,
    rng: random.Random,
    counter: TokenCounter,
    prose: str,
) -> Trial:
    """Sample `index`; its units are words of the text, before rounding.  Raises `NotEnough`."""

    def draw(content: random.Random) -> Callable[[int], Sample]:
        return _draw(settings, length // _TOKENS_A_WORD, content)

    return make_trial(settings.name, length, index, rng, counter, draw, least=_LEAST)


def _draw(
    settings: FrequentSettings, vocabulary: int, rng: random.Random
) -> Callable[[int], Sample]:
    taken: set[str] = set()

    def coded(rng: random.Random) -> str:
        return letters(rng, string.ascii_lowercase, settings.word_letters)

    words = [_DOTS, *(unlike(taken, coded, rng) for _ in range(vocabulary - 1))]
    seed = rng.getrandbits(64)

    def build(size: int) -> Sample:
        text: list[str] = []
        for rank, word in enumerate(words, start=1):
            text += [word] * int(size * rank**-2.0 / _ZETA_2)
        random.Random(seed).shuffle(text)
        context = " ".join(text)
        return Sample(
            FREQUENT_TEXT.format(context=context), FREQUENT_QUESTION, tuple(words[_ASKED])
        )

    return build
