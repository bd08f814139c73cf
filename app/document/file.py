"""One file as the model reads it, cleaned for the screen, with the place of every row."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from sa_chat.protocol.events import DocumentText
from sa_chat.protocol.text import clean

LEAF_CHARS = 64_000  # wrapping this many anew takes some 15 ms
_SEAM = "\0"  # never in a text: `clean` removes it
_OVER_SEAMS = rf"\n*{_SEAM}[\n{_SEAM}]*"  # any number of blank lines between pages


@dataclass(frozen=True)
class TextBlock:
    """A block of text on one page, after its marker.  Offsets are into `FileText.text`."""

    start: int  # of the marker
    begin: int  # of the text
    page: str | None
    line: int  # of the first row of the text, from 1
    lines: tuple[int, ...]  # line of each row, from 0, if rows and lines differ; else empty


@dataclass(frozen=True, eq=False)
class FileText:
    """The text of a file as it is shown: its blocks, each after its marker."""

    path: str
    text: str
    blocks: tuple[TextBlock, ...]

    @cached_property
    def words(self) -> str:
        """`text` with the markers, which are not the file's words, blanked out."""
        pieces: list[str] = []
        at = 0
        for block in self.blocks:
            pieces += (self.text[at : block.start], _SEAM * (block.begin - block.start))
            at = block.begin
        return "".join((*pieces, self.text[at:]))

    @cached_property
    def folded(self) -> str:
        """`words` in lower case, at the same offsets."""
        return fold(self.words)

    @cached_property
    def cuts(self) -> list[int]:
        """Offsets where the leaves start: at line ends, or at blanks in lines that are too long."""
        cuts = [0]
        while (rest := len(self.text) - cuts[-1]) > LEAF_CHARS:
            size = -(-rest // -(-rest // LEAF_CHARS))
            half, limit = cuts[-1] + size // 2, cuts[-1] + size
            ends = (self.text.rfind(end, half, limit) + 1 for end in "\n ")
            cuts.append(next(filter(None, ends), limit))
        return cuts

    def place(self, offset: int) -> tuple[str | None, int]:
        """Page and line of the character at `offset`; for a marker, those of its block."""
        block = self.blocks[self._block_at(offset)]
        row = self.text.count("\n", block.begin, max(offset, block.begin))
        return block.page, block.line + (block.lines[row] if block.lines else row)

    def is_marker(self, offset: int) -> bool:
        return offset < self.blocks[self._block_at(offset)].begin

    def offset_of(self, page: str | None, line: int, title: str = "") -> int | None:
        """Offset of the row in which a line starts, or of the marker of a page without text.

        None if there is neither.  If several pages have the same label, the first one that has
        the line and contains `title` is taken.
        """
        found = [i for i, s in enumerate(self.blocks) if s.page == page and s.line <= line]
        if not found:
            return self._marker_of(page)
        index = min(found, key=lambda i: (not self._has(i, line), not self._contains(i, title)))
        if not self._has(index, line):
            index = found[-1]
        block = self.blocks[index]
        row = line - block.line
        if block.lines:
            row = bisect_left(block.lines, row)
        at, end = block.begin, self._end(index)
        for _ in range(row):
            following = self.text.find("\n", at, end - 1) + 1
            if not following:
                break
            at = following
        return at

    def find(self, passage: str, start: int) -> tuple[int, int] | None:
        """Begin and end of the first exact occurrence of `passage` from `start` on."""
        wanted = clean(passage).strip("\n")
        if not wanted.strip():
            return None
        pattern = re.escape(wanted).replace("\\\n", "\n")
        pattern = re.sub("\n+", lambda ends: f"(?:{ends[0]}|{_OVER_SEAMS})", pattern)
        match = re.compile(pattern).search(self.words, start)
        return match.span() if match else None

    def _marker_of(self, page: str | None) -> int | None:
        """Offset of the label of a page without text."""
        row = f"[page {clean(page or '')}]\n"
        places = (match.start() for match in re.finditer(re.escape(row), self.text))
        return next((at for at in places if self.is_marker(at)), None)

    def _block_at(self, offset: int) -> int:
        return bisect_right(self.blocks, offset, key=lambda s: s.start) - 1

    def _end(self, index: int) -> int:
        following = self.blocks[index + 1 : index + 2]
        return following[0].start if following else len(self.text)

    def _has(self, index: int, line: int) -> bool:
        block = self.blocks[index]
        if block.lines:
            return line - block.line <= block.lines[-1]
        return line - block.line <= self.text.count("\n", block.begin, self._end(index))

    def _contains(self, index: int, title: str) -> bool:
        return title in self.text[self.blocks[index].begin : self._end(index)]


def fold(text: str) -> str:
    """`text` in lower case, character by character, so that offsets stay valid.

    (`str.lower` turns a dotted capital I into two characters, and has two small sigmas.)
    """
    return text.replace("\u0130", "i").lower().replace("\u03c2", "\u03c3")


def files_of(events: Iterable[DocumentText]) -> tuple[FileText, ...]:
    """The texts of all files, in the order in which the files first occur."""
    by_path: dict[str, list[DocumentText]] = {}
    for event in _whole_lines(events):
        by_path.setdefault(event.path, []).append(event)
    return tuple(_file(path, whole) for path, whole in by_path.items())


def _whole_lines(events: Iterable[DocumentText]) -> Iterator[DocumentText]:
    """The events, joined where one ends inside a line: an escape sequence may be cut there."""
    last: DocumentText | None = None
    for event in events:
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
    blocks: list[TextBlock] = []
    at = 0
    for event in events:
        head, text = clean(event.head), clean(event.text)
        pieces += (head, text)
        lines = () if text.count("\n") == event.text.count("\n") else tuple(_lines(event.text))
        blocks.append(TextBlock(at, at + len(head), event.page, event.line, lines))
        at += len(head) + len(text)
    return FileText(path, "".join(pieces), tuple(blocks))


def _lines(text: str) -> Iterator[int]:
    """The line of each row of the cleaned text: form feeds end rows, but not lines."""
    for index, line in enumerate(text.split("\n")):
        for _ in range(clean(line.removesuffix("\r")).count("\n") + 1):
            yield index
