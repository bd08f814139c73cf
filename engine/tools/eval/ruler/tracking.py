"""Variable tracking: which variables hold a value, through a chain of assignments (vt).

After scripts/data/synthetic/variable_tracking.py of NVIDIA/RULER, with one chain of four hops in
noise.  Deliberate difference: the names and values of text and worked example never coincide,
which the original leaves to chance.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from dataclasses import dataclass

from ..sizing import TokenCounter
from ..trial import Trial
from .haystacks import noise
from .making import Sample, make_trial
from .wording import TRACKING_PREFIX, TRACKING_QUESTION, TRACKING_TEXT
from .words import letters, unlike

_NAME_LETTERS = 5
_EXAMPLE_NAME_LETTERS = 3
_EXAMPLE_NOISES = 15  # about 500 tokens with the rest of the example, as published


@dataclass(frozen=True)
class TrackingSettings:
    """The published settings of vt."""

    name: str = "vt"
    hops: int = 4


@dataclass(frozen=True)
class _Chain:
    value: str
    names: tuple[str, ...]

    def lines(self) -> list[str]:
        first = f"VAR {self.names[0]} = {self.value}"
        pairs = zip(self.names, self.names[1:], strict=False)
        return [first, *(f"VAR {name} = VAR {before} " for before, name in pairs)]


def tracking_trial(
    settings: TrackingSettings,
    length: int,
    index: int,
    samples: int,
    rng: random.Random,
    counter: TokenCounter,
    prose: str,
) -> Trial:
    """Sample `index`; its units are noise sentences.  Raises `NotEnough`."""

    def draw(content: random.Random) -> Callable[[int], Sample]:
        return _draw(settings, content)

    return make_trial(settings.name, length, index, rng, counter, draw, least=settings.hops + 1)


def _draw(settings: TrackingSettings, rng: random.Random) -> Callable[[int], Sample]:
    taken: set[str] = set()

    def chain(name_letters: int) -> _Chain:
        value = unlike(taken, lambda rng: str(rng.randrange(10_000, 99_999)), rng)
        names = (
            unlike(taken, lambda rng: letters(rng, string.ascii_uppercase, name_letters), rng)
            for _ in range(settings.hops + 1)
        )
        return _Chain(value, tuple(names))

    example = _example(chain(_EXAMPLE_NAME_LETTERS), rng)
    asked = chain(_NAME_LETTERS)
    question = TRACKING_QUESTION.format(query=asked.value)
    seed = rng.getrandbits(64)

    def build(size: int) -> Sample:
        text = f"{example}\n\n{_text(asked, size, random.Random(seed))}"
        return Sample(text, question, asked.names)

    return build


def _text(chain: _Chain, noises: int, rng: random.Random) -> str:
    """The chain's lines in order, at random places in the noise."""
    lines = chain.lines()
    context = noise(noises)
    places = sorted(rng.sample(range(noises), len(lines)))
    for before, (place, line) in enumerate(zip(places, lines, strict=True)):
        context.insert(place + before, line)
    return TRACKING_TEXT.format(context="\n".join(context))


def _example(chain: _Chain, rng: random.Random) -> str:
    text = _text(chain, _EXAMPLE_NOISES, rng)
    question = TRACKING_QUESTION.format(query=chain.value)
    prefix = TRACKING_PREFIX.format(query=chain.value, count=len(chain.names))
    return f"{text}\n{question}{prefix}{' '.join(chain.names)}"
