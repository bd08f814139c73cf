"""Zip archives whose suffix is not that of their format."""

from __future__ import annotations

from sa_chat.protocol.errors import DocumentError

from .archive import open_archive
from .base import ParsedFile, Source
from .docx import DocxReader
from .epub import EpubReader


class PackedReader:
    """Inspects an archive: reads an EPUB or a Word document as such and refuses any other."""

    suffixes: frozenset[str] = frozenset()
    isolated = True

    def recognises(self, head: bytes) -> bool:
        return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))

    def read(self, source: Source) -> ParsedFile:
        """Raises `DocumentError` for other archives."""
        with open_archive(source) as archive:
            is_epub = "META-INF/container.xml" in archive
            is_docx = "word/document.xml" in archive
        if is_epub:
            return EpubReader().read(source)
        if is_docx:
            return DocxReader().read(source)
        raise DocumentError(
            f"{source.shown} is a zip archive.", "Unpack it and name the folder or a file in it."
        )
