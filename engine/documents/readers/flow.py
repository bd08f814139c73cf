"""Builds running text incrementally: lines, paragraphs, list items and table rows.

Line ends and markers are requested and written with the next text, so that none is doubled and
none is left at the end.  Positions are offsets into the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .. import limits
from ..decoding import normalise_lines

LINE, PARAGRAPH = 1, 2  # line ends before the next text
_BLANKS = re.compile(r"[ \t\n\r\f]+")
# Soft hyphens only mark where a word may break.
_LETTERS = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u00ad": None, "\x00": None})


@dataclass(frozen=True)
class Titled:
    """A heading and its position."""

    offset: int
    level: int  # from 1
    title: str


@dataclass
class _Row:
    """The table row being written."""

    breaks: int  # line ends before it
    cells: int = 0
    separators: int = 0  # pending, before the next text
    has_text: bool = False
    waits: bool = False  # the current cell has no text yet
    in_cell: bool = False
    broken: bool = False  # the last cell with text spans several lines


@dataclass
class Flow:
    """The growing text of one document.  Raises `DocumentError` when it gets too long."""

    shown: str
    chars: int = 0
    headings: list[Titled] = field(default_factory=list)
    anchors: dict[str, int] = field(default_factory=dict)
    pages: list[tuple[int, str]] = field(default_factory=list)  # offset, printed label
    _text: list[str] = field(default_factory=list)
    _breaks: int = 0
    _blank: bool = False  # a space is pending before the next word
    _marker: str = ""
    _row: _Row | None = None
    _waiting: list[str] = field(default_factory=list)  # anchors
    _page: str | None = None
    _heading: tuple[int, int] | None = None  # offset, index in `_text`
    _in_heading: bool = False

    def ask_break(self, breaks: int) -> None:
        """Start the next text on a new line (`LINE`) or as a new paragraph (`PARAGRAPH`).

        A paragraph at the start of a list item stays on the line of its marker.
        """
        if not self._marker:
            self._breaks = max(self._breaks, breaks)
        self._blank = False

    def line_end(self) -> None:
        """Add a line end, also after others."""
        self._breaks += 1
        self._blank = False

    def words(self, text: str) -> None:
        """Add text with white space collapsed, as browsers do."""
        text = _BLANKS.sub(" ", text)
        inner = text.strip(" ")
        if not inner.strip():
            self._blank = self._blank or bool(text)
            return
        self._blank = self._blank or text.startswith(" ")
        self._add(inner)
        self._blank = text.endswith(" ")

    def verbatim(self, text: str) -> None:
        """Add text unchanged; its trailing line ends are only requested."""
        text = normalise_lines(text)
        inner = text.rstrip("\n")
        if inner:
            self._add(inner)
        self._breaks = max(self._breaks, len(text) - len(inner))

    def mark(self, marker: str) -> None:
        """Start the next text on a new line after this marker, such as an item number."""
        self.ask_break(LINE)
        self._marker = marker

    def row(self) -> None:
        """Begin a table row."""
        self.ask_break(LINE)
        self._row = _Row(self._breaks)

    def cell(self) -> None:
        """Begin a cell: beside the previous one, or below it if that has several lines."""
        if self._row is None:
            self.row()
        assert self._row is not None
        self._row.separators += self._row.cells > 0
        self._row.cells += 1
        self._row.waits = self._row.in_cell = True

    def end_cell(self) -> None:
        """End the cell; line ends after its last paragraph do not end the row."""
        row = self._row
        if row is None:
            return
        row.in_cell = row.waits = False
        if not row.broken:
            self._breaks = 0 if row.has_text else row.breaks

    def end_table(self) -> None:
        """End the table, which may lie in a cell of another."""
        self.ask_break(PARAGRAPH)
        self._row = None

    def anchor(self, name: str) -> None:
        """Record that `name` refers to the next text."""
        self._waiting.append(name)

    def page(self, label: str) -> None:
        """Record that the next text starts the printed page `label`."""
        self._page = label

    def start_heading(self) -> None:
        """Begin a heading."""
        self.ask_break(PARAGRAPH)
        self._heading, self._in_heading = None, True

    def end_heading(self, level: int) -> None:
        """End the heading; it is recorded if it has text."""
        if self._heading is not None:
            offset, index = self._heading
            title = " ".join("".join(self._text[index:]).split())
            if title:
                self.headings.append(Titled(offset, level, title))
        self._heading, self._in_heading = None, False
        self.ask_break(PARAGRAPH)

    def finish(self) -> str:
        """The whole text.  Anchors after its last word refer to its end."""
        self._settle()
        return "".join(self._text)

    def _add(self, text: str) -> None:
        text = text.translate(_LETTERS)
        if not text:
            return
        before = self._due()
        if self._breaks and self.chars:
            self._put("\n" * self._breaks)
        elif self._blank and self.chars:
            before = before or " "
        self._breaks, self._blank = 0, False
        self._settle()
        if self._marker:
            before, self._marker = before + self._marker, ""
        if before:
            self._put(before)
        if self._in_heading and self._heading is None:
            self._heading = (self.chars, len(self._text))
        self._put(text)

    def _due(self) -> str:
        """The cell separators due before the next text; also sets the matching line ends."""
        row = self._row
        if row is None or not row.in_cell:
            return ""
        if not row.waits:
            row.broken = row.broken or self._breaks > 0
            return ""
        bars = "| " * row.separators
        if not row.has_text:
            self._breaks = row.breaks
        elif row.broken:
            self._breaks, bars = LINE, ""
        else:
            self._breaks, bars = 0, f" {bars}"
        row.separators, row.has_text, row.waits, row.broken = 0, True, False, False
        return bars

    def _settle(self) -> None:
        for name in self._waiting:
            self.anchors.setdefault(name, self.chars)
        self._waiting.clear()
        if self._page is not None:
            self.pages.append((self.chars, self._page))
            self._page = None

    def _put(self, text: str) -> None:
        self._text.append(text)
        self.chars += len(text)
        limits.check_chars(self.chars, self.shown)
