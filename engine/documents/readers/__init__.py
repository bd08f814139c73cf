"""One small module a format.  A new format adds a module and a line here."""

from __future__ import annotations

from pathlib import Path

from .base import Reader, Reading, Source
from .pdf import PdfReader
from .text import TextReader

READERS: tuple[Reader, ...] = (PdfReader(), TextReader())

__all__ = ["READERS", "Reader", "Reading", "Source", "reader_for"]


def reader_for(path: Path) -> Reader:
    """The reader of this suffix; else that of the file's first bytes; else plain text."""
    suffix = path.suffix.lower()
    for reader in READERS:
        if suffix in reader.suffixes:
            return reader
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError:
        head = b""  # the reader reports it with its own words
    for reader in READERS:
        if reader.magic and head.startswith(reader.magic):
            return reader
    return READERS[-1]
