"""What in an answer is a quotation."""

from __future__ import annotations

import re
from collections.abc import Iterator

_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
_BLOCK = re.compile(r" {0,3}> ?(.*)")
_INLINE = re.compile(r"\u201c([^\u201c\u201d]+)\u201d|(?<![\w\"])\"([^\"]+)\"(?![\w\"])")
_INLINE_WORDS = 4  # fewer are names and terms, not quotations


def find_quotes(answer: str) -> list[str]:
    """Each quotation once, in order: paragraphs of Markdown block quotes (their lines joined),
    fenced code blocks, and text of four or more words in double quotes."""
    found = (quote.strip("\n") for quote in _quotes(answer.splitlines()))
    return list(dict.fromkeys(quote for quote in found if any(map(str.isalnum, quote))))


def _quotes(lines: list[str]) -> Iterator[str]:
    prose: list[str] = []
    at = 0
    while at < len(lines):
        taken, quotes = _block(lines, at)
        if taken == 0:
            prose.append(lines[at])
            at += 1
            continue
        yield from _inline(prose)
        prose = []
        yield from quotes
        at += taken
    yield from _inline(prose)


def _block(lines: list[str], at: int) -> tuple[int, list[str]]:
    """How many lines from here on are one block quote or code block, and what they quote."""
    fence = _FENCE.match(lines[at])
    if fence:
        body, after = [], at + 1
        while after < len(lines) and not _closes(lines[after], fence[1]):
            body.append(lines[after])
            after += 1
        return min(after + 1, len(lines)) - at, ["\n".join(body)]
    paragraphs: list[list[str]] = [[]]
    after = at
    while after < len(lines) and (match := _BLOCK.fullmatch(lines[after])):
        after += 1
        if not match[1].strip():
            paragraphs.append([])
        elif not _FENCE.match(match[1]):
            paragraphs[-1].append(match[1].rstrip())
    return after - at, ["\n".join(paragraph) for paragraph in paragraphs]


def _closes(line: str, fence: str) -> bool:
    mark = _FENCE.match(line)
    return mark is not None and mark[1].startswith(fence) and not line[mark.end() :].strip()


def _inline(lines: list[str]) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", "\n".join(lines)):
        for match in _INLINE.finditer(paragraph):
            quote = match[1] or match[2]
            if len(quote.split()) >= _INLINE_WORDS:
                yield quote.strip()
