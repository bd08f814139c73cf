"""Plants invented facts in real prose, far from each other."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate

from ..trial import NotEnough
from .facts import Fact
from .window import Sentence, starts_of

_FAR = 0.2  # of the document: the size of the outer parts that facts are planted in
_FIRST, _LAST = (0.0, 0.09), (0.84, 0.97)  # well inside these parts, as lengths are not final


def plant(
    facts: Sequence[Fact], prose: Sequence[Sentence], size: int, rng: random.Random
) -> tuple[list[Sentence], list[int]]:
    """The prose with the facts, and their places in it.

    Of the text made up of the first `size` sentences and the facts, facts 0, 2, 4, ... are put into
    the first fifth and 1, 3, 5, ... into the last, at random between two sentences of a paragraph
    (after any sentence, if there are too few).  Raises `NotEnough` if the text is too short.
    """
    groups = (range(0, len(facts), 2), range(1, len(facts), 2))
    lengths = [sum(len(facts[i].statement) for i in group) for group in groups]
    total = sum(lengths) + sum(len(sentence.text) for sentence in prose[:size])
    after: dict[int, list[int]] = defaultdict(list)  # place in the prose -> facts
    for group, (low, high), before in zip(groups, (_FIRST, _LAST), (0, lengths[0]), strict=True):
        gaps = _gaps(prose[:size], low * total - before, high * total - before)
        if not gaps:
            raise _too_short()
        inside = [gap for gap in gaps if prose[gap].paragraph == prose[gap + 1].paragraph]
        chosen = inside if len(inside) >= len(group) else gaps
        draw = rng.sample if len(chosen) >= len(group) else rng.choices
        for fact, gap in zip(group, draw(chosen, k=len(group)), strict=True):
            after[gap].append(fact)
    document: list[Sentence] = []
    places = [0] * len(facts)
    for at, sentence in enumerate(prose):
        document.append(sentence)
        for fact in after[at]:
            places[fact] = len(document)
            document.append(Sentence(facts[fact].statement, sentence.paragraph, planted=True))
    return document, places


def check_far(document: Sequence[Sentence], places: Sequence[int]) -> None:
    """Raises `NotEnough` if facts of the finished document lie outside its outer fifths."""
    starts = starts_of(document)
    total = starts[-1] + len(document[-1].text)
    first, last = max(places[0::2]), min(places[1::2])
    if starts[first] > _FAR * total or starts[last] < (1 - _FAR) * total:
        raise _too_short()


def _gaps(prose: Sequence[Sentence], low: float, high: float) -> list[int]:
    """The sentences, except for the last, that end between these offsets."""
    ends = accumulate(len(sentence.text) for sentence in prose[:-1])
    return [at for at, end in enumerate(ends) if low <= end <= high]


def _too_short() -> NotEnough:
    return NotEnough("The document is too short for facts that are far apart.")
