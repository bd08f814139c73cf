"""Limits on the size of documents.  What exceeds them is refused, never truncated."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from sa_chat.protocol.errors import DocumentError

TEXT_BYTES = 64 << 20  # of a text file; 2**20 tokens are about 4 MiB
CONTAINER_BYTES = 1 << 30  # of a file of pages or parts: PDF, EPUB, DOCX
TEXT_CHARS = 64 << 20  # of the text found in one document
MEMBER_BYTES = 64 << 20  # of one member of an archive, unpacked
ARCHIVE_BYTES = 256 << 20  # of all members that are read, unpacked
MEMBERS = 10_000  # of an archive
FOLDER_DEPTH = 64
FOLDER_FILES = 100_000
PAGES = 20_000


@contextmanager
def opened(
    path: Path, shown: str, most_bytes: int, follow: bool = True
) -> Iterator[tuple[BinaryIO, int]]:
    """Open a regular file; yields it and its size in bytes.

    Never blocks, as opening a named pipe would; opens a symbolic link only with `follow`.  Raises
    `DocumentError` if the file cannot be opened, is not a regular file, is empty, or is larger
    than `most_bytes`.
    """
    flags = os.O_NONBLOCK if follow else os.O_NONBLOCK | os.O_NOFOLLOW
    with ExitStack() as stack:
        try:
            file = stack.enter_context(
                open(path, "rb", opener=lambda name, mode: os.open(name, mode | flags))
            )
        except OSError as error:
            raise DocumentError(
                f"{shown} cannot be opened: {error.strerror}.", "Check the file's rights."
            ) from error
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise DocumentError(
                f"{shown} is not a regular file.", "Save its content to a file first."
            )
        if status.st_size == 0:
            raise empty(shown)
        if status.st_size > most_bytes:
            raise too_large(shown, f"{status.st_size / 2**20:,.0f} MiB", most_bytes)
        yield file, status.st_size


def read_file(path: Path, shown: str, most_bytes: int, follow: bool = True) -> bytes:
    """The content of a file, opened with `opened`.

    Also raises `DocumentError` if it cannot be read, grows meanwhile, or contains only white
    space.
    """
    with opened(path, shown, most_bytes, follow) as (file, size):
        try:
            data = file.read(size + 1)  # one more byte, to detect growth
        except OSError as error:
            raise DocumentError(
                f"{shown} cannot be opened: {error.strerror}.", "Check the file's rights."
            ) from error
    if len(data) > size:
        raise DocumentError(f"{shown} grows while it is read.", "Try again when it is complete.")
    if not data.strip():
        raise empty(shown)
    return data


def empty(shown: str) -> DocumentError:
    """The error for a file without text."""
    return DocumentError(f"{shown} is empty.", "Name a file with text in it.")


def too_large(shown: str, has: str, most_bytes: int) -> DocumentError:
    """The error for a file with more bytes than the limit."""
    return DocumentError(
        f"{shown} is too large ({has}; at most {most_bytes >> 20:,} MiB are read).",
        "Give a part of it.",
    )


def check_chars(chars: int, shown: str) -> None:
    """Raises `DocumentError` for more text than any model can read."""
    if chars > TEXT_CHARS:
        raise DocumentError(
            f"{shown} holds more than {TEXT_CHARS:,} characters of text.", "Give a part of it."
        )
