"""The effect of each HTML element on the text."""

from __future__ import annotations

import re
from typing import Any

from ..flow import LINE, PARAGRAPH, Flow

_UNSEEN = frozenset(
    [
        "script",
        "style",
        "noscript",
        "svg",
        "template",
        "iframe",
        "head",
        "title",
        "datalist",
        "rp",
        "annotation",
        "annotation-xml",
    ]
)
_LINES = frozenset(
    [
        "address",
        "caption",
        "dd",
        "div",
        "dt",
        "fieldset",
        "figcaption",
        "footer",
        "form",
        "header",
        "legend",
        "li",
        "main",
        "nav",
        "optgroup",
        "option",
        "summary",
        "tbody",
        "tfoot",
        "thead",
    ]
)
_PARAGRAPHS = frozenset(
    [
        "article",
        "aside",
        "blockquote",
        "body",
        "center",
        "details",
        "dl",
        "figure",
        "hgroup",
        "hr",
        "ol",
        "p",
        "section",
        "table",
        "ul",
    ]
)
_VERBATIM = frozenset(("pre", "listing", "plaintext", "textarea", "xmp"))
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_NUMBER = re.compile(r"[-+−]?\d{1,6}")
_PERMALINKS = frozenset("¶#§🔗")
_ITEM_NUMBER = re.compile(r"-?\d{1,9}")


class Writer:
    """Receives elements in document order and writes their text to a `Flow`."""

    def __init__(self, flow: Flow, prefix: str) -> None:
        self._flow = flow
        self._prefix = prefix
        self._verbatim = 0  # open verbatim elements
        self._at_start = False  # of a verbatim element, where a line end is ignored
        self._lists: list[int | None] = []  # the next number; None for bullets
        self._closings: list[str] = []  # of the open <sup>, <q> and <rt>

    def start(self, element: Any, name: str) -> bool:
        """Open an element; returns whether its content is shown."""
        flow = self._flow
        anchor = element.get("id") or (element.get("name") if name == "a" else None)
        if anchor:
            flow.anchor(f"{self._prefix}#{anchor}")
        if _is_page_break(element):
            label = element.get("title") or element.get("aria-label") or element.text or ""
            if label.strip(" .\n"):
                flow.page(" ".join(label.split()).strip("."))
            self._inside_text(element)
            return False
        if name in _UNSEEN or _hidden(element) or _is_permalink(element, name):
            return False
        if name in _HEADINGS:
            flow.start_heading()
        elif name in _VERBATIM:
            flow.ask_break(PARAGRAPH)
            self._verbatim += 1
            self._at_start = True
        elif name in ("ol", "ul", "menu"):
            flow.ask_break(PARAGRAPH if not self._lists else LINE)
            self._lists.append(_first_number(element) if name == "ol" else None)
        elif name == "li":
            self._item(element)
        elif name == "tr":
            flow.row()
        elif name in ("td", "th"):
            flow.cell()
        elif name == "br":
            flow.line_end()
        elif name in ("sup", "q", "rt"):
            self._enclose(element, name)
        elif name in ("img", "area", "input", "math"):
            return self._alternative(element, name)
        else:
            self._separate(name)
        self._inside_text(element)
        return True

    def end(self, name: str) -> None:
        """Close an element that `start` opened."""
        flow = self._flow
        if name in _HEADINGS:
            flow.end_heading(_HEADINGS[name])
        elif name in _VERBATIM:
            self._verbatim = max(0, self._verbatim - 1)
            flow.ask_break(PARAGRAPH)
        elif name in ("ol", "ul", "menu"):
            self._lists.pop()
            flow.ask_break(LINE if self._lists else PARAGRAPH)
        elif name in ("td", "th"):
            flow.end_cell()
        elif name == "tr":
            flow.ask_break(LINE)
        elif name == "table":
            flow.end_table()
        elif name in ("sup", "q", "rt"):
            self.text(self._closings.pop())
        elif name == "p" and self._lists:
            flow.ask_break(LINE)  # items follow each other without a blank line
        else:
            self._separate(name)

    def text(self, text: str) -> None:
        """Add text of the current element."""
        if not self._verbatim:
            self._flow.words(text)
            return
        if self._at_start:
            text = text.removeprefix("\r").removeprefix("\n")
            self._at_start = False
        self._flow.verbatim(text)

    def _inside_text(self, element: Any) -> None:
        if element.text and not _is_page_break(element):
            self.text(element.text)

    def _separate(self, name: str) -> None:
        if name in _PARAGRAPHS:
            self._flow.ask_break(PARAGRAPH)
        elif name in _LINES:
            self._flow.ask_break(LINE)

    def _item(self, element: Any) -> None:
        indent = "  " * (len(self._lists) - 1)
        number = self._lists[-1] if self._lists else None
        if number is None:
            self._flow.mark(f"{indent}- ")
            return
        given = element.get("value") or ""
        number = int(given) if _ITEM_NUMBER.fullmatch(given) else number
        self._lists[-1] = number + 1
        self._flow.mark(f"{indent}{number}. ")

    def _enclose(self, element: Any, name: str) -> None:
        """Set superscripts, quotations and ruby annotations apart from the surrounding words."""
        opening, closing = {"q": ("“", "”"), "rt": ("(", ")")}.get(name, ("", ""))
        if name == "sup" and _NUMBER.fullmatch("".join(element.itertext()).strip()):
            linked = element.find(".//{*}a") is not None or any(
                isinstance(above.tag, str) and above.tag.rpartition("}")[2] == "a"
                for above in element.iterancestors()
            )
            opening, closing = ("[", "]") if linked else ("^", "")
        self.text(opening)
        self._closings.append(closing)

    def _alternative(self, element: Any, name: str) -> bool:
        """Write the text alternative of a picture or formula; returns whether its content is
        shown."""
        if name == "math":
            formula = element.get("alttext") or ""
            self._flow.words(formula or element.text or "")
            return not formula
        if name != "input" or element.get("type", "").lower() == "image":
            words = " ".join((element.get("alt") or "").split())
            if words:
                self._flow.words(f"[image: {words}]")
        return False


def _is_page_break(element: Any) -> bool:
    kinds = element.get("{http://www.idpf.org/2007/ops}type") or element.get("epub:type") or ""
    return "pagebreak" in kinds.split() or element.get("role") == "doc-pagebreak"


def _hidden(element: Any) -> bool:
    hidden = element.get("hidden")
    return hidden is not None and hidden.lower() != "until-found"


def _is_permalink(element: Any, name: str) -> bool:
    """Whether an element is the sign beside a heading that links to the heading itself."""
    return (
        name == "a"
        and (element.text or "").strip() in _PERMALINKS
        and (element.get("href") or "").startswith("#")
    )


def _first_number(element: Any) -> int:
    given = element.get("start") or ""
    return int(given) if _ITEM_NUMBER.fullmatch(given) else 1
