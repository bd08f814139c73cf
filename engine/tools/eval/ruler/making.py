"""From a drawn sample to a trial of the asked length."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from ..sizing import Counter, fit
from ..trial import Question, Trial

FILE = "text.txt"
ANSWER_TOKENS = 128
"""Room for an answer in all tasks.  Published are 128 (niah), 30 (vt), 120 (cwe) and 50 (fwe),
behind an answer's given beginning; without one, all get as much as the longest."""


@dataclass(frozen=True)
class Sample:
    """Text of some size, and what is asked about it."""

    text: str
    question: str
    expected: tuple[str, ...]
    depth: float | None = None  # percent


def make_trial(
    task: str,
    length: int,
    index: int,
    rng: random.Random,
    counter: Counter,
    draw: Callable[[random.Random], Callable[[int], Sample]],
    *,
    least: int = 1,
    most: int | None = None,
) -> Trial:
    """One question about one file; sizes as in `sizing.fit`.  Raises `NotEnough`."""

    def drawn(content: random.Random) -> Callable[[int], Trial]:
        sample = draw(content)
        return lambda size: counted(sample(size))

    def counted(sample: Sample) -> Trial:
        files = ((FILE, sample.text),)
        question = Question(
            task=task,
            index=index,
            text=sample.question,
            expected=sample.expected,
            rule="all",
            depth=sample.depth,
            answer_tokens=ANSWER_TOKENS,
        )
        tokens = counter.count(files, (question,))
        return Trial(f"{task}/{length}/{index}", length, tokens, files, (question,))

    return fit(drawn, length, rng, least=least, most=most)
