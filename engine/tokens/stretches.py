"""Long texts cut where their tokens fall apart, so that work on them has steps."""

from __future__ import annotations

import re
from itertools import pairwise

LONGEST = 262_144  # characters, but for words that are longer
_SEAM = re.compile(r"[^\W_](?=[ \n\t])")


def stretches(text: str) -> list[str]:
    """Joined, they are the text.

    Cut after a letter or digit and before a blank: in the patterns of byte-level BPE (GPT-2's,
    GPT-4's and its heirs') nothing matches across, and nothing looks that far.
    """
    seams = [0]
    while seams[-1] + LONGEST < len(text):
        seam = _SEAM.search(text, seams[-1] + LONGEST)
        if seam is None:
            break
        seams.append(seam.end())
    return [text[begin:end] for begin, end in pairwise([*seams, len(text)])]


def is_seam(text: str) -> bool:
    """Whether it could be cut somewhere."""
    return _SEAM.search(text) is not None


def shortest(text: str) -> list[str]:
    """Cut at each place where it could be."""
    seams = [0, *(seam.end() for seam in _SEAM.finditer(text)), len(text)]
    return [text[begin:end] for begin, end in pairwise(seams)]
