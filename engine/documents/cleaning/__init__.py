"""Removes the artefacts of typesetting from page texts; the words stay unchanged.

Pure functions over the texts of pages.
"""

from __future__ import annotations

from .characters import plain_characters
from .edges import Page, without_edges
from .hyphens import join_words

__all__ = ["Page", "clean_pages"]


def clean_pages(pages: list[Page]) -> list[str]:
    """The cleaned texts of the pages.

    Ligatures become letters, words hyphenated at line ends are joined, and running heads and page
    numbers are removed, except for the first occurrence of each running head.  Lines keep their
    order and lose trailing spaces.
    """
    texts = [plain_characters(page.text) for page in pages]
    lines = [[line.rstrip() for line in text.split("\n")] for text in texts]
    bodies = join_words(without_edges(pages, lines))
    return ["".join(f"{line}\n" for line in body) for body in bodies]
