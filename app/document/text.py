"""The document as the model read it: its files in leaves that a screen can hold, and where in
them a passage, a section or some words stand.

Plain values without widgets.  A passage is found by its very characters or not at all.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from pathlib import PurePosixPath
from typing import NamedTuple

from sa_chat.protocol.events import DocumentText, Section

from .file import FileText, files_of
from .search import Hits, normal

_PROSE = {"", ".txt", ".text", ".md", ".markdown", ".rst"} | {".html", ".htm", ".epub", ".docx"}


class Position(NamedTuple):
    """A character: its leaf among all leaves, its row there and its column, each from 0."""

    leaf: int
    row: int
    column: int


@dataclass(frozen=True)
class Span:
    """From a character up to behind another.  It may run over the end of a leaf."""

    begin: Position
    end: Position

    def within(self, index: int, leaf: Leaf) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """Row and column of its begin and its end in one leaf; None if it is in others."""
        if not self.begin.leaf <= index <= self.end.leaf:
            return None
        begin = (self.begin.row, self.begin.column) if index == self.begin.leaf else (0, 0)
        end = (self.end.row, self.end.column) if index == self.end.leaf else (leaf.rows, 0)
        return begin, end


@dataclass(frozen=True)
class Place:
    """What a person would say of a row: the file, the page's label, the line from 1."""

    path: str
    page: str | None
    line: int


@dataclass(frozen=True)
class Hit:
    """One of the places that have the words of a search; `number` counts from 1."""

    span: Span
    number: int
    of: int


@dataclass(frozen=True)
class Leaf:
    """A file, or as much of it as is shown at once."""

    file: FileText = field(repr=False)
    number: int  # among those of its file, from 1
    of: int
    start: int  # offset in the file's shown text
    end: int

    @property
    def path(self) -> str:
        return self.file.path

    @cached_property
    def text(self) -> str:
        """Without the line end behind its last row."""
        return self.file.text[self.start : self.end].removesuffix("\n")

    @cached_property
    def _rows(self) -> list[int]:
        """Where each row starts, in the file's shown text."""
        lengths = (len(row) + 1 for row in self.text.split("\n"))
        return list(accumulate(lengths, initial=self.start))[:-1]

    @property
    def rows(self) -> int:
        return len(self._rows)

    @property
    def numbered(self) -> bool:
        """Whether it is of a file whose lines people count: code, but neither prose nor pages."""
        prose = PurePosixPath(self.path).suffix.lower() in _PROSE
        return not prose and self.place(0).page is None

    def place(self, row: int) -> Place:
        page, line = self.file.place(self._rows[row])
        return Place(self.path, page, line)

    def is_marker(self, row: int) -> bool:
        """Whether the row is no text of the file: the title, its path, the label of a page."""
        return self.file.is_marker(self._rows[row])

    def offset(self, row: int, column: int) -> int:
        """In the file's shown text."""
        return self._rows[row] + column

    def row_and_column(self, offset: int) -> tuple[int, int]:
        row = bisect_right(self._rows, offset) - 1
        return row, offset - self._rows[row]


class BookText:
    """Collects stretches of text; what is asked of it is answered from those that are there."""

    def __init__(self) -> None:
        self._said: list[DocumentText] = []
        self._found: tuple[str, Hits] | None = None

    def add(self, event: DocumentText) -> None:
        self._said.append(event)
        self._found = None
        for built in ("files", "leaves", "_first"):
            self.__dict__.pop(built, None)

    @property
    def complete(self) -> bool:
        return bool(self._said) and self._said[-1].last

    @cached_property
    def files(self) -> tuple[FileText, ...]:
        return files_of(self._said)

    @cached_property
    def leaves(self) -> tuple[Leaf, ...]:
        """In the document's order."""
        return tuple(leaf for file in self.files for leaf in _leaves(file))

    @cached_property
    def _first(self) -> list[int]:
        """The index of each file's first leaf."""
        return list(accumulate((len(f.cuts) for f in self.files), initial=0))[:-1]

    def place(self, leaf: int, row: int) -> Place:
        """Of a row that is shown; that of a marker is the place that it announces."""
        return self.leaves[leaf].place(row)

    def locate(self, path: str, page: str | None, line: int, passage: str) -> Span | None:
        """Where the file has the passage: from the given place on first, then anywhere in it.

        Only its very characters count; line ends and markers between pages may stand in it.
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

    def of_section(self, section: Section) -> Span | None:
        """The row that it starts with; that of a whole file is its first.  None without text."""
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
        """The next place (`direction` 1) or the one before (-1) that has the words, in
        whatever case and with whatever blanks between them; behind the last comes the first.

        With `here` a place that begins at `start` counts, too.
        """
        hits = self._hits(normal(words))
        if not len(hits) or not self.leaves:
            return None
        leaf = self.leaves[start.leaf]
        offset = leaf.offset(start.row, start.column)
        number = hits.next(self.files.index(leaf.file), offset, direction, here)
        return Hit(self._span(*hits.span(number)), number + 1, len(hits))

    def count(self, words: str) -> int:
        """How many places have the words."""
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
