"""Finds the quotations in an answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
_BLOCK = re.compile(r" {0,3}> ?(.*)")
_INLINE = re.compile(r"\u201c([^\u201c\u201d]+)\u201d|(?<![\w\"])\"([^\"]+)\"(?![\w\"])")
_INLINE_WORDS = 4  # shorter ones are names and terms, not quotations
_LEAST_CHARACTERS, _LEAST_WORDS = 12, 3
_WORD = re.compile(r"[^\W\u2e80-\U0010ffff][^\s\u2e80-\U0010ffff]*|[^\W\x00-\u2e7f]")
_TO_LAST_WORD = re.compile(r".*[\s\u2e80-\U0010ffff]", re.DOTALL)


@dataclass(frozen=True)
class Quote:
    """Text that an answer attributes to the document; `code` contains no Markdown markers."""

    text: str
    code: bool = False


def find_quotes(answer: str) -> list[Quote]:
    """The quotations of an answer, in order and without duplicates: paragraphs of Markdown block
    quotes (lines joined), fenced code blocks, and text of four or more words in double quotes.

    Texts that are not `is_significant` are ignored, as they would be found by chance.
    """
    stripped = (Quote(quote.text.strip("\n"), quote.code) for quote in _quotes(answer.splitlines()))
    return list(dict.fromkeys(quote for quote in stripped if is_significant(quote.text)))


def is_significant(text: str) -> bool:
    """Whether a text is long enough for a match to mean something: at least twelve characters or
    three words.  In scripts without spaces each character counts as a word."""
    words = _WORD.findall(text)
    return len(words) >= _LEAST_WORDS or (
        len(words) > 0 and len(" ".join(text.split())) >= _LEAST_CHARACTERS
    )


def without_cut_word(text: str) -> str:
    """A stopped answer without its last word, if that may be incomplete."""
    text = text.rstrip("\ufffd")
    if not text[-1:].isalnum():
        return text
    whole = _TO_LAST_WORD.match(text)
    return whole[0] if whole else ""


def _quotes(lines: list[str]) -> Iterator[Quote]:
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


def _block(lines: list[str], at: int) -> tuple[int, list[Quote]]:
    """The number of lines from `at` that form a block quote or code block, and its quotations."""
    fence = _FENCE.match(lines[at])
    if fence:
        body, after = [], at + 1
        while after < len(lines) and not _closes(lines[after], fence[1]):
            body.append(lines[after])
            after += 1
        return min(after + 1, len(lines)) - at, [Quote("\n".join(body), code=True)]
    code = False
    paragraphs: list[list[str]] = [[]]
    after = at
    while after < len(lines) and (match := _BLOCK.fullmatch(lines[after])):
        after += 1
        if not match[1].strip(" \t>"):
            paragraphs.append([])
        elif _FENCE.match(match[1]):
            code = True
        else:
            paragraphs[-1].append(match[1].rstrip())
    return after - at, [Quote("\n".join(paragraph), code) for paragraph in paragraphs]


def _closes(line: str, fence: str) -> bool:
    mark = _FENCE.match(line)
    return mark is not None and mark[1].startswith(fence) and not line[mark.end() :].strip()


def _inline(lines: list[str]) -> Iterator[Quote]:
    for paragraph in re.split(r"\n\s*\n", "\n".join(lines)):
        for match in _INLINE.finditer(paragraph):
            quote = match[1] or match[2]
            if len(quote.split()) >= _INLINE_WORDS:
                yield Quote(quote.strip())
