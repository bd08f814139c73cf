"""Format readers, one module each.  A new format adds a module and a line here."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from .base import FormatReader, ParsedFile, Source
from .docx import DocxReader
from .epub import EpubReader
from .html import HtmlReader
from .notebook import NotebookReader
from .packed import PackedReader
from .pdf import PdfReader
from .text import TextReader

# The last one accepts whatever no other recognises.
READERS: tuple[FormatReader, ...] = (
    PdfReader(),
    EpubReader(),
    HtmlReader(),
    DocxReader(),
    NotebookReader(),
    PackedReader(),
    TextReader(),
)

_HEAD_BYTES = 4096

__all__ = ["READERS", "FormatReader", "ParsedFile", "Source", "reader_for"]


def reader_for(path: Path) -> FormatReader:
    """The format reader for a file: by its suffix, else by its first bytes, else plain text."""
    suffix = path.suffix.lower()
    for reader in READERS:
        if suffix in reader.suffixes:
            return reader
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            head = file.read(_HEAD_BYTES) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
    except OSError:
        head = b""  # the format reader reports the error
    return next(reader for reader in READERS if reader.recognises(head))
