"""Running heads and page numbers: lines at the edges of pages that repeat from page to page."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass

_DEPTH = 3  # lines that a head or foot has at most
_PAGES = 3  # on fewer, nothing shows a pattern
_NEAR = 2  # left and right pages often have heads of their own
_SHARE = 0.5  # of the pages have a head or foot, if the document has any
_SURE = 0.8  # of the numbers that stand alone are the page's, if that is what they are
_DIGITS = 6  # of a page's number
_FAR = 1000  # from the page's position: numbers that go up with the pages may be years
_VERSE = 0.75  # of the lines of verse begin with a capital; of those of prose, rarely 0.65
_SMALL = 4  # letters of a word that titles write small: "of", "from"
_ENDS = re.compile(r"[.,;:!?…][\"'”’»)\]]*$")  # a sentence, not a head
_CODE = re.compile(r"[{}=;<>$\\]")
_LETTER = re.compile(r"[^\W\d_]")
_LETTERS = 5
_LENGTH = 120
_MARKS = "-–—|.·•[]()/ \t"
_ALONE = re.compile(
    r"(?:(?:page|seite|p\.)\s*)?([\w.-]+?)(?:\s*(?:of|von|/)\s*\d+)?", re.IGNORECASE
)


@dataclass(frozen=True)
class Page:
    """A page as it was read."""

    text: str  # line ends are "\n"
    label: str  # its printed number
    position: int  # in the file, from 1


@dataclass(frozen=True)
class _Line:
    """A line at the edge of a page."""

    head: str  # in lower case, and without the page's number
    numbered: bool  # it begins or ends with that number
    alone: bool  # it holds nothing but a number
    counted: bool  # that number is the page's
    sentence: bool = False  # it is written as sentences are, not as titles are


@dataclass(frozen=True)
class _Bodies:
    """What speaks for lines of the text itself."""

    verse: bool  # its lines begin with capitals
    inner: Counter[str]  # how often lines of the edges stand within pages, in lower case


def without_edges(pages: list[Page], lines: list[list[str]]) -> list[list[str]]:
    """The lines of each page without running heads, page numbers, and blank lines at its ends.

    A head is a repeated line that most pages have in that place.  The first of each stays, for
    it may be the chapter's heading.  What only might be one stays, too: single words, ends of
    sentences, code, refrains.
    """
    bodies = [_trimmed(page) for page in lines]
    about = _Bodies(_is_verse(bodies), _inner(bodies))
    heads = _peel(pages, bodies, 0, about)
    feet = _peel(pages, bodies, -1, about)
    return [[*h, *body, *reversed(f)] for h, body, f in zip(heads, bodies, feet, strict=True)]


def _is_verse(bodies: list[list[str]]) -> bool:
    first = [line.lstrip()[:1] for body in bodies for line in body]
    capital = sum(map(str.isupper, first))
    return capital > _VERSE * (capital + sum(map(str.islower, first)))


def _inner(bodies: list[list[str]]) -> Counter[str]:
    edges = {_folded(line) for body in bodies for line in (*body[:_DEPTH], *body[-_DEPTH:])}
    lines = (_folded(line) for body in bodies for line in body[_DEPTH:-_DEPTH])
    return Counter(line for line in lines if line in edges)


def _peel(pages: list[Page], bodies: list[list[str]], edge: int, about: _Bodies) -> list[list[str]]:
    """Take heads (edge 0) or feet (-1) from `bodies`.  Those to keep, from the outside in."""
    kept: list[list[str]] = [[] for _ in pages]
    filled = [index for index, body in enumerate(bodies) if body]
    told: set[str] = set()
    inner = filled
    for _ in range(_DEPTH):
        offset = _offset(pages, {index: bodies[index][edge] for index in inner})
        found = {
            index: _look(bodies[index][edge], pages[index], offset)
            for index in inner
            if bodies[index]
        }
        going = _repeated(found, len(filled), about)
        for index in sorted(going):
            line = bodies[index].pop(edge)
            if going[index] and going[index] not in told:
                told.add(going[index])
                kept[index].append(line)
            bodies[index][:] = _trimmed(bodies[index])
        inner = [index for index in going if bodies[index]]
    return kept


def _repeated(found: dict[int, _Line], pages: int, about: _Bodies) -> dict[int, str]:
    """Which of the lines are heads (their text) or page numbers (an empty one)."""
    if pages < _PAGES:
        return {}
    alone = [index for index, line in found.items() if line.alone]
    numbers = [index for index in alone if found[index].counted]
    going: dict[int, str] = {}
    if len(numbers) >= max(_PAGES, _SURE * len(alone)):
        going.update(dict.fromkeys(numbers, ""))
    places: dict[str, list[int]] = defaultdict(list)
    for index in sorted(found):
        if not found[index].alone and _may_be_head(found[index].head):
            places[found[index].head].append(index)
    heads = {
        index: head
        for head, where in places.items()
        for index in _runs(where)
        if (
            len(where) >= 2
            if found[index].numbered
            else len(where) >= _PAGES and not _is_refrain(found[index], len(where), about)
        )
    }
    sure = set(going) | set(heads) | {index for index in found if found[index].numbered}
    if len(sure) >= _SHARE * pages:
        going.update(heads)
    return going


def _is_refrain(line: _Line, times: int, about: _Bodies) -> bool:
    """Whether a line that is `times` at the edge of pages may be one of the text."""
    return about.inner[line.head] >= times or (about.verse and line.sentence)


def _runs(places: list[int]) -> list[int]:
    """Those with another one near."""
    return [
        place
        for number, place in enumerate(places)
        if (number and place - places[number - 1] <= _NEAR)
        or (number + 1 < len(places) and places[number + 1] - place <= _NEAR)
    ]


def _look(line: str, page: Page, offset: int | None) -> _Line:
    own = {page.label.casefold()}
    if offset is not None:
        own.add(str(page.position + offset))
    text = _folded(line)
    number = _number(text)
    if number is not None:
        return _Line("", numbered=number in own, alone=True, counted=number in own)
    first, _, rest = text.partition(" ")
    before, _, last = text.rpartition(" ")
    for token, head in ((first, rest), (last, before)):
        if token.strip(_MARKS) in own:
            return _Line(head.strip(_MARKS), numbered=True, alone=False, counted=False)
    return _Line(text, numbered=False, alone=False, counted=False, sentence=_is_sentence(line))


def _number(text: str) -> str | None:
    """The number of a line such as "12", "- xii -" and "Page 3 of 9"."""
    match = _ALONE.fullmatch(text.strip(_MARKS))
    if match is None:
        return None
    number = match[1].casefold()
    return number if number.isdecimal() or re.fullmatch("[ivxlcdm]+", number) else None


def _folded(line: str) -> str:
    return " ".join(line.casefold().split())


def _is_sentence(line: str) -> bool:
    """Whether it has small letters where titles have capitals: in its last or a longer word."""
    words = re.findall(r"[^\W\d_]+", line)
    return any(
        word.islower() and (number == len(words) or len(word) > _SMALL)
        for number, word in enumerate(words, start=1)
        if number > 1
    )


def _offset(pages: list[Page], edges: dict[int, str]) -> int | None:
    """From positions to the numbers that stand alone at this edge, where it is the same."""
    offsets: Counter[int] = Counter()
    for index, line in edges.items():
        number = _number(line)
        if number is not None and number.isdecimal() and len(number) <= _DIGITS:
            offsets[int(number) - pages[index].position] += 1
    if not offsets:
        return None
    offset, times = offsets.most_common(1)[0]
    sure = times >= max(_PAGES, _SURE * offsets.total())
    return offset if sure and abs(offset) < _FAR else None


def _may_be_head(text: str) -> bool:
    letters = len(_LETTER.findall(text))
    return (
        " " in text
        and letters >= _LETTERS
        and len(text) <= _LENGTH
        and not _ENDS.search(text)
        and not _CODE.search(text)
    )


def _trimmed(lines: list[str]) -> list[str]:
    """Without blank lines at its ends."""
    filled = [number for number, line in enumerate(lines) if line.strip()]
    return lines[filled[0] : filled[-1] + 1] if filled else []
