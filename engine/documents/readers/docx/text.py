"""The text of a Word document's body and notes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from ..flow import LINE, PARAGRAPH, Flow
from ..html.markup import name_of
from .styles import Styles, attribute, value

# Deletions, fallbacks for older programs (the Choice is read instead), and properties.
_UNSEEN = frozenset(
    [
        "del",
        "movefrom",
        "fallback",
        "deltext",
        "delinstrtext",
        "instrtext",
        "ppr",
        "rpr",
        "tblpr",
        "tcpr",
        "trpr",
        "sectpr",
        "sdtpr",
        "sdtendpr",
        "binddata",
    ]
)
_NOTES = {"footnotereference": "footnote", "endnotereference": "endnote"}
_CHARACTERS = {"tab": "\t", "nobreakhyphen": "\u2011", "ptab": "\t"}
_PROGRESS_STEPS = 5000


@dataclass
class Notes:
    """Footnotes and endnotes in order of reference, numbered together from 1."""

    numbers: dict[tuple[str, str], int] = field(default_factory=dict)

    def number(self, kind: str, identity: str) -> int:
        """The number of a note, assigned at its first reference."""
        return self.numbers.setdefault((kind, identity), len(self.numbers) + 1)

    def of_kind(self, kind: str) -> dict[str, int]:
        """The numbers of all footnotes or endnotes, by id."""
        return {id_: number for (k, id_), number in self.numbers.items() if k == kind}


def write_body(
    root: Any,
    flow: Flow,
    styles: Styles,
    notes: Notes,
    progress: Callable[[float], None] = lambda share: None,
) -> None:
    """Add the text to `flow`, without deletions; a text box appears once, at its anchor."""
    writer = _Writer(flow, styles, notes)
    walk = etree.iterwalk(root, events=("start", "end"))
    unseen: Any = None
    for step, (event, element) in enumerate(walk):
        if step % _PROGRESS_STEPS == 0:
            progress(min(0.95, 0.3 + step / 10**7))
        if event == "end":
            if element is not unseen:
                writer.end(element, name_of(element))
            unseen = None
        elif name_of(element) in _UNSEEN:
            walk.skip_subtree()
            unseen = element
        else:
            writer.start(element, name_of(element))


def write_notes(root: Any, kind: str, flow: Flow, styles: Styles, notes: Notes) -> None:
    """Add the referenced notes to `flow`, each with its number."""
    wanted = notes.of_kind(kind)
    found = {attribute(e, "id"): e for e in root if name_of(e) == kind}
    for identity, number in wanted.items():
        if identity in found:
            flow.ask_break(PARAGRAPH)
            flow.mark(f"[{number}] ")
            write_body(found[identity], flow, styles, notes)


class _Writer:
    def __init__(self, flow: Flow, styles: Styles, notes: Notes) -> None:
        self._flow = flow
        self._styles = styles
        self._notes = notes
        self._levels: list[int] = []  # of the open paragraphs, which nest in text boxes
        self._next: dict[tuple[str, int], int] = {}  # numbers of list items
        self._tables = 0

    def start(self, element: Any, name: str) -> None:
        flow = self._flow
        if name == "p":
            self._paragraph(element)
        elif name == "t":
            flow.verbatim(element.text or "")
        elif name in _CHARACTERS:
            flow.verbatim(_CHARACTERS[name])
        elif name in ("br", "cr"):
            flow.line_end()
        elif name == "tbl":
            self._tables += 1
            flow.ask_break(PARAGRAPH)
        elif name == "tr":
            flow.row()
        elif name == "tc":
            flow.cell()
        elif name in _NOTES:
            number = self._notes.number(_NOTES[name], attribute(element, "id") or "")
            flow.verbatim(f"[{number}]")
        elif name == "docpr" and element.get("descr", "").strip():
            flow.verbatim(f"[image: {' '.join(element.get('descr').split())}]")

    def end(self, element: Any, name: str) -> None:
        flow = self._flow
        if name == "p" and self._levels:
            level = self._levels.pop()
            if level:
                flow.end_heading(level)
            flow.ask_break(LINE)
        elif name == "tc":
            flow.end_cell()
        elif name == "tr":
            flow.ask_break(LINE)
        elif name == "tbl":
            self._tables -= 1
            flow.end_table()

    def _paragraph(self, element: Any) -> None:
        style = value(element, "ppr", "pstyle") or ""
        outline = value(element, "ppr", "outlinelvl") or ""
        level = self._styles.levels.get(style, 0)
        if outline.isdecimal():
            level = int(outline) + 1 if int(outline) < 9 else 0
        self._levels.append(level)
        number = value(element, "ppr", "numpr", "numid") or self._styles.lists.get(style, "0")
        if level:
            self._flow.start_heading()
            return
        self._flow.ask_break(LINE if self._tables or number != "0" else PARAGRAPH)
        if number != "0":
            depth = value(element, "ppr", "numpr", "ilvl") or "0"
            self._item(number, min(int(depth), 8) if depth.isdecimal() else 0)

    def _item(self, number: str, depth: int) -> None:
        indent = "  " * depth
        if not self._styles.numbered.get((number, depth)):
            self._flow.mark(f"{indent}- ")
            return
        at = self._next.get((number, depth), self._styles.starts.get((number, depth), 1))
        self._next[number, depth] = at + 1
        for deeper in range(depth + 1, 9):
            self._next.pop((number, deeper), None)
        self._flow.mark(f"{indent}{at}. ")
