"""What a reader is given and what it returns."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from sa_chat.protocol.events import LeftOut

from .. import limits
from ..model import OutlineEntry, Part
from ..pages import PageSelection


@dataclass(frozen=True)
class Source:
    """One file to read."""

    path: Path
    shown: str  # its name in messages, markers and citations
    pages: PageSelection | None = None
    progress: Callable[[float], None] = lambda fraction: None
    password: str | None = field(default=None, repr=False)
    ocr: bool = False  # recognise the text of pages that are pictures
    in_folder: bool = False  # found there, where links are not followed
    careful: bool = False  # a parser crashed on this file: use the one that cannot, if there is one

    def content(self, most_bytes: int = limits.TEXT_BYTES) -> bytes:
        """The content.  Raises `DocumentError` if there is none or it cannot be had."""
        return limits.read_file(self.path, self.shown, most_bytes, follow=not self.in_folder)

    def opened(self, most_bytes: int) -> AbstractContextManager[tuple[BinaryIO, int]]:
        """The open file and its size.  Raises `DocumentError` as `limits.opened` does."""
        return limits.opened(self.path, self.shown, most_bytes, follow=not self.in_folder)


@dataclass(frozen=True)
class Reading:
    """One file, read.  There is at least one part; `outline` counts parts from 0 and levels
    from 1, for level 0 is the file itself."""

    title: str
    parts: tuple[Part, ...]
    outline: tuple[OutlineEntry, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


class Reader(Protocol):
    """A file format."""

    @property
    def suffixes(self) -> frozenset[str]:
        """In lower case, with the dot."""

    @property
    def isolated(self) -> bool:
        """Whether it runs in a process of its own, as the format is complicated enough to harm
        its parser."""

    def recognises(self, head: bytes) -> bool:
        """Whether a file that starts with `head` (up to 4 KiB) is of this format."""

    def read(self, source: Source) -> Reading:
        """Read the file.  Raises `DocumentError` (and `UsageError` for its pages)."""
