"""Extracts paragraphs and sentences of running text."""

from __future__ import annotations

import re

_BLANK_LINE = re.compile(r"\n\s*\n")
_MARKED = re.compile(r"(?:[-*+•–]|\d{1,3}[.)]|#{1,6}|>|\|)\s")  # lists, headings, quotes, tables
_LONG_LINE = 160  # if lines are usually longer, each is a paragraph
_SHORT_LINE = 0.65  # of the usual width: a shorter line ends a paragraph or is a heading

_STOP = re.compile(r"[.!?]+[\"”’'»)\]]*\s+")
_CLOSED = re.compile(r"[.!?][\"”’'»)\]]*$")
_OPENING = re.compile(r"[\"“‘'«(\[]*([^\W_])")
_NAME = re.compile(r"`|[a-z]+(?:[-_/.][a-z\d]|[\dA-Z])")  # may begin a sentence: "sa-chat"
_NO_STOP = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Prof|Sr|Jr|Gen|Col|Capt|vs|e\.g|i\.e|cf|No|Nos|Fig|Eq|Sec|Vol|ed|pp"
    r"|p|al|approx|ca)\.|(?<![^\s(.])[A-Z]\.)$"
)
_LIST_NUMBER = re.compile(r"\d{1,3}\.")
_LETTERS_SHARE = 0.65  # of non-space characters; formulas, tables and code have less


def paragraphs_of(text: str) -> list[str]:
    """The paragraphs of running text, white space folded.

    Paragraphs are separated by blank lines, list and heading markers, and lines much shorter than
    usual, as PDF text has no blank lines.  Text that does not consist mainly of complete sentences
    (headings, tables, contents, listings) is left out.
    """
    width = _usual_width(text)
    found: list[str] = []
    for block in _BLANK_LINE.split(text):
        lines: list[str] = []
        for line in (line.strip() for line in block.split("\n")):
            if lines and (width > _LONG_LINE or _MARKED.match(line)):
                found.append(" ".join(lines))
                lines = []
            lines += line.split()
            if len(line) < _SHORT_LINE * width:
                found.append(" ".join(lines))
                lines = []
        found.append(" ".join(lines))
    return [paragraph for paragraph in found if is_running(paragraph)]


def is_running(paragraph: str) -> bool:
    """Whether at least half of the words are in complete sentences."""
    whole = sum(len(s.split()) for s in sentences_of(paragraph) if is_whole(s))
    return whole > 0 and 2 * whole >= len(paragraph.split())


def sentences_of(paragraph: str) -> list[str]:
    """The sentences of a paragraph with folded white space; joined by spaces, they are the
    paragraph."""
    found: list[str] = []
    begin = 0
    for stop in _STOP.finditer(paragraph):
        if _ends_here(paragraph, begin, stop):
            found.append(paragraph[begin : stop.end()].rstrip())
            begin = stop.end()
    rest = paragraph[begin:]
    return [*found, rest] if rest else found


def is_whole(sentence: str) -> bool:
    """Whether the text begins and ends like a sentence and consists of words."""
    opening = _OPENING.match(sentence)
    begins = (opening is not None and opening[1].isupper()) or _NAME.match(sentence) is not None
    letters = sum(char.isalpha() for char in sentence)
    signs = sum(not char.isspace() for char in sentence)
    return begins and _CLOSED.search(sentence) is not None and letters >= _LETTERS_SHARE * signs


def _ends_here(paragraph: str, begin: int, stop: re.Match[str]) -> bool:
    """Whether the sentence from `begin` ends here: not an abbreviation, and a new one begins."""
    mark = stop[0].rstrip()
    at = stop.start() + 1
    if mark == "." and (
        _NO_STOP.search(paragraph, begin, at) or _LIST_NUMBER.fullmatch(paragraph, begin, at)
    ):
        return False
    opening = _OPENING.match(paragraph, stop.end())
    if opening is not None and (opening[1].isupper() or opening[1].isdigit()):
        return True
    return mark == "." and _NAME.match(paragraph, stop.end()) is not None


def _usual_width(text: str) -> int:
    """The length in characters that four of five lines do not exceed."""
    lengths = sorted(len(line.strip()) for line in text.split("\n") if line.strip())
    return lengths[len(lengths) * 4 // 5] if lengths else 0
