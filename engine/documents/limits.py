"""How much of anything a document may have.  What is beyond is refused, never cut."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from sa_chat.protocol.errors import DocumentError

TEXT_BYTES = 64 << 20  # of a text file; 2**20 tokens are some 4 MiB
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
    """A regular file and its size in bytes.

    Never waits, as opening a named pipe would; opens a link only to `follow` it.  Raises
    `DocumentError` if the file cannot be opened, is no regular file, is empty, or is larger
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
            raise DocumentError(f"{shown} is no regular file.", "Save its content to a file first.")
        if status.st_size == 0:
            raise empty(shown)
        if status.st_size > most_bytes:
            raise too_large(shown, f"{status.st_size / 2**20:,.0f} MiB", most_bytes)
        yield file, status.st_size


def read_file(path: Path, shown: str, most_bytes: int, follow: bool = True) -> bytes:
    """The content of a file, as `opened` opens it.

    Raises `DocumentError` too if it cannot be read, grows, or holds nothing but blanks.
    """
    with opened(path, shown, most_bytes, follow) as (file, size):
        try:
            data = file.read(size + 1)  # one more: does it grow?
        except OSError as error:
            raise DocumentError(
                f"{shown} cannot be opened: {error.strerror}.", "Check the file's rights."
            ) from error
    if len(data) > size:
        raise DocumentError(f"{shown} grows while it is read.", "Try again when it is whole.")
    if not data.strip():
        raise empty(shown)
    return data


def empty(shown: str) -> DocumentError:
    """The error for a file without text."""
    return DocumentError(f"{shown} is empty.", "Name a file with text in it.")


def too_large(shown: str, has: str, most_bytes: int) -> DocumentError:
    """The error for a file that has more bytes than are read."""
    return DocumentError(
        f"{shown} is too large ({has}; at most {most_bytes >> 20:,} MiB are read).",
        "Give a part of it.",
    )


def check_chars(chars: int, shown: str) -> None:
    """Raises `DocumentError` for more text than any model reads."""
    if chars > TEXT_CHARS:
        raise DocumentError(
            f"{shown} holds more than {TEXT_CHARS:,} characters of text.", "Give a part of it."
        )
