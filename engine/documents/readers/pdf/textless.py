"""Pages without a text layer: which they are, and what is said of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from ....errors import DocumentError
from ....events import LeftOut
from ...pages import ranges_of
from ..base import Source
from .backends import PdfFile


@dataclass
class Textless:
    """Positions of pages that show pictures and hold no text; blank pages are not in it."""

    pictures: list[int] = field(default_factory=list)

    def add(self, source: Source, file: PdfFile, position: int) -> str:
        """Note the page if it shows a picture.  Its text, where it is recognised."""
        if file.has_picture(position):
            self.pictures.append(position)
        return ""

    def left_out(self, source: Source) -> list[LeftOut]:
        """What is told when other pages have text."""
        if not self.pictures:
            return []
        one = len(self.pictures) == 1
        reason = f"{_pages(self.pictures)} {'is a picture' if one else 'are pictures'}"
        reason += f" without a text layer (--ocr recognises {'it' if one else 'them'})"
        return [LeftOut(source.shown, reason)]

    def error(self, source: Source, pages: int, left_out: list[LeftOut]) -> DocumentError:
        """The error when none of the `pages` that were chosen has text."""
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
            "If its pages show text, add --ocr to recognise it.",
        )


def _pages(positions: list[int]) -> str:
    return f"page{'s' if len(positions) > 1 else ''} {ranges_of(positions)}"
