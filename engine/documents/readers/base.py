"""What a reader is given and what it returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ...errors import DocumentError
from ...events import LeftOut
from ..model import OutlineEntry, Part
from ..pages import PageSelection


@dataclass(frozen=True)
class Source:
    """One file to read."""

    path: Path
    shown: str  # its name in messages, markers and citations
    pages: PageSelection | None = None
    progress: Callable[[float], None] = lambda fraction: None

    def content(self) -> bytes:
        """The content.  Raises `DocumentError` if there is none or it cannot be had."""
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise DocumentError(
                f"{self.shown} cannot be opened: {error.strerror}.", "Check the file's rights."
            ) from error
        if not data.strip():
            raise DocumentError(f"{self.shown} is empty.", "Name a file with text in it.")
        return data


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
    def magic(self) -> bytes:
        """How such files start; empty if they have no mark."""

    def read(self, source: Source) -> Reading:
        """Read the file.  Raises `DocumentError` (and `UsageError` for its pages)."""
