"""Makes a trial of the requested length from a drawn sample."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from ..sizing import TokenCounter, fit
from ..trial import Question, Trial

FILE = "text.txt"
ANSWER_TOKENS = 128
"""Most tokens of an answer, in all tasks.  The published values are 128 (niah), 30 (vt), 120 (cwe)
and 50 (fwe), after a given beginning of the answer; without one, all get the largest."""


@dataclass(frozen=True)
class Sample:
    """Text of some size, and a question about it."""

    text: str
    question: str
    expected: tuple[str, ...]
    depth: float | None = None  # percent


def make_trial(
    task: str,
    length: int,
    index: int,
    rng: random.Random,
    counter: TokenCounter,
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
