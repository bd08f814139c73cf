"""Headings of Markdown and reStructuredText, found line by line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_ATX = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*")
_UNDERLINE = re.compile(r"([=\-~^\"'`#*+.:_])\1{2,}\s*")


@dataclass(frozen=True)
class Heading:
    title: str
    level: int  # from 1
    line: int  # from 1


def markdown_headings(lines: Sequence[str]) -> list[Heading]:
    """`# ATX` and underlined (setext) headings outside fenced code."""
    found: list[Heading] = []
    fence = ""
    for index, line in enumerate(lines):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and not line[mark.end() :].strip():
                fence = ""
            continue
        if mark:
            fence = mark[1]
            continue
        atx = _ATX.fullmatch(line)
        if atx and atx[2].strip():
            found.append(Heading(atx[2], len(atx[1]), index + 1))
        elif index and _SETEXT.fullmatch(line) and _is_title(lines, index - 1):
            found.append(Heading(lines[index - 1].strip(), 1 if "=" in line else 2, index))
    return found


def underlined_headings(lines: Sequence[str]) -> list[Heading]:
    """Titles with an underline at least as long; levels in order of first use (docutils,
    'Sections')."""
    styles: list[tuple[str, bool]] = []
    found: list[Heading] = []
    for index in range(1, len(lines)):
        mark = _UNDERLINE.fullmatch(lines[index])
        title = lines[index - 1].strip()
        if not mark or not _is_title(lines, index - 1, overline=mark[1]):
            continue
        if len(lines[index].rstrip()) < len(title) or _UNDERLINE.fullmatch(title):
            continue
        over = index >= 2 and lines[index - 2].rstrip() == lines[index].rstrip()
        style = (mark[1], over)
        if style not in styles:
            styles.append(style)
        found.append(Heading(title, styles.index(style) + 1, index - over))
    return found


def _is_title(lines: Sequence[str], index: int, overline: str = "") -> bool:
    """Whether a line is text with nothing, or only its overline, above it."""
    title = lines[index].strip()
    if not any(char.isalnum() for char in title) or title.startswith((">", "|", "- ", "* ")):
        return False
    above = lines[index - 1].strip() if index else ""
    return not above or (bool(overline) and set(above) == {overline})
