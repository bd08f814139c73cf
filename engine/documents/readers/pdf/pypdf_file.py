"""PDF files through pypdf, which is slow but, being pure Python, cannot crash."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pypdf
from pypdf.errors import DependencyError

from sa_chat.protocol.errors import DocumentError

from ... import limits
from ..base import Source
from .backends import Bookmark, Locked, PdfFile, Picture, Unreadable

_log = logging.getLogger(__name__)
_FORM_DEPTH = 3  # of nested forms searched for pictures


class PypdfFile(PdfFile):
    """Holds the whole file in memory."""

    def __init__(self, source: Source) -> None:
        self._logger = logging.getLogger("pypdf")
        self._level = self._logger.level
        self._warnings = warnings.catch_warnings()
        data = source.content(limits.CONTAINER_BYTES)
        self._be_quiet()
        try:
            self._reader = pypdf.PdfReader(io.BytesIO(data))
            _decrypt(self._reader, source.password)
            self._count = len(self._reader.pages)
        except (Locked, MemoryError):
            self.close()
            raise
        except DependencyError as error:
            self.close()
            raise DocumentError(
                f"{source.shown} is encrypted with AES, and the package that decrypts it is "
                "missing.",
                "Install it with: pip install cryptography",
            ) from error
        except Exception as error:  # pypdf raises errors of any class on malformed objects
            self.close()
            raise Unreadable(str(error) or type(error).__name__) from error

    def close(self) -> None:
        self._logger.setLevel(self._level)
        self._warnings.__exit__(None, None, None)

    def count(self) -> int:
        return self._count

    def repaired(self) -> bool:
        return False  # pypdf does not report it

    def title(self) -> str:
        metadata = self._reader.metadata
        return str((metadata.title if metadata else None) or "")

    def labels(self) -> list[str]:
        return list(self._reader.page_labels)

    def bookmarks(self) -> Iterator[Bookmark]:
        for level, item in _flatten(self._reader.outline, 1):
            index = self._reader.get_destination_page_number(item)
            if index is not None:
                yield Bookmark(str(item.title or ""), level, index + 1)

    def text(self, position: int) -> str:
        return self._reader.pages[position - 1].extract_text()

    def has_picture(self, position: int) -> bool:
        return _has_picture(self._reader.pages[position - 1], _FORM_DEPTH)

    def picture(self, position: int) -> Picture | None:
        return None

    def _be_quiet(self) -> None:
        """Keep pypdf's warnings off stderr: what matters is raised or reported as left out."""
        self._warnings.__enter__()
        warnings.simplefilter("ignore")
        self._logger.setLevel(logging.CRITICAL + 1)


def _decrypt(reader: pypdf.PdfReader, password: str | None) -> None:
    """Decrypt with the empty password, as viewers do, and else with the given one."""
    if not reader.is_encrypted:
        return
    for key in dict.fromkeys(("", password or "")):
        if reader.decrypt(key) != pypdf.PasswordType.NOT_DECRYPTED:
            return
    raise Locked


def _flatten(items: list[Any], level: int) -> Iterator[tuple[int, Any]]:
    """Level and item of each entry; pypdf puts the children of an entry in a list after it."""
    for item in items:
        if isinstance(item, list):
            yield from _flatten(item, level + 1)
        else:
            yield level, item


def _has_picture(holder: Any, depth: int) -> bool:
    """Whether a page or form draws pictures, searching nested forms down to `depth`."""
    resources = holder.get("/Resources")
    objects = resources.get_object().get("/XObject") if resources is not None else None
    for drawn in (objects.get_object() if objects is not None else {}).values():
        drawn = drawn.get_object()
        if drawn.get("/Subtype") == "/Image":
            return True
        if depth and drawn.get("/Subtype") == "/Form" and _has_picture(drawn, depth - 1):
            return True
    return False
