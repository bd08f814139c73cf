"""Chooses samples spread over a document."""

from __future__ import annotations

import random
from collections.abc import Sequence

PER_DOCUMENT = 2  # samples of each task: few, so that few samples cover several documents


def spread(
    places: Sequence[float], total: float, rng: random.Random, count: int = PER_DOCUMENT
) -> list[int]:
    """The indices of the places to ask about: for each of `count` equal parts of `total` the one
    nearest to a random point, without repetition.  At least as many places are needed."""
    left = list(range(len(places)))
    chosen: list[int] = []
    for part in range(count):
        point = (part + rng.random()) * total / count
        chosen.append(min(left, key=lambda at: abs(places[at] - point)))
        left.remove(chosen[-1])
    return chosen
