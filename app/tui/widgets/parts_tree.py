"""A tree of folders, files and chapters with a right-aligned column, and what is left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from sa_chat.protocol.values import LeftOut

from ...report.text import count, one_line
from ...session.part_tree import Node

Branch = TreeNode[Node | LeftOut | None]


class PartsTree(Tree[Node | LeftOut | None]):
    """Branches are filled when they are expanded.  `WHY` is the style of reasons and pages."""

    ICON_NODE = "▸ "
    ICON_NODE_EXPANDED = "▾ "
    WHY: ClassVar[str]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "open_branch", "Open", show=False, id="parts.open"),
        Binding("left", "close_branch", "Close", show=False, id="parts.close"),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", id=id)
        self._left_out: Sequence[LeftOut] = ()
        self.show_root = False
        self.auto_expand = False
        self.guide_depth = 3

    def fill(self, top: Node, left_out: Sequence[LeftOut]) -> None:
        """Fill the tree anew, with the first level only."""
        self.clear()
        self._left_out = left_out
        self._grow(self.root, top)
        self.root.expand()
        if left_out:
            branch = self.root.add(Text(f"left out ({count(len(left_out))})"), None)
            branch.allow_expand = True
        if len(top.children) == 1:
            self.root.children[0].expand()
        self.cursor_line = 0

    def on_tree_node_expanded(self, event: Tree.NodeExpanded[Node | LeftOut | None]) -> None:
        branch = event.node
        if branch.children or branch is self.root:
            return
        if isinstance(branch.data, Node):
            self._grow(branch, branch.data)
        else:
            for item in self._left_out:
                branch.add_leaf(Text(""), item)

    def _grow(self, branch: Branch, node: Node) -> None:
        for child in node.children:
            branch.add(Text(""), child, allow_expand=bool(child.children))

    def action_open_branch(self) -> None:
        """Expand the branch; if it is expanded, go to its first line."""
        branch = self.cursor_node
        if branch is None or not branch.allow_expand:
            return
        if branch.is_expanded:
            self.action_cursor_down()
        else:
            branch.expand()

    def action_close_branch(self) -> None:
        """Collapse the branch; if it is collapsed, go to its parent."""
        branch = self.cursor_node
        if branch is not None and branch.is_expanded:
            branch.collapse()
        else:
            self.action_cursor_parent()

    def get_label_width(self, node: Branch) -> int:
        """Labels fit the width of the tree, so it never scrolls sideways."""
        return 1

    def render_label(self, node: Branch, base_style: Style, style: Style) -> Text:
        cells = max(self.scrollable_content_region.width - self.guide_depth * _depth(node), 12)
        icon = "  "
        if node.allow_expand:
            icon = self.ICON_NODE_EXPANDED if node.is_expanded else self.ICON_NODE
        label = Text(no_wrap=True, end="")
        label.append(icon, base_style + Style(meta={"toggle": True}))
        cells -= cell_len(icon)
        if isinstance(node.data, Node):
            self.render_part(label, node.data, cells, style)
        else:
            text = str(node._label)
            if isinstance(node.data, LeftOut):
                text = f"{one_line(node.data.path)}: {one_line(node.data.reason)}"
            why = self.get_component_rich_style(self.WHY, partial=True)
            label.append(fitted(text, cells), why + style)
        return label

    def render_part(self, label: Text, part: Node, cells: int, style: Style) -> None:
        """Append a part to its label, in exactly `cells` cells."""
        raise NotImplementedError


def page_of(part: Node) -> str:
    """`p. 12`; empty if the part has no page, or is named after it."""
    if not part.page or part.name == f"Page {part.page}":
        return ""
    return f"p. {one_line(part.page)}"


def fitted(text: str, cells: int) -> str:
    """`text` in exactly `cells` cells; text that is too long ends in an ellipsis."""
    cells = max(cells, 1)
    if cell_len(text) > cells:
        return set_cell_size(text, cells - 1) + "…"
    return set_cell_size(text, cells)


def _depth(node: Branch) -> int:
    """The number of shown ancestors of a branch."""
    depth = -1
    parent = node.parent
    while parent is not None:
        depth += 1
        parent = parent.parent
    return depth
