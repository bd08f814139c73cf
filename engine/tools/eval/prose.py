"""Running text: the paragraphs and sentences of what people wrote."""

from __future__ import annotations

import re

_BLANK_LINE = re.compile(r"\n\s*\n")
_MARKED = re.compile(r"(?:[-*+•–]|\d{1,3}[.)]|#{1,6}|>|\|)\s")  # lists, headings, quotes, tables
_LONG_LINE = 160  # where lines are usually longer, each is a paragraph
_SHORT_LINE = 0.65  # of the usual line: such a line ends its paragraph, or is a heading

_STOP = re.compile(r"[.!?]+[\"”’'»)\]]*\s+")
_CLOSED = re.compile(r"[.!?][\"”’'»)\]]*$")
_OPENING = re.compile(r"[\"“‘'«(\[]*([^\W_])")
_NAME = re.compile(r"`|[a-z]+(?:[-_/.][a-z\d]|[\dA-Z])")  # may begin a sentence: "sa-chat"
_NO_STOP = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Prof|Sr|Jr|Gen|Col|Capt|vs|e\.g|i\.e|cf|No|Nos|Fig|Eq|Sec|Vol|ed|pp"
    r"|p|al|approx|ca)\.|(?<![^\s(.])[A-Z]\.)$"
)
_LIST_NUMBER = re.compile(r"\d{1,3}\.")
_LETTERS_SHARE = 0.65  # of what is no blank in a sentence; formulas, tables and code have less


def paragraphs_of(text: str) -> list[str]:
    """The paragraphs of running text, white space folded.

    Blank lines part paragraphs; so do marks of lists and headings, and lines that are much
    shorter than usual, for PDF text has no blank lines.  What is not mostly whole sentences
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
    """Whether at least half of its words are in whole sentences."""
    whole = sum(len(s.split()) for s in sentences_of(paragraph) if is_whole(s))
    return whole > 0 and 2 * whole >= len(paragraph.split())


def sentences_of(paragraph: str) -> list[str]:
    """A folded paragraph, cut after its sentences: joined by blanks, they are the paragraph."""
    found: list[str] = []
    begin = 0
    for stop in _STOP.finditer(paragraph):
        if _ends_here(paragraph, begin, stop):
            found.append(paragraph[begin : stop.end()].rstrip())
            begin = stop.end()
    rest = paragraph[begin:]
    return [*found, rest] if rest else found


def is_whole(sentence: str) -> bool:
    """Whether it begins and ends as sentences do, and is made of words."""
    opening = _OPENING.match(sentence)
    begins = (opening is not None and opening[1].isupper()) or _NAME.match(sentence) is not None
    letters = sum(char.isalpha() for char in sentence)
    signs = sum(not char.isspace() for char in sentence)
    return begins and _CLOSED.search(sentence) is not None and letters >= _LETTERS_SHARE * signs


def _ends_here(paragraph: str, begin: int, stop: re.Match[str]) -> bool:
    """Whether the sentence from `begin` on ends here: no abbreviation, and a new one begins."""
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
    """The length that four of five lines do not exceed, in characters."""
    lengths = sorted(len(line.strip()) for line in text.split("\n") if line.strip())
    return lengths[len(lengths) * 4 // 5] if lengths else 0
