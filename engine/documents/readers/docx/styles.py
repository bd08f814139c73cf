"""Styles and numberings of a Word document, as far as they affect paragraphs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ..html.markup import name_of

_HEADING = re.compile(r"heading ([1-9])", re.IGNORECASE)
_MOST_INHERITED = 20


@dataclass
class Styles:
    """Heading levels and numberings by style id; number formats by numbering id and level."""

    levels: dict[str, int] = field(default_factory=dict)  # from 1; 0 is body text
    lists: dict[str, str] = field(default_factory=dict)  # numbering id
    numbered: dict[tuple[str, int], bool] = field(default_factory=dict)
    starts: dict[tuple[str, int], int] = field(default_factory=dict)


def value(element: Any, *path: str) -> str | None:
    """The `val` attribute of the descendant at `path`; None if there is none."""
    for name in path:
        element = next((child for child in element if name_of(child) == name), None)
        if element is None:
            return None
    return attribute(element, "val")


def attribute(element: Any, name: str) -> str | None:
    """The value of an attribute in any namespace."""
    for key, text in element.attrib.items():
        if key.rpartition("}")[2] == name:
            return str(text)
    return None


def read_styles(styles: Any, numbering: Any) -> Styles:
    """Read the styles from the roots of styles.xml and numbering.xml, which may be empty."""
    known = Styles()
    based: dict[str, str] = {}
    for style in styles:
        identity = attribute(style, "styleId") if name_of(style) == "style" else None
        if identity is None:
            continue
        above = value(style, "basedon")
        if above:
            based[identity] = above
        level = value(style, "ppr", "outlinelvl")
        named = _HEADING.fullmatch(value(style, "name") or "")
        if level is not None and level.isdecimal():
            known.levels[identity] = int(level) + 1 if int(level) < 9 else 0
        elif named:
            known.levels[identity] = int(named[1])
        elif (value(style, "name") or "").lower() == "title":
            known.levels[identity] = 1
        number = value(style, "ppr", "numpr", "numid")
        if number:
            known.lists[identity] = number
    for identity in based:
        for table in (known.levels, known.lists):
            _inherit(table, identity, based)
    _read_numbering(numbering, known)
    return known


def _inherit(table: dict[str, Any], identity: str, based: dict[str, str]) -> None:
    at = identity
    for _ in range(_MOST_INHERITED):
        if at in table:
            table.setdefault(identity, table[at])
            return
        if at not in based:
            return
        at = based[at]


def _read_numbering(numbering: Any, known: Styles) -> None:
    kinds: dict[str, dict[int, tuple[bool, int]]] = {}
    for element in numbering:
        if name_of(element) == "abstractnum":
            kinds[attribute(element, "abstractNumId") or ""] = {
                _number(attribute(level, "ilvl")): (
                    value(level, "numfmt") not in ("bullet", "none", None),
                    _number(value(level, "start"), 1),
                )
                for level in element
                if name_of(level) == "lvl"
            }
    for element in numbering:
        if name_of(element) == "num":
            identity = attribute(element, "numId") or ""
            for level, (numbered, start) in kinds.get(
                value(element, "abstractnumid") or "", {}
            ).items():
                known.numbered[identity, level] = numbered
                known.starts[identity, level] = start


def _number(text: str | None, default: int = 0) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 9 else default
