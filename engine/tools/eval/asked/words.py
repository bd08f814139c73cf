"""Words of English text in comparable form: content words, stems and numbers."""

from __future__ import annotations

import re
from collections import Counter

from ....citations.folding import fold
from ..function_words import FUNCTION_WORDS

_TOKEN = re.compile(r"[^\W_]+")
_POSSESSIVE = re.compile(r"'s\b")
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}\b)")
_NUMBER = re.compile(r"(\d+)(?:st|nd|rd|th)?")
_TO_TWENTY = """
two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen twenty
"""
_TENS = "thirty forty fifty sixty seventy eighty ninety hundred"
_SPELLED = {
    **{word: str(number) for number, word in enumerate(_TO_TWENTY.split(), start=2)},
    **{word: str(10 * number) for number, word in enumerate(_TENS.split(), start=3)},
    "thousand": "1000",
}


def tokens_of(text: str) -> list[str]:
    """The words and numbers of a text in lower case; white space, typographic signs, possessives
    and the commas of large numbers make no difference."""
    folded = _POSSESSIVE.sub("", fold(text).text.lower())
    return _TOKEN.findall(_GROUPED.sub("", folded))


def content_words(text: str) -> set[str]:
    """The stems of a text's words that are neither function words nor numbers."""
    return {
        stem(token)
        for token in tokens_of(text)
        if token not in FUNCTION_WORDS and len(token) > 1 and not number_of(token)
    }


def numbers(text: str) -> set[str]:
    """The numbers of a text as digits, those up to a thousand also where one word names them."""
    return {number for token in tokens_of(text) if (number := number_of(token))}


def number_of(token: str) -> str:
    """The digits of a number, without leading zeros; empty if the token is none."""
    match = _NUMBER.fullmatch(token)
    return str(int(match[1])) if match else _SPELLED.get(token, "")


def stem(word: str) -> str:
    """A word without the endings of plurals and of the forms in -ed and -ing."""
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 4 and word.endswith(("ses", "xes", "zes", "ches", "shes")):
        word = word[:-2]
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending, least in (("ing", 6), ("ed", 5)):
        if len(word) >= least and word.endswith(ending):
            word = word[: -len(ending)]
            if word[-1] == word[-2] and word[-1] not in "aeiouls":
                word = word[:-1]
            break
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


def word_f1(found: str, expected: str) -> float:
    """The harmonic mean of precision and recall of the words of two texts, with multiplicity: the
    F1 of SQuAD (arXiv 1606.05250, section 6.1), from 0 to 1."""
    first, second = Counter(tokens_of(found)), Counter(tokens_of(expected))
    shared = (first & second).total()
    return 2 * shared / (first.total() + second.total()) if shared else 0.0
