"""The data model of opened documents, and the exact text that the model sees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sa_chat.protocol.values import LeftOut, section_key


@dataclass(frozen=True)
class Part:
    """Text from one source: a whole file, or one page of it."""

    path: str  # as displayed to users and to the model
    page: str | None  # printed page label; None where there are no pages
    text: str  # unchanged words, line ends are "\n"
    line: int = 1  # number of the first line of `text`, from 1
    position: int = 0  # of the page in its file, from 1; 0 where there are no pages


@dataclass(frozen=True)
class OutlineEntry:
    """The start of a file, chapter or symbol.

    An entry extends to the next one of the same or a lower level.
    """

    title: str
    level: int  # 0 is a whole file; 1 its chapters; and so on
    part: int  # index into `DocumentSet.parts`
    line: int  # as `Part.line` counts


@dataclass(frozen=True)
class Piece:
    """A piece of the model's text: that of a part, or a marker (`part` is None)."""

    text: str
    part: int | None
    about: int  # the part that it contains or announces


@dataclass(frozen=True)
class DocumentSet:
    """Everything that was opened, in reading order.  `outline` is sorted by place."""

    title: str
    parts: tuple[Part, ...]
    outline: tuple[OutlineEntry, ...]
    left_out: tuple[LeftOut, ...]
    parse_s: float

    def key(self, entry: OutlineEntry) -> str:
        """The `Section.key` of an entry."""
        part = self.parts[entry.part]
        return section_key(part.path, entry.level, entry.title, part.page, entry.line)

    def pieces(self) -> list[Piece]:
        """The text that the model sees: joined, it is title, markers and all parts.

        Markers are whole lines and the only additions: the title first, `=== path ===`
        before each file if there are several, `[page label]` before each page.
        """
        return list(self._pieces())

    def text(self) -> str:
        """The joined text of `pieces()`."""
        return "".join(piece.text for piece in self._pieces())

    def _pieces(self) -> Iterator[Piece]:
        yield Piece(f"{self.title}\n", None, 0)
        several = len({part.path for part in self.parts}) > 1
        path: str | None = None
        line_open = False
        for index, part in enumerate(self.parts):
            marker = ""
            if several and part.path != path:
                marker += f"=== {part.path} ===\n"
            if part.page is not None:
                marker += f"[page {part.page}]\n"
            path = part.path
            if marker or line_open:
                yield Piece("\n" * line_open + marker, None, index)
                line_open = False
            if part.text:
                yield Piece(part.text, index, index)
                line_open = not part.text.endswith("\n")
