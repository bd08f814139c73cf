"""Pages without a text layer, and how they are reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sa_chat.protocol.errors import DocumentError
from sa_chat.protocol.values import LeftOut

from ...pages import ranges_of
from ..base import Source
from .backends import PdfFile
from .ocr import Recogniser


@dataclass
class Textless:
    """Positions of pages that show pictures but have no text; blank pages are not included."""

    pictures: list[int] = field(default_factory=list)
    recognised: list[int] = field(default_factory=list)
    _recogniser: Recogniser | None = None

    def add(self, source: Source, file: PdfFile, position: int, alive: Callable[[], None]) -> str:
        """Record the page if it shows a picture; returns its text if that is recognised.

        Raises `DocumentError` if recognition is requested and its packages are missing.
        """
        if not file.has_picture(position):
            return ""
        picture = file.picture(position) if source.ocr else None
        if picture is not None:
            if self._recogniser is None:
                self._recogniser = Recogniser()
            text = self._recogniser.text(picture, alive)
            if text.strip():
                self.recognised.append(position)
                return text
        self.pictures.append(position)
        return ""

    def left_out(self, source: Source) -> list[LeftOut]:
        """What is reported when other pages have text."""
        reasons = []
        if self.recognised:
            reasons.append(f"{_pages(self.recognised)} read from pictures, perhaps with mistakes")
        if self.pictures:
            one = len(self.pictures) == 1
            reason = f"{_pages(self.pictures)} {'is a picture' if one else 'are pictures'}"
            if source.ocr:
                reasons.append(f"{reason} in which no text was recognised")
            else:
                remedy = f"--ocr recognises {'it' if one else 'them'}"
                reasons.append(f"{reason} without a text layer ({remedy})")
        return [LeftOut(source.shown, reason) for reason in reasons]

    def error(self, source: Source, pages: int, left_out: list[LeftOut]) -> DocumentError:
        """The error when none of the selected `pages` has text."""
        if source.ocr and self.pictures:
            return DocumentError(
                f"No text was recognised in the pictures of {source.shown}.",
                "Check in a PDF viewer that they show text, upright and sharp.",
            )
        which = "chosen page" if source.pages else "page"
        if len(left_out) == pages:
            return DocumentError(
                f"No {which} of {source.shown} can be read; {left_out[0].reason}.",
                "Open it in a PDF viewer and print it to a new PDF.",
            )
        if source.pages:
            return DocumentError(
                f"No chosen page of {source.shown} has text.",
                "Choose other pages with --pages; if these show text, it is in pictures: add "
                "--ocr to recognise it.",
            )
        return DocumentError(
            f"{source.shown} has no text layer: no text was found on its "
            f"{'only page' if pages == 1 else f'{pages} pages'}.",
            "If its pages show text, add --ocr to recognise it, or do so first, for example: "
            "ocrmypdf in.pdf out.pdf",
        )


def _pages(positions: list[int]) -> str:
    return f"page{'s' if len(positions) > 1 else ''} {ranges_of(positions)}"
