"""Converts HTML and XHTML to text, as a browser shows it without styles."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

from lxml import etree

from sa_chat.protocol.errors import DocumentError

from ..flow import PARAGRAPH, Flow
from .elements import Writer

_PROGRESS_STEPS = 2000


class NotXml(ValueError):
    """The data is not well-formed XML, or nested too deeply."""


def parse_xml(data: bytes) -> Any:
    """The root of well-formed XML.  Nothing outside `data` is loaded and no entity is expanded.

    Raises `NotXml`.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise NotXml(str(error)) from error


def parse_html(text: str, shown: str) -> Any:
    """The root of any HTML; None if it has no element.

    Raises `DocumentError` where the parser gives up, which happens at 2,048 nested elements.
    """
    # HTML defines no entities that could grow; `huge_tree` allows more than 256 levels.
    parser = etree.HTMLParser(
        encoding="utf-8", no_network=True, huge_tree=True, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except etree.ParserError:
        return None
    for entry in parser.error_log:
        if entry.level == etree.ErrorLevels.FATAL:
            deep = "depth" in entry.message
            what = "nests more than 2,000 elements" if deep else "is not readable HTML"
            raise DocumentError(
                f"{shown} {what}.",
                "Open it in a browser and save its text.",
            )
    return root


def title_of(root: Any) -> str:
    """The text of the first `<title>` outside pictures; may be empty."""
    for element in root.iter():
        if name_of(element) == "title" and name_of(element.getparent()) == "head":
            return " ".join("".join(element.itertext()).split())
    return ""


def write(
    root: Any,
    flow: Flow,
    prefix: str = "",
    progress: Callable[[int], None] = lambda elements: None,
) -> None:
    """Add the visible text of `root` to `flow`.

    Anchors are named `prefix#id`.  `progress` is called now and then with the steps done so far.
    """
    writer = Writer(flow, prefix)
    walk = etree.iterwalk(root, events=("start", "end", "comment", "pi"))
    unseen: Any = None
    for step, (event, element) in enumerate(walk):
        if step % _PROGRESS_STEPS == 0:
            progress(step)
        is_entity = element.tag is etree.Entity
        if event == "start":
            if is_entity:
                writer.text(html.unescape(element.text))
            elif not writer.start(element, name_of(element)):
                walk.skip_subtree()
                unseen = element
            continue
        if event == "end" and not is_entity and element is not unseen:
            writer.end(name_of(element))
        unseen = None
        if element is not root and element.tail:
            writer.text(element.tail)
    flow.ask_break(PARAGRAPH)


def name_of(element: Any) -> str:
    """The name of an element without namespace, in lower case; empty for other nodes."""
    tag = element.tag if element is not None else None
    return tag.rpartition("}")[2].lower() if isinstance(tag, str) else ""
