"""Assembles the pages of an open PDF file into a `ParsedFile`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from sa_chat.protocol.errors import DocumentError
from sa_chat.protocol.values import LeftOut

from ... import limits
from ...cleaning import Page, clean_pages
from ...decoding import clean, normalise_lines
from ...model import OutlineEntry, Part
from ...pages import ranges_of
from ..base import ParsedFile, Source
from .backends import PdfFile
from .textless import Textless

_log = logging.getLogger(__name__)
_Read = TypeVar("_Read")
_NUMBER = 20  # most characters before a heading, such as "Chapter 12."


def assemble(source: Source, file: PdfFile) -> ParsedFile:
    """Read the selected pages.  Raises `DocumentError` if no page has text or a limit is
    exceeded."""
    count = file.count()
    if count == 0:
        raise DocumentError(f"{source.shown} has no pages.", "Name a PDF with text in it.")
    everything = range(1, count + 1)
    chosen = source.pages.positions(count, source.shown) if source.pages else list(everything)
    if len(chosen) > limits.PAGES:
        raise DocumentError(
            f"{source.shown} has {len(chosen):,} pages; at most {limits.PAGES:,} are read.",
            f"Choose some, for example with --pages 1-{limits.PAGES}.",
        )
    labels = _labels(file, count)
    left_out: list[LeftOut] = []
    texts, textless = _texts(source, file, chosen, labels, left_out)
    if not any(texts):
        raise textless.error(source, len(chosen), left_out)
    left_out += textless.left_out(source)
    pages = [
        Page(text, labels[position - 1], position)
        for position, text in zip(chosen, texts, strict=True)
    ]
    parts = [
        Part(source.shown, page.label, text, position=page.position)
        for page, text in zip(pages, clean_pages(pages), strict=True)
    ]
    if file.repaired():
        reason = f"the file is damaged: {count} pages were found in it, and others may be lost"
        left_out.append(LeftOut(source.shown, reason))
    unread = sorted(set(everything) - set(chosen))
    if unread:
        left_out.append(LeftOut(source.shown, f"pages {ranges_of(unread)} not chosen"))
    return ParsedFile(
        title=_title(file) or source.path.stem,
        parts=tuple(parts),
        outline=_outline(file, parts) or _pages_as_outline(parts),
        left_out=tuple(left_out),
    )


def _texts(
    source: Source,
    file: PdfFile,
    chosen: list[int],
    labels: list[str],
    left_out: list[LeftOut],
) -> tuple[list[str], Textless]:
    """The text of each selected page, empty for pages without text, and a record of the latter."""
    texts: list[str] = []
    textless = Textless()
    chars = 0
    for done, position in enumerate(chosen):
        text = ""
        alive = partial(source.progress, done / len(chosen))
        try:
            text = clean(normalise_lines(file.text(position)))
            if not text.strip():
                text = textless.add(source, file, position, alive)
        except (DocumentError, MemoryError):
            raise
        except Exception as error:
            # One malformed page must not cost the other pages; it is reported as left out.
            reason = str(error).rstrip(".") or type(error).__name__
            message = f"page {labels[position - 1]} cannot be read: {reason}"
            left_out.append(LeftOut(source.shown, message))
        chars += len(text)
        limits.check_chars(chars, source.shown)
        texts.append(text if text.strip() else "")
        source.progress((done + 1) / len(chosen))
    return texts, textless


def _labels(file: PdfFile, count: int) -> list[str]:
    """Printed page labels; positions where the file has none or its label tree is broken."""
    none: list[str] = []
    found = _or_else(file.labels, none, "page labels")
    labels = [" ".join(clean(label).split()) for label in found[:count]]
    labels += [""] * (count - len(labels))
    return [label or str(position) for position, label in enumerate(labels, start=1)]


def _title(file: PdfFile) -> str:
    return " ".join(clean(_or_else(file.title, "", "title")).split())


def _or_else(read: Callable[[], _Read], otherwise: _Read, what: str) -> _Read:
    """The result of `read`; `otherwise` if the file is malformed there."""
    try:
        return read()
    except Exception as error:
        _log.info("%s ignored: %s", what, error)
        return otherwise


def _outline(file: PdfFile, parts: list[Part]) -> tuple[OutlineEntry, ...]:
    """The file's outline, limited to pages that were read."""
    part_of = {part.position: index for index, part in enumerate(parts)}
    entries: list[OutlineEntry] = []
    try:
        for bookmark in file.bookmarks():
            title = " ".join(clean(bookmark.title).split())
            part = part_of.get(bookmark.position)
            if part is not None and title:
                line = _line_of(title, parts[part])
                entries.append(OutlineEntry(title, bookmark.level, part, line))
    except Exception as error:
        _log.info("outline ends early: %s", error)
    return tuple(entries)


def _line_of(title: str, part: Part) -> int:
    """The line of the page that resembles this heading most; the first if none contains it."""
    wanted = "".join(title.split())
    found: list[tuple[int, int, int]] = []
    for number, line in enumerate(part.text.split("\n"), start=part.line):
        squeezed = "".join(line.split())
        if wanted.casefold() in squeezed.casefold():
            found.append((*_unlike(wanted, squeezed), number))
    return min(found)[2] if found else part.line


def _unlike(wanted: str, line: str) -> tuple[int, int]:
    """How much a line that contains this heading (both without spaces) differs from it."""
    folded = line.casefold()
    number = folded.removesuffix(wanted.casefold())
    if number != folded and len(number) <= _NUMBER and not number[-1:].isalpha():
        return (0, len(number))
    if line.startswith(wanted):
        return (1, 0)  # a paragraph starts on the same line
    return (2, len(line))


def _pages_as_outline(parts: list[Part]) -> tuple[OutlineEntry, ...]:
    return tuple(
        OutlineEntry(f"Page {part.page}", 1, index, part.line) for index, part in enumerate(parts)
    )
