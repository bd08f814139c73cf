"""Sizes trials to a requested length: counted as the engine counts, grown until full."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from sa_chat.protocol.config import OpenOptions

from ...documents import open_documents
from ...tokens import Tokenizer, tokenize_documents
from .trial import NotEnough, Question, Trial

T = TypeVar("T")

TOLERANCE = 0.01  # a trial is at most this share shorter than requested, and never longer
_DRAWS = 1024  # few are needed above 3,000 tokens, some hundreds where units are few
_PROBE = 32  # units, for the first estimate of tokens per unit
_OVERSHOOT = 1.02  # so that the estimate exceeds the limit and closes the bracket
_FOLDER = "documents"  # its name is part of what the model reads


def write_files(files: Sequence[tuple[str, str]], folder: Path) -> Path:
    """Write the files of a `Trial` below `folder`; returns the path to open: that of a single file,
    else of a folder, whose name is always the same."""
    top = folder if len(files) == 1 else folder / _FOLDER
    for name, text in files:
        relative = Path(name)
        assert not relative.is_absolute(), name
        assert ".." not in relative.parts, name
        path = top / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return top / files[0][0] if len(files) == 1 else top


class TokenCounter:
    """Counts the tokens of files by opening them as the engine does."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def count(self, files: Sequence[tuple[str, str]], questions: Sequence[Question]) -> int:
        """`Trial.tokens`: the prompt, and `reserve_tokens` for its questions."""
        with TemporaryDirectory(prefix="sa-chat-") as folder:
            path = write_files(files, Path(folder))
            documents = open_documents(OpenOptions(paths=(str(path),)))
        assert not documents.left_out, documents.left_out
        prompt = tokenize_documents(documents, self._tokenizer)
        return len(prompt.ids) + self.reserve_tokens(questions)

    def text_tokens(self, text: str) -> int:
        """The tokens of a text alone."""
        return len(self._tokenizer.encode(text))

    def reserve_tokens(self, questions: Sequence[Question]) -> int:
        """Tokens that any of the questions needs after the document: the longest question in the
        chat format, and the longest answer."""
        chat, encode = self._tokenizer.chat, self._tokenizer.encode
        turns = (len(chat.turn(encode(q.text.strip()), True)) for q in questions)
        return max(turns) + max(q.answer_tokens for q in questions)


def largest(
    build: Callable[[int], T],
    measure: Callable[[T], int],
    limit: int,
    *,
    least: int = 1,
    most: int | None = None,
    guess: int | None = None,
) -> T:
    """The result of `build` for the largest size whose measure does not exceed `limit`.

    Measures must grow with sizes, roughly linearly: five to ten evaluations are then enough for any
    limit.  Where they fluctuate a little, so does the size; the limit is never exceeded.

    The next size is interpolated between the ends of the bracket; an end that is kept twice counts
    half (the Illinois method: Dowell and Jarratt, BIT 11, 1971).

    Args:
        least, most: the range of sizes that `build` accepts, inclusive.
        guess: a size near the result, if one is known.
    Raises:
        NotEnough: the least size exceeds the limit.
    """
    best = build(least)
    low, slack = least, limit - measure(best)  # `low` fits, with this many tokens to spare
    if slack < 0:
        raise NotEnough(
            f"Its smallest form takes {limit - slack:,} tokens, and {limit:,} were asked for."
        )
    high = None if most is None else most + 1  # does not fit, or does not exist
    excess: float | None = None  # of `high`, once measured
    weight = 1.0  # of `slack`
    size = least + _PROBE if guess is None else max(guess, least + 1)
    moved: str | None = None
    while slack > 0 and (high is None or high - low > 1):
        size = size if high is None else min(size, high - 1)
        candidate = build(size)
        left = limit - measure(candidate)
        per_unit = max(slack - left, 1) / (size - low)
        if left >= 0:
            low, slack, best, weight = size, left, candidate, 1.0
            excess = excess / 2 if excess is not None and moved == "low" else excess
            moved = "low"
        else:
            high, excess = size, -left
            weight = weight / 2 if moved == "high" else 1.0
            moved = "high"
        if high is None or excess is None:
            size = low + 1 + int(slack / per_unit * _OVERSHOOT)
        else:
            share = weight * slack / (weight * slack + excess)
            size = low + max(1, int((high - low) * share))
    return best


def fit(
    draw: Callable[[random.Random], Callable[[int], Trial]],
    length: int,
    rng: random.Random,
    *,
    least: int = 1,
    most: int | None = None,
) -> Trial:
    """A trial of at most `length` tokens, and less than 1 % below.

    `draw` draws the random content and returns a builder of trials by size (see `largest`).
    Where one unit is larger than 1 %, content is drawn again, each time from the next sub-seed
    of `rng`.  Raises `NotEnough` if that does not help or there are no more units.
    """
    seed = rng.getrandbits(64)
    size: int | None = None
    for attempt in range(_DRAWS):
        build = draw(random.Random(f"{seed}/{attempt}"))
        size, trial = largest(
            _with_size(build),
            lambda pair: pair[1].tokens,
            length,
            least=least,
            most=most,
            guess=size,
        )
        if length * (1 - TOLERANCE) <= trial.tokens <= length:
            return trial
        if size == most:
            raise NotEnough(
                f"All that there is makes {trial.tokens:,} tokens, and {length:,} were asked for."
            )
    raise NotEnough(f"None of {_DRAWS} draws came within {TOLERANCE:.0%} of {length:,} tokens.")


def _with_size(build: Callable[[int], T]) -> Callable[[int], tuple[int, T]]:
    return lambda size: (size, build(size))
