"""Trials on source files: in which of them is a name defined?"""

from __future__ import annotations

import random
from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from ..sizing import TOLERANCE, TokenCounter, largest
from ..sources import Sources
from ..trial import NotEnough, Question, Trial
from .spread import PER_DOCUMENT, spread
from .symbols import Symbol, symbols_of

_ANSWER_TOKENS = 128
_LEAST_NAME = 5  # characters
_LONGEST_LINE = 500  # a truncated file with longer lines may pass for minified
_TRIED = 12  # files to truncate; about half are suitable where a line is more than 1 %
_PROBE = (Question("define", 0, "?", (), "path", answer_tokens=_ANSWER_TOKENS),)

_File = tuple[str, str]  # path, text


@dataclass(frozen=True)
class _Definition:
    symbol: Symbol
    path: str


def code_trial(
    length: int, index: int, rng: random.Random, counter: TokenCounter, sources: Sources
) -> Trial:
    """Document `index` of the task define.

    As many whole files in random order as fit, then one more, truncated at the end of a line so
    that `length` tokens are reached within 1 %.  Questions ask for names that are defined only
    once, in a whole file.  Files that prevent this are left out.  Raises `NotEnough` if there is
    less code, or too little to ask about.
    """
    order = rng.sample(sources.code, len(sources.code))
    while order:
        size = _fitting(order, length, counter)
        whole = sorted(order[:size], key=reading_order)
        asked = _choose(whole, rng)
        if not asked:
            del order[0]
            continue
        questions = [_question(definition, index, j) for j, definition in enumerate(asked)]
        files = _filled(whole, order[size:], asked, questions, length, counter)
        if files is not None:
            return _trial(files, asked, index, length, counter)
        del order[size - 1]
    raise NotEnough("The documents have too little source code to ask about.")


def _trial(
    files: Sequence[_File],
    asked: Sequence[_Definition],
    index: int,
    length: int,
    counter: TokenCounter,
) -> Trial:
    starts = _starts(files)
    total = sum(len(text) for _, text in files)
    questions = tuple(
        _question(item, index, j, 100 * (starts[item.path] + item.symbol.offset) / total)
        for j, item in enumerate(asked)
    )
    return Trial(
        key=f"code/{length}/{index}",
        length=length,
        tokens=counter.count(files, questions),
        files=tuple(files),
        questions=questions,
    )


def _fitting(order: Sequence[_File], length: int, counter: TokenCounter) -> int:
    """The number of leading files that fit; 0 if the first does not.

    Raises `NotEnough` if all do.
    """

    def measure(size: int) -> int:
        return counter.count(order[:size], _PROBE)

    if measure(1) > length:
        return 0
    size = largest(int, measure, length, most=len(order))
    if size == len(order):
        tokens = measure(size) - counter.reserve_tokens(_PROBE)
        raise NotEnough(
            f"The documents have about {round(tokens, -2):,} tokens of source code in files that "
            f"can be asked for; {length:,} were asked for."
        )
    return size


def _choose(files: Sequence[_File], rng: random.Random) -> list[_Definition]:
    """Definitions spread over the files; none if there are too few."""
    given = Tally(symbol.name for path, text in files for symbol in symbols_of(path, text))
    starts = _starts(files)
    found = [
        _Definition(symbol, path)
        for path, text in files
        for symbol in symbols_of(path, text)
        if symbol.is_definition
        and given[symbol.name] == 1
        and len(symbol.name) >= _LEAST_NAME
        and not symbol.name.startswith("__")
        and not any(other.endswith(f"/{path}") for other, _ in files)
    ]
    if len(found) < PER_DOCUMENT:
        return []
    places = [starts[item.path] + item.symbol.offset for item in found]
    total = sum(len(text) for _, text in files)
    return [found[at] for at in spread(places, total, rng)]


def _filled(
    whole: Sequence[_File],
    others: Sequence[_File],
    asked: Sequence[_Definition],
    questions: Sequence[Question],
    length: int,
    counter: TokenCounter,
) -> list[_File] | None:
    """The whole files and, if they are too short, the beginning of the first other file that brings
    them within 1 %; None if the first few do not."""
    least = length * (1 - TOLERANCE)
    if len(whole) > 1 and least <= counter.count(whole, questions) <= length:
        return list(whole)
    names = {item.symbol.name for item in asked}
    for path, text in others[:_TRIED]:
        lines = text.removesuffix("\n").split("\n")
        if (
            any(symbol.name in names for symbol in symbols_of(path, text))
            or any(path.endswith(f"/{item.path}") for item in asked)
            or max(map(len, lines)) > _LONGEST_LINE
        ):
            continue

        def with_lines(count: int, path: str = path, lines: list[str] = lines) -> list[_File]:
            cut = (path, "".join(f"{line}\n" for line in lines[:count]))
            return sorted([*whole, cut], key=reading_order)

        def measure(files: list[_File]) -> int:
            return counter.count(files, questions)

        first = next(at for at, line in enumerate(lines, start=1) if line.strip())
        if measure(with_lines(first)) > length:
            continue
        files = largest(with_lines, measure, length, least=first, most=len(lines))
        if measure(files) >= least:
            return files
    return None


def reading_order(file: _File) -> tuple[tuple[bool, str], ...]:
    """A key that sorts files as folders are read: each folder's files, then its subfolders."""
    *folders, name = file[0].split("/")
    return (*((True, folder) for folder in folders), (False, name))


def _starts(files: Sequence[_File]) -> dict[str, int]:
    """The number of characters before each file, by path."""
    before = accumulate((len(text) for _, text in files), initial=0)
    return {path: start for (path, _), start in zip(files, before, strict=False)}


def _question(definition: _Definition, index: int, j: int, depth: float | None = None) -> Question:
    return Question(
        task="define",
        index=index * PER_DOCUMENT + j,
        text=f"In which file is `{definition.symbol.name}` defined?",
        expected=(definition.path,),
        rule="path",
        depth=depth,
        answer_tokens=_ANSWER_TOKENS,
    )
