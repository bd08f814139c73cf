"""Scoring rules for answers, from 0 to 1."""

from __future__ import annotations

import re
from collections.abc import Callable

from ...citations.folding import fold
from ...tokens.chat import REFUSAL

_CONTROLS = re.compile(r"[\x00-\x1f]")
_QUOTE_MARKS = re.compile(r"^[ >]*> ?", re.MULTILINE)
_QUOTING = re.compile(r"^ {0,3}(?:>|```|~~~)", re.MULTILINE)
_REFUSAL = REFUSAL.lower().rstrip(".")
_LONGEST_REFUSAL = 300  # characters
_SOURCE = r"(?:document|text|passage|context|book|file|code|codebase|repository|excerpt)s?\b"
_SAYS = r"(?:contain|say|mention|state|specify|include|provide|give|describe|discuss|define)\b"
_FOUND = r"(?:find|found|locate|located|answer|answered|determine|determined)\b"
_NOT = r"(?: ?not|n't|'t| never)"
_REFUSALS = (
    rf"\bi (?:could|can|did){_NOT} find (?:that|this)\b",
    rf"\b(?:(?:could|can|did){_NOT}|unable to) (?:be )?{_FOUND}[^.]*"
    rf"\b(?:{_SOURCE}|information|mention|reference|question)",
    rf"\b{_SOURCE}\W+(?:\w+\W+){{0,5}}?(?:does|do|did){_NOT} (?:\w+ ){{0,2}}?{_SAYS}",
    rf"\b(?:is|are|was|were){_NOT} (?:\w+ )?(?:mentioned|stated|specified)\b",
    r"^not (?:mentioned|stated|specified|found|given|provided)\b",
    rf"(?:\bnot|n't) (?:\w+ ){{0,2}}(?:in|by|from|part of) (?:the|this|that) (?:\w+ )?{_SOURCE}",
    r"\bno (?:\w+ )?(?:information|mention|reference|indication)\b",
    rf"\bnothing (?:in|about|on)\b[^.]*\b{_SOURCE}",
    rf"\b{_SOURCE} says nothing\b",
)
_ANY_REFUSAL = re.compile("|".join(_REFUSALS))


def match_all(answer: str, expected: tuple[str, ...]) -> float:
    """The share of the expected strings that the answer contains, ignoring case.

    RULER's `string_match_all` (scripts/eval/synthetic/constants.py).
    """
    found = _plain(answer)
    return sum(text.lower() in found for text in expected) / len(expected)


def match_both(answer: str, expected: tuple[str, ...]) -> float:
    """Whether the answer contains all the expected strings, ignoring case."""
    return float(match_all(answer, expected) == 1.0)


def match_sentence(answer: str, expected: tuple[str, ...]) -> float:
    """Whether the answer contains one of the expected sentences verbatim.

    White space, block quote markers, and the forms of quotation marks and dashes are ignored (see
    `citations.folding`).
    """
    found = _folded(answer)
    return float(any(_folded(text) in found for text in expected))


def match_path(answer: str, expected: tuple[str, ...]) -> float:
    """Whether one of the expected paths occurs in the answer, alone or as the end of a longer
    path: `engine/base.py` in `sa-chat/engine/base.py`, but not in `engine/base.pyi`."""
    return float(
        any(
            re.search(rf"(?<![\w.-]){re.escape(path)}(?![\w-]|[./]\w)", answer) for path in expected
        )
    )


def match_refusal(answer: str, expected: tuple[str, ...]) -> float:
    """Whether the answer says that the document does not contain it; `expected` is not used."""
    return float(refused(answer))


def refused(answer: str) -> bool:
    """Whether an answer only says that the document does not contain it: short, without quoted
    lines, and worded like `chat.REFUSAL` or the refusals of other models."""
    if len(answer) > _LONGEST_REFUSAL or _QUOTING.search(answer):
        return False
    said = fold(answer).text.lower()
    return _REFUSAL in said or _ANY_REFUSAL.search(said) is not None


RULES: dict[str, Callable[[str, tuple[str, ...]], float]] = {
    "all": match_all,
    "both": match_both,
    "sentence": match_sentence,
    "path": match_path,
    "refusal": match_refusal,
}
"""The rules by the names in `Question.rule`."""


def _plain(answer: str) -> str:
    """Text prepared for comparison as in RULER: control characters become line ends."""
    return _CONTROLS.sub("\n", answer).strip().lower()


def _folded(text: str) -> str:
    return fold(_QUOTE_MARKS.sub("", text)).text.strip()
