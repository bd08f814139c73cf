"""One file as the model read it, cleaned for the screen, with the place of every row."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from sa_chat.protocol.events import DocumentText

from ..report.text import clean

LEAF_CHARS = 64_000  # to wrap them anew takes some 15 ms
_SEAM = "\0"  # `clean` leaves none in a text
_OVER_SEAMS = rf"\n*{_SEAM}[\n{_SEAM}]*"  # between pages blank lines are as many as may be


@dataclass(frozen=True)
class Stretch:
    """Text with one place, behind its marker.  Offsets are those of the file's shown text."""

    start: int  # of the marker
    begin: int  # of the text
    page: str | None
    line: int  # of the first row of the text, from 1
    lines: tuple[int, ...]  # of each row, from 0, where rows and lines differ; else empty


@dataclass(frozen=True, eq=False)
class FileText:
    """What is shown of a file: its stretches, each behind its marker, joined."""

    path: str
    text: str
    stretches: tuple[Stretch, ...]

    @cached_property
    def words(self) -> str:
        """The text at the same offsets, with markers blotted out: they are no words of it."""
        pieces: list[str] = []
        at = 0
        for stretch in self.stretches:
            pieces += (self.text[at : stretch.start], _SEAM * (stretch.begin - stretch.start))
            at = stretch.begin
        return "".join((*pieces, self.text[at:]))

    @cached_property
    def folded(self) -> str:
        """`words` in lower case, at the same offsets."""
        return fold(self.words)

    @cached_property
    def cuts(self) -> list[int]:
        """Where its leaves start: at line ends, or at blanks in a line that is too long."""
        cuts = [0]
        while (rest := len(self.text) - cuts[-1]) > LEAF_CHARS:
            size = -(-rest // -(-rest // LEAF_CHARS))
            half, limit = cuts[-1] + size // 2, cuts[-1] + size
            ends = (self.text.rfind(end, half, limit) + 1 for end in "\n ")
            cuts.append(next(filter(None, ends), limit))
        return cuts

    def place(self, offset: int) -> tuple[str | None, int]:
        """Page and line of a character; of a marker those of what it announces."""
        stretch = self.stretches[self._stretch(offset)]
        row = self.text.count("\n", stretch.begin, max(offset, stretch.begin))
        return stretch.page, stretch.line + (stretch.lines[row] if stretch.lines else row)

    def is_marker(self, offset: int) -> bool:
        return offset < self.stretches[self._stretch(offset)].begin

    def offset_of(self, page: str | None, line: int, title: str = "") -> int | None:
        """Where the row begins that this line starts with; the marker of a page without text;
        None if neither is there.

        Of several pages with one label the first counts that has the line and the title.
        """
        found = [i for i, s in enumerate(self.stretches) if s.page == page and s.line <= line]
        if not found:
            return self._marker_of(page)
        index = min(found, key=lambda i: (not self._has(i, line), not self._says(i, title)))
        if not self._has(index, line):
            index = found[-1]
        stretch = self.stretches[index]
        row = line - stretch.line
        if stretch.lines:
            row = bisect_left(stretch.lines, row)
        at, end = stretch.begin, self._end(index)
        for _ in range(row):
            following = self.text.find("\n", at, end - 1) + 1
            if not following:
                break
            at = following
        return at

    def find(self, passage: str, start: int) -> tuple[int, int] | None:
        """Begin and end of the first place from `start` on that has these very characters."""
        wanted = clean(passage).strip("\n")
        if not wanted.strip():
            return None
        pattern = re.escape(wanted).replace("\\\n", "\n")
        pattern = re.sub("\n+", lambda ends: f"(?:{ends[0]}|{_OVER_SEAMS})", pattern)
        match = re.compile(pattern).search(self.words, start)
        return match.span() if match else None

    def _marker_of(self, page: str | None) -> int | None:
        """Where the label of a page without text stands."""
        row = f"[page {clean(page or '')}]\n"
        places = (match.start() for match in re.finditer(re.escape(row), self.text))
        return next((at for at in places if self.is_marker(at)), None)

    def _stretch(self, offset: int) -> int:
        return bisect_right(self.stretches, offset, key=lambda s: s.start) - 1

    def _end(self, index: int) -> int:
        following = self.stretches[index + 1 : index + 2]
        return following[0].start if following else len(self.text)

    def _has(self, index: int, line: int) -> bool:
        stretch = self.stretches[index]
        if stretch.lines:
            return line - stretch.line <= stretch.lines[-1]
        return line - stretch.line <= self.text.count("\n", stretch.begin, self._end(index))

    def _says(self, index: int, title: str) -> bool:
        return title in self.text[self.stretches[index].begin : self._end(index)]


def fold(text: str) -> str:
    """In lower case, each character for one.  (`lower` alone makes two of a dotted capital I,
    and has two small sigmas.)"""
    return text.replace("\u0130", "i").lower().replace("\u03c2", "\u03c3")


def files_of(said: Iterable[DocumentText]) -> tuple[FileText, ...]:
    """Stretches by file, in the order in which files come first."""
    by_path: dict[str, list[DocumentText]] = {}
    for event in _whole_lines(said):
        by_path.setdefault(event.path, []).append(event)
    return tuple(_file(path, events) for path, events in by_path.items())


def _whole_lines(said: Iterable[DocumentText]) -> Iterator[DocumentText]:
    """What was cut inside a line joined again: an escape sequence may have been cut."""
    last: DocumentText | None = None
    for event in said:
        if not event.head and not event.text:
            continue
        open_line = last is not None and last.text and not last.text.endswith("\n")
        if last is not None and open_line and not event.head and event.path == last.path:
            last = replace(last, text=last.text + event.text)
            continue
        if last is not None:
            yield last
        last = event
    if last is not None:
        yield last


def _file(path: str, events: Sequence[DocumentText]) -> FileText:
    pieces: list[str] = []
    stretches: list[Stretch] = []
    at = 0
    for event in events:
        head, text = clean(event.head), clean(event.text)
        pieces += (head, text)
        lines = () if text.count("\n") == event.text.count("\n") else tuple(_lines(event.text))
        stretches.append(Stretch(at, at + len(head), event.page, event.line, lines))
        at += len(head) + len(text)
    return FileText(path, "".join(pieces), tuple(stretches))


def _lines(text: str) -> Iterator[int]:
    """The line that each row of the cleaned text is of: form feeds end rows, but no lines."""
    for index, line in enumerate(text.split("\n")):
        for _ in range(clean(line.removesuffix("\r")).count("\n") + 1):
            yield index
