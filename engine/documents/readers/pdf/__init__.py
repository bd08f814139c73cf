"""PDF files: text by page, printed page labels, outline."""

from __future__ import annotations

from contextlib import closing

from sa_chat.protocol.errors import DocumentError, PasswordError

from ..base import Reading, Source
from .assembling import assemble
from .backends import Locked, PdfFile, Unreadable

__all__ = ["PdfReader"]

# More than these before the mark could be a source that names it.
_BLANKS = b"\xef\xbb\xbf \t\r\n\x00"
_PASSWORD_HINT = "Set SA_CHAT_PASSWORD, or pipe the password in with --password-stdin."


class PdfReader:
    """One part a page.  Blank pages stay, so that positions and labels keep their order.

    PDFium reads, and pypdf what PDFium cannot: where it is not installed, refuses the file, or
    crashed on it (`Source.careful`).
    """

    suffixes = frozenset((".pdf",))
    isolated = True

    def recognises(self, head: bytes) -> bool:
        return head.lstrip(_BLANKS).startswith(b"%PDF-")

    def read(self, source: Source) -> Reading:
        """Raises `DocumentError` for a broken file or one without text, `PasswordError` for a
        protected one."""
        with closing(_open(source)) as file:
            return assemble(source, file)


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
