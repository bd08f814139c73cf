"""The interface of the libraries that read PDF files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from ..base import Source


class Unreadable(Exception):
    """The library cannot open the file; the message says why."""


class Locked(Exception):
    """The file is encrypted, and neither the empty password nor the given one opens it."""


@dataclass(frozen=True)
class Bookmark:
    """An entry of a file's own outline."""

    title: str
    level: int  # from 1
    position: int  # of its page, from 1


@dataclass(frozen=True)
class Picture:
    """A rendered page: rows from the top, three bytes per pixel: blue, green, red."""

    width: int
    height: int
    pixels: bytes


class PdfFile(ABC):
    """An open file.  Page positions count from 1.

    `text`, `has_picture` and `picture` may raise any exception for a malformed page, `bookmarks`
    for a malformed outline.
    """

    @abstractmethod
    def __init__(self, source: Source) -> None:
        """Open the file.  Raises `Unreadable` and `Locked`."""

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def count(self) -> int:
        """Number of pages."""

    @abstractmethod
    def repaired(self) -> bool:
        """Whether the cross-reference table was damaged, so that pages may be missing."""

    @abstractmethod
    def title(self) -> str:
        """The title in the metadata; empty if there is none."""

    @abstractmethod
    def labels(self) -> list[str]:
        """Printed labels of the first pages; empty strings where there is none."""

    @abstractmethod
    def bookmarks(self) -> Iterator[Bookmark]:
        """The outline in its own order, without entries that have no destination."""

    @abstractmethod
    def text(self, position: int) -> str:
        """The uncleaned text of a page."""

    @abstractmethod
    def has_picture(self, position: int) -> bool:
        """Whether a page shows a picture."""

    @abstractmethod
    def picture(self, position: int) -> Picture | None:
        """A page as rendered; None if the library cannot render."""
