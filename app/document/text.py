"""The text of a document: its files in leaves of a size that a screen can hold, and the places
of passages, sections and words in them.

Plain values without widgets.  A passage is found by its exact characters or not at all.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from pathlib import PurePosixPath
from typing import NamedTuple

from sa_chat.protocol.events import DocumentText
from sa_chat.protocol.values import Section

from .file import FileText, files_of
from .search import Hits, normal

_PROSE = {"", ".txt", ".text", ".md", ".markdown", ".rst"} | {".html", ".htm", ".epub", ".docx"}


class Position(NamedTuple):
    """The position of a character: leaf among all leaves, row in the leaf, column; each from 0."""

    leaf: int
    row: int
    column: int


@dataclass(frozen=True)
class Span:
    """A range of text, `end` excluded.  It may run over the end of a leaf."""

    begin: Position
    end: Position

    def within(self, index: int, leaf: Leaf) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """Row and column of begin and end in one leaf; None if no part of the span is in it."""
        if not self.begin.leaf <= index <= self.end.leaf:
            return None
        begin = (self.begin.row, self.begin.column) if index == self.begin.leaf else (0, 0)
        end = (self.end.row, self.end.column) if index == self.end.leaf else (leaf.rows, 0)
        return begin, end


@dataclass(frozen=True)
class Place:
    """Where a row is, in a reader's terms: file, page label, and line from 1."""

    path: str
    page: str | None
    line: int


@dataclass(frozen=True)
class Hit:
    """A match of a search; `number` counts from 1 up to `total`."""

    span: Span
    number: int
    total: int


@dataclass(frozen=True)
class Leaf:
    """A file, or the part of a long file that is shown at once."""

    file: FileText = field(repr=False)
    number: int  # among the leaves of its file, from 1
    total: int  # leaves of the file
    start: int  # offset in the file's shown text
    end: int

    @property
    def path(self) -> str:
        return self.file.path

    @cached_property
    def text(self) -> str:
        """The text without the line end after its last row."""
        return self.file.text[self.start : self.end].removesuffix("\n")

    @cached_property
    def _rows(self) -> list[int]:
        """The offset of each row in the file's shown text."""
        lengths = (len(row) + 1 for row in self.text.split("\n"))
        return list(accumulate(lengths, initial=self.start))[:-1]

    @property
    def rows(self) -> int:
        return len(self._rows)

    @property
    def numbered(self) -> bool:
        """Whether lines have numbers: for code, but neither for prose nor for files with pages."""
        prose = PurePosixPath(self.path).suffix.lower() in _PROSE
        return not prose and self.place(0).page is None

    def place(self, row: int) -> Place:
        page, line = self.file.place(self._rows[row])
        return Place(self.path, page, line)

    def is_marker(self, row: int) -> bool:
        """Whether the row is not the file's own text: the title, the path, the label of a page."""
        return self.file.is_marker(self._rows[row])

    def offset(self, row: int, column: int) -> int:
        """The offset in the file's shown text."""
        return self._rows[row] + column

    def row_and_column(self, offset: int) -> tuple[int, int]:
        row = bisect_right(self._rows, offset) - 1
        return row, offset - self._rows[row]


class TextIndex:
    """Collects the text of a document, and finds places in what it has collected so far."""

    def __init__(self) -> None:
        self._events: list[DocumentText] = []
        self._found: tuple[str, Hits] | None = None

    def add(self, event: DocumentText) -> None:
        self._events.append(event)
        self._found = None
        for built in ("files", "leaves", "_first"):
            self.__dict__.pop(built, None)

    @property
    def complete(self) -> bool:
        return bool(self._events) and self._events[-1].last

    @cached_property
    def files(self) -> tuple[FileText, ...]:
        return files_of(self._events)

    @cached_property
    def leaves(self) -> tuple[Leaf, ...]:
        """All leaves in document order."""
        return tuple(leaf for file in self.files for leaf in _leaves(file))

    @cached_property
    def _first(self) -> list[int]:
        """The index of the first leaf of each file."""
        return list(accumulate((len(f.cuts) for f in self.files), initial=0))[:-1]

    def place(self, leaf: int, row: int) -> Place:
        """The place of a shown row; for a marker, the place of the text after it."""
        return self.leaves[leaf].place(row)

    def locate(self, path: str, page: str | None, line: int, passage: str) -> Span | None:
        """The span of a passage: searched from the given place on, then in the whole file.

        Characters have to match exactly; line ends and markers between pages may occur inside.
        """
        for index in self._files_at(path):
            file = self.files[index]
            start = file.offset_of(page, line)
            found = file.find(passage, start or 0)
            if found is None and start:
                found = file.find(passage, 0)
            if found is not None:
                return self._span(index, *found)
        return None

    def locate_section(self, section: Section) -> Span | None:
        """The row in which a section starts, or the first row of a whole file; None if its text
        is not here."""
        for index in self._files_at(section.path):
            file = self.files[index]
            start: int | None = 0
            if section.level:
                start = file.offset_of(section.page, section.line, section.title)
            if start is None:
                continue
            end = file.text.find("\n", start)
            return self._span(index, start, max(end, start + 1))
        return None

    def search(
        self, words: str, start: Position, direction: int = 1, *, here: bool = False
    ) -> Hit | None:
        """The next (`direction` 1) or previous (-1) match, ignoring case and kinds of blanks.

        The search wraps around.  With `here` a match that begins at `start` counts.
        """
        hits = self._hits(normal(words))
        if not len(hits) or not self.leaves:
            return None
        leaf = self.leaves[start.leaf]
        offset = leaf.offset(start.row, start.column)
        number = hits.next(self.files.index(leaf.file), offset, direction, here)
        return Hit(self._span(*hits.span(number)), number + 1, len(hits))

    def count(self, words: str) -> int:
        """The number of matches of `words`."""
        return len(self._hits(normal(words)))

    def _hits(self, words: str) -> Hits:
        if self._found is None or self._found[0] != words:
            self._found = words, Hits(self.files, words)
        return self._found[1]

    def _files_at(self, path: str) -> Iterable[int]:
        return (index for index, file in enumerate(self.files) if file.path == path)

    def _span(self, file: int, begin: int, end: int) -> Span:
        leaf, row, column = self._position(file, end - 1)
        return Span(self._position(file, begin), Position(leaf, row, column + 1))

    def _position(self, file: int, offset: int) -> Position:
        leaf = self._first[file] + bisect_right(self.files[file].cuts, offset) - 1
        return Position(leaf, *self.leaves[leaf].row_and_column(offset))


def _leaves(file: FileText) -> Iterable[Leaf]:
    ends = [*file.cuts[1:], len(file.text)]
    for index, (start, end) in enumerate(zip(file.cuts, ends, strict=True)):
        yield Leaf(file, index + 1, len(file.cuts), start, end)
