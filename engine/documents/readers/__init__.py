"""One small module a format.  A new format adds a module and a line here."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from .base import Reader, Reading, Source
from .docx import DocxReader
from .epub import EpubReader
from .html import HtmlReader
from .notebook import NotebookReader
from .packed import PackedReader
from .pdf import PdfReader
from .text import TextReader

# The last one takes whatever no other recognises.
READERS: tuple[Reader, ...] = (
    PdfReader(),
    EpubReader(),
    HtmlReader(),
    DocxReader(),
    NotebookReader(),
    PackedReader(),
    TextReader(),
)

_HEAD_BYTES = 4096

__all__ = ["READERS", "Reader", "Reading", "Source", "reader_for"]


def reader_for(path: Path) -> Reader:
    """The reader of this suffix; else that of the file's first bytes; else plain text."""
    suffix = path.suffix.lower()
    for reader in READERS:
        if suffix in reader.suffixes:
            return reader
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            head = file.read(_HEAD_BYTES) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
    except OSError:
        head = b""  # the reader reports it with its own words
    return next(reader for reader in READERS if reader.recognises(head))
