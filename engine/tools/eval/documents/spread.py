"""Samples at places all over a document."""

from __future__ import annotations

import random
from collections.abc import Sequence

PER_DOCUMENT = 2  # samples of each task: few, so that a handful of samples has several documents


def spread(places: Sequence[float], total: float, rng: random.Random) -> list[int]:
    """Which of the places to ask about: from each of `PER_DOCUMENT` equal parts of `total` the
    one nearest to a random point, none twice.  There have to be so many."""
    left = list(range(len(places)))
    chosen: list[int] = []
    for part in range(PER_DOCUMENT):
        point = (part + rng.random()) * total / PER_DOCUMENT
        chosen.append(min(left, key=lambda at: abs(places[at] - point)))
        left.remove(chosen[-1])
    return chosen
