"""From running text to pages as people bring them: paragraphs, hard line ends, page markers.

A context is a list of blocks.  Prose blocks hold whole sentences with single blanks; verbatim
blocks (listings, tables) are kept as they stand.  `render` lays the blocks out in one of the
ways in which documents reach the reader, without changing a word, and returns the text in
runs, so that the caller knows where each sentence went.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

SENTENCE_END = re.compile(r"(?<=[.!?])[\"”’')\]]*\s+(?=[\"“‘'(\[]?[A-Z0-9])")
ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Prof|Sr|Jr|vs|e\.g|i\.e|etc|No|Fig|cf)\.|\b[A-Z]\.)$"
)
ROMAN = ["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii", "xiv"]


@dataclass
class Block:
    """A paragraph.  `sentences` of a verbatim block is its whole text, once."""

    sentences: list[str]
    prose: bool = True
    planted: set[int] = field(default_factory=set)  # positions of sentences put in by us


def sentences_of(paragraph: str) -> list[str]:
    """The sentences of a paragraph, white space folded.  Abbreviations do not end one."""
    parts, last = [], 0
    text = " ".join(paragraph.split())
    for match in SENTENCE_END.finditer(text):
        head = text[last : match.end()].strip()
        if ABBREVIATION.search(head) or len(head) < 4:
            continue
        parts.append(head)
        last = match.end()
    rest = text[last:].strip()
    return [*parts, rest] if rest else parts


def is_prose(paragraph: str) -> bool:
    """Whether the lines of a paragraph may be joined without harm."""
    lines = paragraph.split("\n")
    if any(line.startswith((" ", "\t", ">", "$", "#", "|", "=", "-", "+", "*")) for line in lines):
        return False
    if len(lines) > 1 and sum(map(len, lines)) / len(lines) < 45:
        return False
    letters = sum(c.isalpha() or c == " " for c in paragraph)
    return letters > 0.8 * len(paragraph)


def blocks_of(text: str) -> list[Block]:
    out = []
    for paragraph in re.split(r"\n\s*\n", text):
        if not paragraph.strip():
            continue
        if is_prose(paragraph):
            out.append(Block(sentences_of(paragraph)))
        else:
            out.append(Block([paragraph.rstrip()], prose=False))
    return out


def wrap(text: str, width: int) -> str:
    """Greedy line breaks at blanks.  `textwrap` is many times slower."""
    lines, length, line = [], 0, []
    for word in text.split(" "):
        if length + len(word) > width and line:
            lines.append(" ".join(line))
            line, length = [], 0
        line.append(word)
        length += len(word) + 1
    lines.append(" ".join(line))
    return "\n".join(lines)


def render(blocks: list[Block], rng: random.Random, name: str | None = None) -> str:
    """The document's text in a random layout, under a file marker if it has a `name`."""
    style = rng.random()
    suffix = rng.choice([".txt", ".md"]) if style < 0.55 else ".pdf"
    head = f"=== {name}{suffix} ===\n" if name else ""
    if style < 0.08:  # all in one line
        return head + " ".join(" ".join(" ".join(b.sentences).split()) for b in blocks) + "\n"
    if style < 0.35:  # one line a paragraph, as e-books and Markdown have it
        gap = "\n\n" if rng.random() < 0.85 else "\n"
        return head + gap.join(" ".join(b.sentences) for b in blocks) + "\n"
    width = rng.randint(52, 96)
    laid = [wrap(" ".join(b.sentences), width) if b.prose else b.sentences[0] for b in blocks]
    if style < 0.55:
        return head + "\n\n".join(laid) + "\n"
    gap = "\n" if rng.random() < 0.6 else "\n\n"  # PDF text often loses paragraph breaks
    return head + paginate(gap.join(laid), rng)


def paginate(text: str, rng: random.Random) -> str:
    """Cuts the text into pages with the marker lines that the program writes."""
    lines = text.split("\n")
    per_page = rng.randint(24, 48)
    roman = rng.randint(0, len(ROMAN)) if rng.random() < 0.4 else 0
    first = 1 if roman or rng.random() < 0.5 else rng.randint(2, 400)
    out = []
    for number, start in enumerate(range(0, len(lines), per_page)):
        label = ROMAN[number] if number < roman else str(first + number - roman)
        out.append(f"[page {label}]")
        out.extend(lines[start : start + per_page])
    return "\n".join(out) + "\n"
