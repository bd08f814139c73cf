"""EPUB 2 and 3: the chapters in reading order, with printed pages if the book defines them."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import partial

from sa_chat.protocol.errors import DocumentError
from sa_chat.protocol.values import LeftOut

from ...model import OutlineEntry, Part
from ...pages import ranges_of
from ..archive import Archive, BadMember, open_archive
from ..base import ParsedFile, Source
from ..flow import PARAGRAPH, Flow, Titled
from ..html import parse
from ..html.markup import write
from .navigation import read_navigation
from .package import Package, Target, read_package

_MIMETYPE = b"mimetypeapplication/epub+zip"
_BLANK = re.compile(r"\s|\Z")


class EpubReader:
    """Yields one part for the whole book, or one for each printed page; blank pages are kept."""

    suffixes = frozenset((".epub",))
    isolated = True

    def recognises(self, head: bytes) -> bool:
        return head.startswith(b"PK\x03\x04") and _MIMETYPE in head[:128]

    def read(self, source: Source) -> ParsedFile:
        """Raises `DocumentError` for a damaged or protected book, or one without text."""
        with open_archive(source) as archive:
            package = read_package(archive, source.shown)
            flow = Flow(source.shown)
            left_out = _write_chapters(archive, package, flow, source)
            chapters, pages = read_navigation(archive, package)
        text = flow.finish()
        if not text:
            raise _without_text(source.shown, left_out)
        starts = _page_starts(flow, pages, text)
        parts = _parts(source.shown, text, starts)
        headings = _places(chapters, flow) or flow.headings
        outline = _outline(headings, parts, starts)
        title = package.title or source.path.stem
        if source.pages is None or not starts:
            return ParsedFile(title, tuple(parts), outline, tuple(left_out))
        return _chosen(ParsedFile(title, tuple(parts), outline, tuple(left_out)), source)


def _write_chapters(
    archive: Archive, package: Package, flow: Flow, source: Source
) -> list[LeftOut]:
    """Add all chapters to `flow`; returns those that cannot be read, with the reason."""
    left_out: list[LeftOut] = []
    for done, member in enumerate(package.spine):
        share = done / len(package.spine)
        source.progress(share)
        flow.ask_break(PARAGRAPH)
        flow.anchor(member)
        try:
            root = parse(archive.read(member), f"{source.shown}/{member}", xml=True)
        except BadMember as error:
            left_out.append(LeftOut(f"{source.shown}/{member}", f"cannot be read: {error}"))
            continue
        if root is not None:
            write(root, flow, member, partial(_repeat_progress, source, share))
    return left_out


def _repeat_progress(source: Source, share: float, steps: int) -> None:
    """Reports the same fraction again, which shows that the reader is alive."""
    source.progress(share)


def _without_text(shown: str, left_out: list[LeftOut]) -> DocumentError:
    if left_out:
        return DocumentError(
            f"No chapter of {shown} can be read; {left_out[0].path} {left_out[0].reason}.",
            "Download it once more, or convert it with Calibre or pandoc.",
        )
    return DocumentError(
        f"{shown} has no text: its pages are pictures.", "Name an edition with text."
    )


def _places(targets: list[Target], flow: Flow) -> list[Titled]:
    """The positions of the targets in text order; those that are not found are dropped."""
    found: list[Titled] = []
    for target in targets:
        name = f"{target.member}#{target.fragment}" if target.fragment else target.member
        offset = flow.anchors.get(name, flow.anchors.get(target.member))
        if offset is not None and target.title:
            found.append(Titled(offset, target.level, target.title))
    return sorted(found, key=lambda place: place.offset)


def _page_starts(flow: Flow, pages: list[Target], text: str) -> list[tuple[int, str]]:
    """Offset and label of each printed page; no page begins inside a word."""
    marked = [(place.offset, place.title) for place in _places(pages, flow)] or flow.pages
    starts: list[tuple[int, str]] = []
    for offset, label in marked:
        if offset and not text[offset - 1].isspace():
            blank = _BLANK.search(text, offset)
            offset = blank.end() if blank else len(text)
        starts.append((offset, label))
    return starts


def _parts(shown: str, text: str, starts: list[tuple[int, str]]) -> list[Part]:
    if not starts:
        return [Part(shown, None, text)]
    parts = [Part(shown, None, text[: starts[0][0]])] if text[: starts[0][0]].strip() else []
    ends = [offset for offset, _ in starts[1:]] + [len(text)]
    for position, ((offset, label), end) in enumerate(zip(starts, ends, strict=True), start=1):
        parts.append(Part(shown, label, text[offset:end], position=position))
    return parts


def _outline(
    headings: list[Titled], parts: list[Part], starts: list[tuple[int, str]]
) -> tuple[OutlineEntry, ...]:
    offsets = [offset for offset, _ in starts]
    if len(parts) > len(starts):
        offsets.insert(0, 0)
    top = min((heading.level for heading in headings), default=1)
    entries: list[OutlineEntry] = []
    part = at = 0
    line = 1
    for heading in headings:
        index = max(0, bisect_right(offsets, heading.offset) - 1)
        if index != part:
            part, at, line = index, 0, 1
        within = max(0, heading.offset - offsets[index])
        line += parts[index].text.count("\n", at, within)
        at = within
        entries.append(OutlineEntry(heading.title, heading.level - top + 1, index, line))
    return tuple(entries)


def _chosen(parsed: ParsedFile, source: Source) -> ParsedFile:
    """The file reduced to the pages that `source.pages` selects."""
    assert source.pages is not None
    count = parsed.parts[-1].position
    wanted = source.pages.positions(count, source.shown)
    kept = [index for index, part in enumerate(parsed.parts) if part.position in set(wanted)]
    unread = sorted(set(range(1, count + 1)) - set(wanted))
    left_out = list(parsed.left_out)
    if unread:
        left_out.append(LeftOut(source.shown, f"pages {ranges_of(unread)} not chosen"))
    if not parsed.parts[0].position:
        left_out.append(LeftOut(source.shown, "what stands before its first page not chosen"))
    parts = tuple(parsed.parts[index] for index in kept)
    if not any(part.text.strip() for part in parts):
        raise DocumentError(
            f"No chosen page of {source.shown} has text.", "Choose other pages with --pages."
        )
    number = {index: new for new, index in enumerate(kept)}
    outline = tuple(
        OutlineEntry(entry.title, entry.level, number[entry.part], entry.line)
        for entry in parsed.outline
        if entry.part in number
    )
    return ParsedFile(parsed.title, parts, outline, tuple(left_out))
