"""PDF files: text by page, printed page labels, outline."""

from __future__ import annotations

import os
import stat
from contextlib import closing

from ....errors import DocumentError, PasswordError
from ... import limits
from ..base import Reading, Source
from .assembling import assemble
from .backends import Locked, PdfFile, Unreadable

__all__ = ["PdfReader"]

_PASSWORD_HINT = "Set SA_CHAT_PASSWORD, or pipe the password in with --password-stdin."


class PdfReader:
    """One part a page.  Blank pages stay, so that positions and labels keep their order.

    PDFium reads, and pypdf what PDFium cannot: where it is not installed, refuses the file, or
    crashed on it (`Source.careful`).
    """

    suffixes = frozenset((".pdf",))
    isolated = True

    def recognises(self, head: bytes) -> bool:
        return b"%PDF-" in head[:1024]

    def read(self, source: Source) -> Reading:
        """Raises `DocumentError` for a broken file or one without text, `PasswordError` for a
        protected one."""
        _check(source)
        with closing(_open(source)) as file:
            return assemble(source, file)


def _check(source: Source) -> None:
    """What `limits.read_file` refuses, without reading the file."""
    try:
        status = os.stat(source.path)
    except OSError:
        source.content(0)  # says why it cannot be opened
        raise
    if not stat.S_ISREG(status.st_mode) or status.st_size == 0:
        source.content(0)
    if status.st_size > limits.CONTAINER_BYTES:
        raise limits.too_large(
            source.shown, f"{status.st_size / 2**20:,.0f} MiB", limits.CONTAINER_BYTES
        )


def _open(source: Source) -> PdfFile:
    shown = source.shown
    reason = ""
    for backend in _backends(source.careful):
        try:
            return backend(source)
        except Locked as locked:
            if source.password is None:
                message = f"{shown} is password-protected."
            else:
                message = f"The password for {shown} is wrong."
            raise PasswordError(message, _PASSWORD_HINT) from locked
        except Unreadable as error:
            reason = str(error)
    raise DocumentError(
        f"{shown} is not a readable PDF: {reason.rstrip('.')}.",
        "Open it in a PDF viewer and save or print it to a new PDF.",
    )


def _backends(careful: bool) -> list[type[PdfFile]]:
    from .pypdf_file import PypdfFile

    if careful:
        return [PypdfFile]
    try:
        from .pdfium import PdfiumFile
    except ImportError:
        return [PypdfFile]
    return [PdfiumFile, PypdfFile]
