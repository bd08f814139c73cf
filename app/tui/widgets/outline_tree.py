"""The outline of the open document: folders, files and chapters, with their tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Tree

from sa_chat.protocol.events import DocumentCounted, DocumentReady
from sa_chat.protocol.values import LeftOut, Section

from ...report.text import count, one_line
from ...session.part_tree import Budget, Node
from .parts_tree import PartsTree, fitted, page_of

_WIDE_CELLS = 44  # from this width on pages are shown


class OutlineTree(PartsTree):
    """Enter expands a folder, and goes to a file or a chapter."""

    DEFAULT_CSS = """
    OutlineTree {
        background: $background;
        scrollbar-size-vertical: 1;
        overflow-x: hidden;
        &:focus { background-tint: transparent; }
        &:focus > .tree--guides-selected, &> .tree--guides-selected, & > .tree--guides,
        &:focus > .tree--guides { color: $rule; text-style: none; }
        & > .tree--cursor { background: $surface; text-style: none; }
        &:focus > .tree--cursor { background: $panel; text-style: none; }
        & > .tree--highlight-line { background: $surface; }
        & > .outline--tokens, & > .outline--why { color: $label; }
    }
    """
    WHY = "outline--why"
    COMPONENT_CLASSES: ClassVar[set[str]] = {"outline--tokens", WHY}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "Go there", id="outline.go"),
        Binding("j", "cursor_down", "Down", show=False, id="outline.down"),
        Binding("k", "cursor_up", "Up", show=False, id="outline.up"),
    ]

    @dataclass
    class SectionChosen(Message):
        """The user wants to see the beginning of a section."""

        section: Section

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._sections: dict[str, Section] = {}
        self._digits = 1

    def show(self, document: DocumentReady | None) -> None:
        """Show the outline of a document; None leaves the tree empty."""
        if document is None:
            self.clear()
            return
        budget = Budget(DocumentCounted(**vars(document)))
        self._sections = {section.key: section for section in document.sections}
        self._digits = len(count(max((s.tokens for s in document.sections), default=0)))
        self.fill(budget.root, document.left_out)

    def on_tree_node_selected(self, event: Tree.NodeSelected[Node | LeftOut | None]) -> None:
        event.stop()
        part = event.node.data
        if isinstance(part, Node) and part.key is not None:
            self.post_message(self.SectionChosen(self._sections[part.key]))
        elif event.node.allow_expand:
            event.node.toggle()

    def render_part(self, label: Text, part: Node, cells: int, style: Style) -> None:
        tokens = f" {count(part.tokens):>{self._digits}} "
        page = f" {page_of(part)}" if self.size.width >= _WIDE_CELLS and page_of(part) else ""
        faint = self.get_component_rich_style("outline--tokens", partial=True) + style
        label.append(fitted(one_line(part.name), cells - cell_len(page) - len(tokens)), style)
        label.append(page, self.get_component_rich_style(self.WHY, partial=True) + style)
        label.append(tokens, faint)
