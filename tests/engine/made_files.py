"""Books, Word documents and archives for tests, made in memory."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from sa_chat.engine.documents.readers import ParsedFile, Source, reader_for

_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_MC = "http://schemas.openxmlformats.org/markup-compatibility/2006"


def read(path: Path) -> ParsedFile:
    """In this process, as the reader does it."""
    return reader_for(path).read(Source(path, path.name))


def zipped(members: Mapping[str, str | bytes]) -> bytes:
    """A zip archive; `mimetype` is stored, the others are packed."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in members.items():
            packing = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(name, content, packing)
    return made.getvalue()


def epub(
    chapters: Mapping[str, str], nav: str = "", ncx: str = "", more: Mapping[str, str] | None = None
) -> bytes:
    """A book of these members of OEBPS/ (body of each); `nav` is the body of its navigation."""
    items = "".join(
        f'<item id="c{i}" href="{name}" media-type="application/xhtml+xml"/>'
        for i, name in enumerate(chapters)
    )
    refs = "".join(f'<itemref idref="c{i}"/>' for i in range(len(chapters)))
    if nav:
        items += '<item id="nav" href="nav.xhtml" properties="nav"/>'
    if ncx:
        items += '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
    members = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container><rootfiles><rootfile full-path="OEBPS/p.opf"/>'
        "</rootfiles></container>",
        "OEBPS/p.opf": '<package xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
        "<dc:title>The Book</dc:title><dc:creator>A. Writer</dc:creator></metadata>"
        f"<manifest>{items}</manifest><spine toc='ncx'>{refs}</spine></package>",
        "OEBPS/nav.xhtml": xhtml(nav),
        "OEBPS/toc.ncx": ncx,
    }
    members |= {f"OEBPS/{name}": xhtml(body) for name, body in chapters.items() if body}
    return zipped(members | dict(more or {}))


def xhtml(body: str) -> str:
    return (
        '<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops">'
        f"<head><title>t</title></head><body>{body}</body></html>"
    )


def docx(body: str, more: Mapping[str, str] | None = None) -> bytes:
    """A Word document with the XML `body`; `more` are members without their namespaces."""
    members = {
        "[Content_Types].xml": "<Types/>",
        "word/document.xml": word("document", f"<w:body>{body}</w:body>"),
    }
    return zipped(members | dict(more or {}))


def word(root: str, inside: str) -> str:
    return f'<w:{root} xmlns:w="{_W}" xmlns:mc="{_MC}">{inside}</w:{root}>'


def paragraph(text: str, properties: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"
