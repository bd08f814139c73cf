"""Replaces typographic characters: ligatures, hyphenation marks, control characters."""

from __future__ import annotations

import re

LIGATURES = {
    "\ufb00": "ff",
    "\ufb01": "fi",
    "\ufb02": "fl",
    "\ufb03": "ffi",
    "\ufb04": "ffl",
    "\ufb05": "st",
    "\ufb06": "st",
}
_LETTERS = str.maketrans(LIGATURES)
# PDFium's mark for a hyphen at a line end, which it removes together with the line end.
_DIVISION = re.compile("[\ufffe\x02]\n?")
_SOFT_HYPHEN = re.compile("\u00ad(?![ \t]*\n)")  # at a line end it marks a division
_BREAKS = re.compile("[\x0b\x0c]")
_CONTROLS = re.compile("[\x00-\x08\x0d-\x1f\x7f-\x9f]")


def plain_characters(text: str) -> str:
    """`text`, whose line ends are `\\n`, with ligatures expanded and control characters removed."""
    text = _DIVISION.sub("-\n", text.translate(_LETTERS))
    text = _CONTROLS.sub("", _BREAKS.sub(" ", text))
    return _SOFT_HYPHEN.sub("", text)
