"""Joins words that are hyphenated at line ends, on the line where they begin."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise, zip_longest

_HYPHENS = "-\u2010\u00ad"
_SOFT = "\u00ad"
_LONGEST = 200  # most characters moved: a word and what follows it without a space
# Whole words only, from their first letter: otherwise long runs take quadratic time.
_WORD = r"[^\W_]++"
_BEGIN = r"(?<![^\W_])"
_LEFT = re.compile(rf"{_BEGIN}(?<![^\W_][-\u2010])((?:{_WORD}[-\u2010])*)({_WORD})([{_HYPHENS}])$")
_RIGHT = re.compile(rf"\s*({_WORD})\S*")
_WORDS = re.compile(_WORD)
_COMPOUNDS = re.compile(rf"{_BEGIN}{_WORD}(?:[-\u2010]{_WORD})+")
# "first- and second-hand" is not a hyphenated word.
_SUSPENDING = frozenset(("and", "or", "to", "und", "oder", "bis", "et", "ou", "y", "e", "o"))


@dataclass(frozen=True)
class _Division:
    """A hyphen at the end of a line, and the word that it divides."""

    compound: str  # what precedes the last part of the word, with hyphens
    left: str
    hyphen: str
    right: str
    end: int  # of the characters to move, in the next line


@dataclass(frozen=True)
class _Vocabulary:
    """Words found elsewhere in the document, in lower case."""

    words: frozenset[str]
    compounds: frozenset[str]  # pairs, such as "well-known"


def join_words(pages: list[list[str]]) -> list[list[str]]:
    """Join hyphenated words; their rest moves up, so that the number of lines stays the same.

    What occurs elsewhere in the document decides: the joined word, else the compound.  Otherwise
    it is a compound if both halves are words, and one word if it continues in lower case.  Across
    pages, only what occurs elsewhere is joined.
    """
    joined = [list(lines) for lines in pages]
    places = [(page, line) for page, lines in enumerate(joined) for line in range(len(lines))]
    flat = [joined[page][line] for page, line in places]
    vocabulary = _vocabulary(flat)
    for number in reversed(range(len(places) - 1)):
        division = _division(flat[number], flat[number + 1])
        if division is None:
            continue
        same_page = places[number][0] == places[number + 1][0]
        hyphen = _hyphen(division, vocabulary, evident=not same_page)
        if hyphen is None:
            continue
        following = flat[number + 1]
        moved = following[: division.end].lstrip()
        flat[number] = flat[number][: -len(division.hyphen)] + hyphen + moved
        flat[number + 1] = following[division.end :].lstrip()
    for (page, line), text in zip(places, flat, strict=True):
        joined[page][line] = text
    return joined


def _hyphen(division: _Division, vocabulary: _Vocabulary, evident: bool) -> str | None:
    """What to put between the halves when joining; None if they are to stay apart."""
    left, right = division.left.casefold(), division.right.casefold()
    if division.hyphen == _SOFT or left + right in vocabulary.words:
        return ""
    if f"{left}-{right}" in vocabulary.compounds:
        return division.hyphen
    if evident or right in _SUSPENDING or not (left.isalpha() and right.isalpha()):
        return None
    if division.compound or {left, right} <= vocabulary.words:
        return division.hyphen
    return "" if division.right[0].islower() else None


def _division(line: str, following: str) -> _Division | None:
    left = _LEFT.search(line) if line.endswith(tuple(_HYPHENS)) else None
    right = _RIGHT.match(following) if left is not None else None
    if left is None or right is None or right.end() > _LONGEST:
        return None
    return _Division(left[1], left[2], left[3], right[1], right.end())


def _vocabulary(lines: list[str]) -> _Vocabulary:
    """The vocabulary of everything that is not hyphenated at a line end."""
    words: set[str] = set()
    compounds: set[str] = set()
    start = 0
    for line, following in zip_longest(lines, lines[1:], fillvalue=""):
        division = _division(line, following)
        whole = line[start:]
        if division is not None:
            whole = whole[: -len(division.left) - len(division.hyphen)]
        whole = whole.casefold().replace("\u2010", "-")
        words.update(_WORDS.findall(whole))
        if "-" in whole:
            for compound in _COMPOUNDS.findall(whole):
                compounds.update(map("-".join, pairwise(compound.split("-"))))
        start = 0 if division is None else division.end
    return _Vocabulary(frozenset(words), frozenset(compounds))
