"""Needles in a haystack: the eight niah tasks.

After scripts/synthetic.yaml and scripts/data/synthetic/niah.py of NVIDIA/RULER.  Deliberate
differences: single needles lie at evenly spaced depths over the samples of a cell, in every kind of
haystack (the original draws the depths), so that heat maps can be drawn; no key or value occurs
twice, which the original leaves to chance; the real text is supplied by the caller.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from ..sizing import TokenCounter
from ..trial import Trial
from .haystacks import growing, hide, noise, real_text
from .making import Sample, make_trial
from .wording import NEEDLE, NEEDLE_QUESTION, NEEDLE_TEXT, NEEDLES_QUESTION, NEEDLES_TEXT
from .words import identifier, key_word, number, unlike

DEPTHS = tuple(round(100 * step / 39) for step in range(40))  # percent
_DRAWN = {"words": key_word, "numbers": number, "uuids": identifier}


@dataclass(frozen=True)
class NeedleSettings:
    """One of the niah tasks.  `keys` and `values` are "words", "numbers" or "uuids"."""

    name: str
    haystack: str  # "noise", "essay" (real text) or "needle" (distractors)
    keys: str = "words"
    values: str = "numbers"
    key_count: int = 1
    values_per_key: int = 1
    queried_keys: int = 1


NEEDLE_TASKS = (
    NeedleSettings("niah_single_1", "noise"),
    NeedleSettings("niah_single_2", "essay"),
    NeedleSettings("niah_single_3", "essay", values="uuids"),
    NeedleSettings("niah_multikey_1", "essay", key_count=4),
    NeedleSettings("niah_multikey_2", "needle"),
    NeedleSettings("niah_multikey_3", "needle", keys="uuids", values="uuids"),
    NeedleSettings("niah_multivalue", "essay", values_per_key=4),
    NeedleSettings("niah_multiquery", "essay", key_count=4, queried_keys=4),
)


@dataclass(frozen=True)
class _Needle:
    kind: str
    key: str
    value: str

    @property
    def text(self) -> str:
        return NEEDLE.format(kind=self.kind, key=self.key, value=self.value)


def needle_trial(
    settings: NeedleSettings,
    length: int,
    index: int,
    samples: int,
    rng: random.Random,
    counter: TokenCounter,
    prose: str,
) -> Trial:
    """Sample `index` of `samples`; the units of its haystack are noise sentences, words of
    `prose`, or distractors.  Raises `NotEnough`."""

    def draw(content: random.Random) -> Callable[[int], Sample]:
        return _draw(settings, depth_of(index, samples), content, prose)

    return make_trial(settings.name, length, index, rng, counter, draw, least=0)


def depth_of(index: int, samples: int) -> int:
    """The published depth nearest to the evenly spaced one, in percent."""
    assert 0 <= index < samples
    even = 100 * index / (samples - 1) if samples > 1 else 50.0
    return min(DEPTHS, key=lambda depth: abs(depth - even))


def _draw(
    settings: NeedleSettings, single_depth: int, rng: random.Random, prose: str
) -> Callable[[int], Sample]:
    taken: set[str] = set()

    def new_key() -> str:
        return unlike(taken, _DRAWN[settings.keys], rng)

    def needle(key: str) -> _Needle:
        return _Needle(settings.values, key, unlike(taken, _DRAWN[settings.values], rng))

    keys = [new_key() for _ in range(settings.key_count)]
    needles = [needle(key) for key in keys for _ in range(settings.values_per_key)]
    rng.shuffle(needles)
    several = len(needles) > 1
    depths = sorted(rng.sample(DEPTHS, len(needles))) if several else [single_depth]
    queried = rng.sample(keys, settings.queried_keys)
    sought = [at for at, hidden in enumerate(needles) if hidden.key in queried]
    one = len(sought) == 1
    kind = settings.values.removesuffix("s") if one else settings.values
    text, question = (NEEDLE_TEXT, NEEDLE_QUESTION) if one else (NEEDLES_TEXT, NEEDLES_QUESTION)
    question = question.format(kind=kind, query=_listed(queried))
    expected = tuple(needles[at].value for at in sought)
    depth = float(depths[sought[0]]) if one else None
    separator = " " if settings.haystack == "essay" else "\n"
    units = _units(settings.haystack, prose, lambda: needle(new_key()).text)

    def build(size: int) -> Sample:
        context = separator.join(hide([hidden.text for hidden in needles], depths, units(size)))
        return Sample(text.format(kind=kind, context=context), question, expected, depth)

    return build


def _units(haystack: str, prose: str, distractor: Callable[[], str]) -> Callable[[int], list[str]]:
    if haystack == "needle":
        return growing(distractor)
    return noise if haystack == "noise" else real_text(prose)


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])}, and {names[-1]}" if len(names) > 1 else names[0]
