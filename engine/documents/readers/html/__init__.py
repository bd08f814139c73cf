"""HTML pages."""

from __future__ import annotations

import re

from sa_chat.protocol.errors import DocumentError

from ...decoding import NotText, decode
from ...model import OutlineEntry, Part
from ..base import ParsedFile, Source
from ..flow import Flow, Titled
from .markup import NotXml, parse_html, parse_xml, title_of, write

_START = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b",
    re.IGNORECASE | re.DOTALL,
)
_BOM = b"\xef\xbb\xbf"
_GUESSED_STEPS = 20  # bytes of HTML for each step of the walk


class HtmlReader:
    """Yields one part, with the headings as its outline."""

    suffixes = frozenset((".html", ".htm", ".xhtml", ".xht"))
    isolated = True

    def recognises(self, head: bytes) -> bool:
        return _START.match(head.removeprefix(_BOM)) is not None

    def read(self, source: Source) -> ParsedFile:
        """Raises `DocumentError` for a binary file, one without text, or one nested too deeply."""
        data = source.content()
        flow = Flow(source.shown)
        root = parse(data, source.shown, xml=source.path.suffix.lower().startswith(".xht"))
        source.progress(0.3)
        title = ""
        if root is not None:
            title = title_of(root)
            steps = 1 + len(data) / _GUESSED_STEPS
            write(root, flow, progress=lambda done: source.progress(min(1.0, 0.3 + done / steps)))
        text = flow.finish()
        if not text:
            raise DocumentError(
                f"{source.shown} shows no text.",
                "If a script makes its text, open it in a browser and save the page from there.",
            )
        return ParsedFile(
            title=title or source.path.stem,
            parts=(Part(source.shown, None, text),),
            outline=outline_of(flow.headings, text),
        )


def parse(data: bytes, shown: str, xml: bool) -> object:
    """The root of HTML, or of XHTML (`xml`) if it is well-formed; None if it is empty.

    Raises `DocumentError` for a binary file and for one nested too deeply.
    """
    if xml:
        try:
            return parse_xml(data)
        except NotXml:
            pass  # read as HTML, as lenient browsers do
    try:
        return parse_html(decode(data), shown)
    except NotText as error:
        raise DocumentError(
            f"{shown} is a binary file.", "Name an HTML page, or rename the file."
        ) from error


def outline_of(headings: list[Titled], text: str) -> tuple[OutlineEntry, ...]:
    """The headings as outline entries of the only part; the highest level becomes 1."""
    top = min((heading.level for heading in headings), default=1)
    entries: list[OutlineEntry] = []
    line, offset = 1, 0
    for heading in headings:
        line += text.count("\n", offset, heading.offset)
        offset = heading.offset
        entries.append(OutlineEntry(heading.title, heading.level - top + 1, 0, line))
    return tuple(entries)
