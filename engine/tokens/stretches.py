"""Splits long texts between tokens, so that work on them can proceed in steps."""

from __future__ import annotations

import re
from itertools import pairwise

LONGEST = 262_144  # characters before the next seam
_SEAM = re.compile(r"[^\W_](?=[ \n\t])")


def stretches(text: str) -> list[str]:
    """Split a text into pieces of about `LONGEST` characters; joined, they are the text.

    Splits lie after a letter or digit and before white space: the patterns of byte-level BPE
    (GPT-2, GPT-4 and successors) neither match nor look across.
    """
    seams = [0]
    while seams[-1] + LONGEST < len(text):
        seam = _SEAM.search(text, seams[-1] + LONGEST)
        if seam is None:
            break
        seams.append(seam.end())
    return [text[begin:end] for begin, end in pairwise([*seams, len(text)])]


def is_seam(text: str) -> bool:
    """Whether the text has a place where it can be split."""
    return _SEAM.search(text) is not None


def shortest(text: str) -> list[str]:
    """Split a text at every place where it can be split."""
    seams = [0, *(seam.end() for seam in _SEAM.finditer(text)), len(text)]
    return [text[begin:end] for begin, end in pairwise(seams)]
