"""Word documents (.docx): paragraphs, lists, tables and notes in file order."""

from __future__ import annotations

from typing import Any

from lxml import etree

from sa_chat.protocol.errors import DocumentError
from sa_chat.protocol.values import LeftOut

from ...model import Part
from ..archive import Archive, BadMember, open_archive
from ..base import ParsedFile, Source
from ..flow import Flow
from ..html import outline_of
from ..html.markup import NotXml, name_of, parse_xml
from .styles import Styles, read_styles
from .text import Notes, write_body, write_notes

_BODY = "word/document.xml"


class DocxReader:
    """Yields one part, as the format does not define pages."""

    suffixes = frozenset((".docx", ".docm", ".dotx", ".dotm"))
    isolated = True

    def recognises(self, head: bytes) -> bool:
        return head.startswith(b"PK\x03\x04") and b"word/document.xml" in head

    def read(self, source: Source) -> ParsedFile:
        """Raises `DocumentError` for a damaged document or one without text."""
        left_out: list[LeftOut] = []
        flow = Flow(source.shown)
        with open_archive(source) as archive:
            try:
                body = parse_xml(archive.read(_BODY))
            except (BadMember, NotXml) as error:
                raise DocumentError(
                    f"{source.shown} is not a readable Word document: {error}.",
                    "Open it in a word processor and save it anew as .docx.",
                ) from error
            source.progress(0.3)
            notes = Notes()
            styles = _optional(archive, "word/styles.xml")
            numbering = _optional(archive, "word/numbering.xml")
            known = read_styles(styles, numbering)
            write_body(body, flow, known, notes, source.progress)
            _write_notes(archive, source.shown, flow, known, notes, left_out)
            title = _title(_optional(archive, "docProps/core.xml"))
        text = flow.finish()
        if not text:
            raise DocumentError(
                f"{source.shown} has no text: its pages are pictures.",
                "Name a document with text in it.",
            )
        return ParsedFile(
            title=title or source.path.stem,
            parts=(Part(source.shown, None, text),),
            outline=outline_of(flow.headings, text),
            left_out=tuple(left_out),
        )


def _write_notes(
    archive: Archive,
    shown: str,
    flow: Flow,
    styles: Styles,
    notes: Notes,
    left_out: list[LeftOut],
) -> None:
    for kind in ("footnote", "endnote"):
        if not notes.of_kind(kind):
            continue
        try:
            root = parse_xml(archive.read(f"word/{kind}s.xml"))
        except (BadMember, NotXml) as error:
            left_out.append(LeftOut(shown, f"its {kind}s cannot be read: {error}"))
            continue
        write_notes(root, kind, flow, styles, notes)


def _optional(archive: Archive, name: str) -> Any:
    """The root of an optional member; an empty element if it is missing or damaged."""
    try:
        return parse_xml(archive.read(name))
    except (BadMember, NotXml):
        return etree.Element("none")


def _title(properties: Any) -> str:
    for element in properties.iter():
        if name_of(element) == "title":
            return " ".join("".join(element.itertext()).split())
    return ""
