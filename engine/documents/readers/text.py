"""Plain text, Markdown, reStructuredText and source code."""

from __future__ import annotations

from sa_chat.protocol.errors import DocumentError

from ..decoding import NotText, clean, decode
from ..model import OutlineEntry, Part
from .base import ParsedFile, Source
from .headings import Heading, markdown_headings, underlined_headings
from .symbols import SYMBOL_SUFFIXES, symbols

_MARKDOWN = frozenset((".md", ".markdown", ".mdx"))
_UNDERLINED = frozenset((".rst", ".txt", ".text"))


class TextReader:
    """Reads any file that decodes to text, whatever its suffix."""

    suffixes = _MARKDOWN | _UNDERLINED
    isolated = False

    def recognises(self, head: bytes) -> bool:
        return True

    def read(self, source: Source) -> ParsedFile:
        try:
            text = clean(decode(source.content()))
        except NotText as error:
            raise DocumentError(
                f"{source.shown} is a binary file.",
                "sa-chat reads .pdf, .epub, .docx, .html, .ipynb, .md, .txt and source files; "
                "convert it to one of them.",
            ) from error
        suffix = source.path.suffix.lower()
        lines = text.split("\n")
        found: list[Heading] = []
        if suffix in _MARKDOWN:
            found = markdown_headings(lines)
        elif suffix in _UNDERLINED:
            found = underlined_headings(lines)
        elif suffix in SYMBOL_SUFFIXES:
            found = symbols(lines, suffix)
        source.progress(1.0)
        return ParsedFile(
            title=source.path.stem,
            parts=(Part(source.shown, None, text),),
            outline=tuple(OutlineEntry(h.title, h.level, 0, h.line) for h in found),
        )
