"""Removes running heads and page numbers: lines at page edges that repeat across pages."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass

_DEPTH = 3  # most lines of a head or foot
_PAGES = 3  # fewer pages show no pattern
_NEAR = 2  # pages between repeats, as left and right pages often have different heads
_SHARE = 0.5  # least share of pages with a head or foot, if the document has any
_SURE = 0.8  # least share of isolated numbers that must fit, to be page numbers
_DIGITS = 6  # most digits of a page number
_FAR = 1000  # from the page's position: numbers that rise with the pages may be years
_VERSE = 0.75  # least share of lines of verse that start with a capital; prose rarely has 0.65
_SMALL = 4  # longest word that titles write in lower case: "of", "from"
_ENDS = re.compile(r"[.,;:!?…][\"'”’»)\]]*$")  # the end of a sentence, not of a head
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
    """A page as extracted."""

    text: str  # line ends are "\n"
    label: str  # its printed number
    position: int  # in the file, from 1


@dataclass(frozen=True)
class _Line:
    """A line at the edge of a page."""

    head: str  # in lower case, without the page number
    numbered: bool  # it begins or ends with the page number
    alone: bool  # it is only a number
    counted: bool  # that number is the page number
    sentence: bool = False  # it has the capitalisation of a sentence, not of a title


@dataclass(frozen=True)
class _Bodies:
    """Evidence that a line belongs to the text itself."""

    verse: bool  # its lines begin with capitals
    inner: Counter[str]  # how often lines at the edges also occur within pages, in lower case


def without_edges(pages: list[Page], lines: list[list[str]]) -> list[list[str]]:
    """The lines of each page without running heads, page numbers, and blank lines at its ends.

    A head is a repeated line that most pages have at that edge.  Its first occurrence is kept,
    as it may be the chapter heading.  Uncertain cases are kept, too: single words, ends of
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
    """Remove heads (edge 0) or feet (-1) from `bodies`; returns those to keep, from the outside
    in."""
    kept: list[list[str]] = [[] for _ in pages]
    filled = [index for index, body in enumerate(bodies) if body]
    seen: set[str] = set()
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
            if going[index] and going[index] not in seen:
                seen.add(going[index])
                kept[index].append(line)
            bodies[index][:] = _trimmed(bodies[index])
        inner = [index for index in going if bodies[index]]
    return kept


def _repeated(found: dict[int, _Line], pages: int, about: _Bodies) -> dict[int, str]:
    """Which lines are heads (mapped to their text) or page numbers (mapped to an empty text)."""
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
    """Whether a line found `times` at the edge of pages may belong to the text."""
    return about.inner[line.head] >= times or (about.verse and line.sentence)


def _runs(places: list[int]) -> list[int]:
    """The places that have another one nearby."""
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
    """The number in a line such as "12", "- xii -" or "Page 3 of 9"; None for other lines."""
    match = _ALONE.fullmatch(text.strip(_MARKS))
    if match is None:
        return None
    number = match[1].casefold()
    return number if number.isdecimal() or re.fullmatch("[ivxlcdm]+", number) else None


def _folded(line: str) -> str:
    return " ".join(line.casefold().split())


def _is_sentence(line: str) -> bool:
    """Whether a line has lower case where titles have capitals: in its last or a longer word."""
    words = re.findall(r"[^\W\d_]+", line)
    return any(
        word.islower() and (number == len(words) or len(word) > _SMALL)
        for number, word in enumerate(words, start=1)
        if number > 1
    )


def _offset(pages: list[Page], edges: dict[int, str]) -> int | None:
    """The common difference between isolated numbers at this edge and page positions."""
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
    """The lines without blank ones at both ends."""
    filled = [number for number, line in enumerate(lines) if line.strip()]
    return lines[filled[0] : filled[-1] + 1] if filled else []
