"""What typesetting adds to a text, taken away again; the words stay as they are.

Pure functions over the texts of pages.
"""

from __future__ import annotations

from .characters import plain_characters
from .edges import Page, without_edges
from .hyphens import join_words

__all__ = ["Page", "clean_pages"]


def clean_pages(pages: list[Page]) -> list[str]:
    """The texts of the pages, cleaned.

    Ligatures become letters, words divided at line ends are joined, and running heads and page
    numbers go; but the first of each running head stays.  Lines keep their order, and blanks at
    their ends go.
    """
    texts = [plain_characters(page.text) for page in pages]
    lines = [[line.rstrip() for line in text.split("\n")] for text in texts]
    bodies = join_words(without_edges(pages, lines))
    return ["".join(f"{line}\n" for line in body) for body in bodies]
