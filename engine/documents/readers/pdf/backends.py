"""What reads a PDF file, whichever library it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from ..base import Source


class Unreadable(Exception):
    """The library cannot open the file; the text says why."""


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
    """How a page looks: rows from the top, three bytes a pixel: blue, green, red."""

    width: int
    height: int
    pixels: bytes


class PdfFile(ABC):
    """An open file.  Positions of pages count from 1.

    `text`, `has_picture` and `picture` raise errors of any class for a malformed page,
    `bookmarks` for a malformed outline.
    """

    @abstractmethod
    def __init__(self, source: Source) -> None:
        """Open it.  Raises `Unreadable` and `Locked`."""

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def count(self) -> int:
        """Number of pages."""

    @abstractmethod
    def repaired(self) -> bool:
        """Whether its table of objects was damaged, and pages may be lost."""

    @abstractmethod
    def title(self) -> str:
        """From its metadata; empty if it has none."""

    @abstractmethod
    def labels(self) -> list[str]:
        """Printed labels of the first pages; empty where there is none."""

    @abstractmethod
    def bookmarks(self) -> Iterator[Bookmark]:
        """The outline, in its own order; entries that lead nowhere are not in it."""

    @abstractmethod
    def text(self, position: int) -> str:
        """The text of a page as it is, uncleaned."""

    @abstractmethod
    def has_picture(self, position: int) -> bool:
        """Whether the page shows a picture."""

    @abstractmethod
    def picture(self, position: int) -> Picture | None:
        """What the page shows; None if the library draws no pages."""
