"""PDF files through PDFium.  Not thread-safe."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import BinaryIO

import pypdfium2
import pypdfium2.raw as raw

from ... import limits
from ..base import Source
from .backends import Bookmark, Locked, PdfFile, Picture, Unreadable

_log = logging.getLogger(__name__)
_PICTURE_SIDE = 2000  # pixels of the longer side: about 170 dots per inch for A4
_FORM_DEPTH = 3  # of nested forms searched for pictures
logging.getLogger("pypdfium2").setLevel(logging.ERROR)  # what it skips is reported as left out


class PdfiumFile(PdfFile):
    """Reads the file on demand and never holds it as a whole.

    The file is opened once, so that the file that was checked is the one that is read.
    """

    def __init__(self, source: Source) -> None:
        """Also raises `DocumentError`, as `Source.opened` does."""
        with ExitStack() as stack:
            file, _ = stack.enter_context(source.opened(limits.CONTAINER_BYTES))
            self._document = _open(source, file)
            self._file = stack.pop_all()

    def close(self) -> None:
        self._document.close()
        self._file.close()

    def count(self) -> int:
        return len(self._document)

    def repaired(self) -> bool:
        return not raw.FPDF_DocumentHasValidCrossReferenceTable(self._document.raw)

    def title(self) -> str:
        return str(self._document.get_metadata_value("Title"))

    def labels(self) -> list[str]:
        return [self._document.get_page_label(index) for index in range(self.count())]

    def bookmarks(self) -> Iterator[Bookmark]:
        for item in self._document.get_toc():
            place = item.get_dest()
            index = None if place is None else place.get_index()
            if index is not None:
                yield Bookmark(item.get_title(), item.level + 1, index + 1)

    def text(self, position: int) -> str:
        with (
            closing(self._document[position - 1]) as page,
            closing(page.get_textpage()) as text,
        ):
            return str(text.get_text_range())

    def has_picture(self, position: int) -> bool:
        with closing(self._document[position - 1]) as page:
            pictures = page.get_objects([raw.FPDF_PAGEOBJ_IMAGE], max_depth=_FORM_DEPTH)
            return next(iter(pictures), None) is not None

    def picture(self, position: int) -> Picture | None:
        with closing(self._document[position - 1]) as page:
            longer = max(page.get_size())
            scale = _PICTURE_SIDE / longer
            with closing(page.render(scale=scale, force_bitmap_format=raw.FPDFBitmap_BGR)) as drawn:
                width, height, stride = drawn.width, drawn.height, drawn.stride
                data = memoryview(drawn.buffer).cast("B")
                rows = (bytes(data[y * stride : y * stride + 3 * width]) for y in range(height))
                return Picture(width, height, b"".join(rows))


def _open(source: Source, file: BinaryIO) -> pypdfium2.PdfDocument:
    """Open with the empty password, as viewers do, and else with the given one."""
    for password in dict.fromkeys((None, source.password)):
        try:
            return pypdfium2.PdfDocument(file, password=password)
        except pypdfium2.PdfiumError as error:
            if error.err_code != raw.FPDF_ERR_PASSWORD:
                raise Unreadable(f"PDFium cannot open it ({error})") from error
            _log.info("%s needs a password", source.shown)
    raise Locked
