"""PDF files through pypdf: text by page, printed page labels, outline."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pypdf
from pypdf.errors import DependencyError

from ...errors import DocumentError, SaChatError
from ...events import LeftOut
from ..decoding import clean, normalise_lines
from ..model import OutlineEntry, Part
from ..pages import ranges_of
from .base import Reading, Source

_log = logging.getLogger(__name__)


class PdfReader:
    """One part a page.  Blank pages stay, so that positions and labels keep their order."""

    suffixes = frozenset((".pdf",))
    isolated = True

    def recognises(self, head: bytes) -> bool:
        return b"%PDF-" in head[:1024]

    def read(self, source: Source) -> Reading:
        """Raises `DocumentError` for a broken or protected file, or one without text.

        pypdf raises errors of any class on malformed objects, so all are caught here.
        """
        data = source.content()
        try:
            with _quiet():
                return _read(source, data)
        except SaChatError:
            raise
        except DependencyError as error:
            raise DocumentError(
                f"{source.shown} is encrypted with AES, and the package that decrypts it is "
                "missing.",
                "Install it with: pip install cryptography",
            ) from error
        except Exception as error:
            raise DocumentError(
                f"{source.shown} is not a readable PDF: {error or type(error).__name__}.",
                "Open it in a PDF viewer and save or print it to a new PDF.",
            ) from error


def _read(source: Source, data: bytes) -> Reading:
    reader = pypdf.PdfReader(io.BytesIO(data))
    _decrypt(reader, source.shown)
    count = len(reader.pages)
    if count == 0:
        raise DocumentError(f"{source.shown} has no pages.", "Name a PDF with text in it.")
    everything = list(range(1, count + 1))
    chosen = source.pages.positions(count, source.shown) if source.pages else everything
    labels = _labels(reader, count)
    parts: list[Part] = []
    left_out: list[LeftOut] = []
    for done, position in enumerate(chosen, start=1):
        label = labels[position - 1]
        try:
            text = clean(normalise_lines(reader.pages[position - 1].extract_text()))
        except Exception as error:
            # One malformed page must not cost the other pages; it is reported as left out.
            reason = f"page {label} cannot be read: {error or type(error).__name__}"
            left_out.append(LeftOut(source.shown, reason))
            text = ""
        parts.append(Part(source.shown, label, text, position=position))
        source.progress(done / len(chosen))
    if not any(part.text.strip() for part in parts):
        raise _without_text(source, len(parts), left_out)
    unread = sorted(set(everything) - set(chosen))
    if unread:
        left_out.append(LeftOut(source.shown, f"pages {ranges_of(unread)} not chosen"))
    return Reading(
        title=_title(reader) or source.path.stem,
        parts=tuple(parts),
        outline=_outline(reader, parts) or _pages_as_outline(parts),
        left_out=tuple(left_out),
    )


def _decrypt(reader: pypdf.PdfReader, shown: str) -> None:
    """Open a file whose user password is empty, as viewers do."""
    if not reader.is_encrypted:
        return
    opened = reader.decrypt("") != pypdf.PasswordType.NOT_DECRYPTED
    if not opened:
        raise DocumentError(
            f"{shown} is password-protected.",
            "Save a copy without it, for example: qpdf --decrypt --password=... in.pdf out.pdf",
        )


def _without_text(source: Source, pages: int, left_out: list[LeftOut]) -> DocumentError:
    which = "chosen page" if source.pages else "page"
    if len(left_out) == pages:
        return DocumentError(
            f"No {which} of {source.shown} can be read; {left_out[0].reason}.",
            "Open it in a PDF viewer and print it to a new PDF.",
        )
    if source.pages:
        return DocumentError(
            f"No chosen page of {source.shown} has text.",
            "Choose other pages with --pages; if these show text, it is in pictures and must be "
            "recognised first, for example: ocrmypdf in.pdf out.pdf",
        )
    return DocumentError(
        f"{source.shown} has no text layer: no text was found on its "
        f"{'only page' if pages == 1 else f'{pages} pages'}.",
        "If its pages show text, recognise it first, for example: ocrmypdf in.pdf out.pdf",
    )


def _labels(reader: pypdf.PdfReader, count: int) -> list[str]:
    """Printed labels; the position where the file has none or its label tree is broken."""
    try:
        labels = [" ".join(label.split()) for label in reader.page_labels]
    except Exception as error:
        _log.info("page labels ignored: %s", error)
        labels = []
    labels += [""] * (count - len(labels))
    return [label or str(position) for position, label in enumerate(labels, start=1)]


def _title(reader: pypdf.PdfReader) -> str:
    try:
        title = reader.metadata.title if reader.metadata else None
    except Exception as error:
        _log.info("title ignored: %s", error)
        return ""
    return " ".join(clean(str(title or "")).split())


def _outline(reader: pypdf.PdfReader, parts: list[Part]) -> tuple[OutlineEntry, ...]:
    """The file's outline, as far as it leads to pages that were read."""
    part_of = {part.position: index for index, part in enumerate(parts)}
    entries: list[OutlineEntry] = []
    try:
        for level, item in _flatten(reader.outline, 1):
            page = reader.get_destination_page_number(item)
            title = " ".join(clean(str(item.title or "")).split())
            part = part_of.get(page + 1) if page is not None else None
            if part is not None and title:
                entries.append(OutlineEntry(title, level, part, _line_of(title, parts[part])))
    except Exception as error:
        _log.info("outline ends early: %s", error)
    return tuple(entries)


def _flatten(items: list[Any], level: int) -> Iterator[tuple[int, Any]]:
    """pypdf nests the children of an entry in a list that follows it."""
    for item in items:
        if isinstance(item, list):
            yield from _flatten(item, level + 1)
        else:
            yield level, item


def _line_of(title: str, part: Part) -> int:
    """The line of the page that holds this heading (it may carry a number); else the first."""
    wanted = "".join(title.split()).casefold()
    for number, line in enumerate(part.text.split("\n"), start=part.line):
        if wanted in "".join(line.split()).casefold():
            return number
    return part.line


def _pages_as_outline(parts: list[Part]) -> tuple[OutlineEntry, ...]:
    return tuple(
        OutlineEntry(f"Page {part.page}", 1, index, part.line) for index, part in enumerate(parts)
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep pypdf's remarks on odd files off stderr: what matters is raised or left out."""
    logger = logging.getLogger("pypdf")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
