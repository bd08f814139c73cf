"""Folds text: removes differences that do not change the wording, with a map back.

White space of any kind and length becomes one space; typographic quotes become plain; dashes
become a hyphen without spaces around it; a hyphen between letters is removed, so that a word
hyphenated at a line end equals the whole word; soft hyphens and zero-width characters are removed;
ligatures become their letters.  Case is kept, and so are hyphens beside digits: -5 is not 5.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from dataclasses import dataclass, field

from ..documents.cleaning.characters import LIGATURES

_SPACES = "\t\n\x0b\x0c\r\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
_SINGLE = "\u2018\u2019\u201a\u201b\u2032\u00b4`"
_DOUBLE = "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb"
_NOTHING = "\u200b\u200c\u200d\u2060\ufeff"
_ONE_TO_ONE = str.maketrans(
    dict.fromkeys(_SPACES, " ")
    | dict.fromkeys(_DASHES, "-")
    | dict.fromkeys(_SINGLE, "'")
    | dict.fromkeys(_DOUBLE, '"')
    | dict.fromkeys(_NOTHING, "\u200b")
)
_LETTERS = {"\u2026": "...", **LIGATURES}
_CHANGES = re.compile(
    r"(?P<divided>(?<=[^\W\d_])[ \u00ad\u200b]*-[- \u00ad\u200b]*(?=[^\W\d_]))"
    r"|(?P<dash>[ \u00ad\u200b]*-[- \u00ad\u200b]*)"
    r"|(?P<soft>[\u200b]*\u00ad[ \u00ad\u200b]*)"
    r"|(?P<blank>\u200b* [ \u200b]+|\u200b+ )"
    r"|(?P<nothing>\u200b+)"
    r"|(?P<letters>[\u2026\ufb00-\ufb06])"
)


@dataclass(frozen=True)
class Folded:
    """A folded text; `original` maps its offsets back."""

    text: str
    _at: array[int] = field(repr=False)  # folded offsets where the difference changes
    _origin: array[int] = field(repr=False)  # the original offsets there

    def original(self, offset: int) -> int:
        """The original offset of the folded character at `offset`, or of what it replaces."""
        index = bisect_right(self._at, offset) - 1
        origin = self._origin[index] + offset - self._at[index]
        if index + 1 < len(self._origin):
            return min(origin, self._origin[index + 1] - 1)
        return origin


def fold(text: str) -> Folded:
    """Fold a text, in time linear in its length."""
    plain = text.translate(_ONE_TO_ONE)
    pieces: list[str] = []
    at, origin = array("q", [0]), array("q", [0])
    done = length = 0
    for match in _CHANGES.finditer(plain):
        start, end = match.span()
        replacement = _replacement(match)
        if replacement == match[0]:
            continue
        pieces += (plain[done:start], replacement)
        length += start - done
        if replacement:
            at.append(length)
            origin.append(start)
            length += len(replacement)
        at.append(length)
        origin.append(end)
        done = end
    pieces.append(plain[done:])
    return Folded("".join(pieces), at, origin)


def _replacement(match: re.Match[str]) -> str:
    kind = match.lastgroup
    if kind == "dash":
        return "-"
    if kind == "blank":
        return " "
    if kind == "letters":
        return _LETTERS[match[0]]
    return ""
