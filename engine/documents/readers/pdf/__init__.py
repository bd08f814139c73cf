"""PDF files: text by page, printed page labels, outline."""

from __future__ import annotations

from contextlib import closing

from sa_chat.protocol.errors import DocumentError, PasswordError

from ..base import ParsedFile, Source
from .assembling import assemble
from .backends import Locked, PdfFile, Unreadable

__all__ = ["PdfReader"]

# Other bytes before the mark could belong to a source file that mentions it.
_BLANKS = b"\xef\xbb\xbf \t\r\n\x00"
_PASSWORD_HINT = "Set SA_CHAT_PASSWORD, or pipe the password in with --password-stdin."


class PdfReader:
    """Yields one part for each page.  Blank pages are kept, so that positions and labels stay
    aligned.

    PDFium reads the file; pypdf does where PDFium is not installed, refuses the file, or crashed
    on it (`Source.careful`).
    """

    suffixes = frozenset((".pdf",))
    isolated = True

    def recognises(self, head: bytes) -> bool:
        return head.lstrip(_BLANKS).startswith(b"%PDF-")

    def read(self, source: Source) -> ParsedFile:
        """Raises `DocumentError` for a damaged file or one without text, `PasswordError` for an
        encrypted one."""
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
