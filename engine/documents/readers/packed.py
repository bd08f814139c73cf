"""Zip archives under another name than that of their format."""

from __future__ import annotations

from sa_chat.protocol.errors import DocumentError

from .archive import open_archive
from .base import Reading, Source
from .docx import DocxReader
from .epub import EpubReader


class PackedReader:
    """Looks inside: an EPUB or a Word document is read as such, any other archive refused."""

    suffixes: frozenset[str] = frozenset()
    isolated = True

    def recognises(self, head: bytes) -> bool:
        return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))

    def read(self, source: Source) -> Reading:
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
