"""The interface of format readers: what they are given and what they return."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from sa_chat.protocol.values import LeftOut

from .. import limits
from ..model import OutlineEntry, Part
from ..pages import PageSelection


@dataclass(frozen=True)
class Source:
    """One file to read."""

    path: Path
    shown: str  # its displayed name in messages, markers and citations
    pages: PageSelection | None = None
    progress: Callable[[float], None] = lambda fraction: None
    password: str | None = field(default=None, repr=False)
    ocr: bool = False  # recognise the text of scanned pages
    in_folder: bool = False  # found in a folder, where links are not followed
    careful: bool = False  # a parser crashed on this file: use a safer one if there is one

    def content(self, most_bytes: int = limits.TEXT_BYTES) -> bytes:
        """The content of the file.  Raises `DocumentError` as `limits.read_file` does."""
        return limits.read_file(self.path, self.shown, most_bytes, follow=not self.in_folder)

    def opened(self, most_bytes: int) -> AbstractContextManager[tuple[BinaryIO, int]]:
        """The open file and its size.  Raises `DocumentError` as `limits.opened` does."""
        return limits.opened(self.path, self.shown, most_bytes, follow=not self.in_folder)


@dataclass(frozen=True)
class ParsedFile:
    """The result of reading one file.

    It has at least one part.  In `outline` parts count from 0 and levels from 1, as level 0 is the
    file itself.
    """

    title: str
    parts: tuple[Part, ...]
    outline: tuple[OutlineEntry, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


class FormatReader(Protocol):
    """Reads one file format."""

    @property
    def suffixes(self) -> frozenset[str]:
        """File name suffixes in lower case, with the dot."""

    @property
    def isolated(self) -> bool:
        """Whether it runs in a process of its own, because malformed files can crash the parser."""

    def recognises(self, head: bytes) -> bool:
        """Whether a file that starts with `head` (up to 4 KiB) is of this format."""

    def read(self, source: Source) -> ParsedFile:
        """Read the file.  Raises `DocumentError`, and `UsageError` for an invalid selection of
        pages."""
