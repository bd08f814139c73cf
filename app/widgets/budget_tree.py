"""Folders, files and chapters with their tokens in a column at the right, and what is left out."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from sa_chat.engine.events import LeftOut

from ..budget import Budget, Mark, Node
from ..text import count, one_line
from .prefill_bar import bar

_BAR_CELLS = 10
_WIDE_CELLS = 76  # from here on there is room for the bar
_STYLES = {Mark.IN: "budget--in", Mark.PARTLY: "budget--partly", Mark.OUT: "budget--out"}


class BudgetTree(Tree[Node | LeftOut | None]):
    """Filled branch by branch as it is opened."""

    ICON_NODE = "▸ "
    ICON_NODE_EXPANDED = "▾ "
    COMPONENT_CLASSES: ClassVar[set[str]] = {*_STYLES.values(), "budget--bar", "budget--why"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "select_cursor", "In/out"),
        Binding("right", "open_branch", "Open", show=False),
        Binding("left", "close_branch", "Close", show=False),
    ]

    def __init__(self, budget: Budget, *, id: str | None = None) -> None:
        super().__init__("", id=id)
        self._budget = budget
        self._digits = len(count(budget.counted.prompt_tokens))
        self.show_root = False
        self.auto_expand = False
        self.guide_depth = 3

    def on_mount(self) -> None:
        top = self._budget.root
        self._fill(self.root, top)
        self.root.expand()
        left_out = self._budget.counted.left_out
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
            self._fill(branch, branch.data)
        else:
            for item in self._budget.counted.left_out:
                branch.add_leaf(Text(""), item)

    def _fill(self, branch: TreeNode[Node | LeftOut | None], node: Node) -> None:
        for child in node.children:
            branch.add(Text(""), child, allow_expand=bool(child.children))

    def redraw(self) -> None:
        """Marks have changed, perhaps of every line."""
        self._clear_line_cache()
        self.refresh()

    def action_open_branch(self) -> None:
        """A second press goes to its first line."""
        branch = self.cursor_node
        if branch is None or not branch.allow_expand:
            return
        if branch.is_expanded:
            self.action_cursor_down()
        else:
            branch.expand()

    def action_close_branch(self) -> None:
        """A second press goes to what holds it."""
        branch = self.cursor_node
        if branch is not None and branch.is_expanded:
            branch.collapse()
        else:
            self.action_cursor_parent()

    def get_label_width(self, node: TreeNode[Node | LeftOut | None]) -> int:
        """Lines end at the right edge, so nothing scrolls sideways."""
        return 1

    def render_label(
        self, node: TreeNode[Node | LeftOut | None], base_style: Style, style: Style
    ) -> Text:
        depth = sum(1 for _ in _holders(node)) - 1
        cells = max(self.scrollable_content_region.width - self.guide_depth * depth, 12)
        icon = "  "
        if node.allow_expand:
            icon = self.ICON_NODE_EXPANDED if node.is_expanded else self.ICON_NODE
        label = Text(no_wrap=True, end="")
        label.append(icon, base_style + Style(meta={"toggle": True}))
        cells -= cell_len(icon)
        if isinstance(node.data, Node):
            self._part(label, node.data, cells, style)
        else:
            text = str(node._label)
            if isinstance(node.data, LeftOut):
                text = f"{one_line(node.data.path)}: {one_line(node.data.reason)}"
            why = self.get_component_rich_style("budget--why", partial=True)
            label.append(_fitted(text, cells), why + style)
        return label

    def _part(self, label: Text, part: Node, cells: int, style: Style) -> None:
        mark = part.mark
        colour = self.get_component_rich_style(_STYLES[mark], partial=True) + style
        tokens = f"{count(part.tokens):>{self._digits}} "
        wide = self.size.width >= _WIDE_CELLS
        name = one_line(part.name)
        page = f"p. {one_line(part.page)}" if part.page and not _says_page(part) else ""
        room = cells - 4 - cell_len(page) - 2 - len(tokens) - (_BAR_CELLS + 2 if wide else 0)
        label.append(f"{mark.value} {_fitted(name, room)}", colour)
        faint = self.get_component_rich_style("budget--why", partial=True) + style
        label.append(f" {page} ", faint)
        if wide:
            kept = 0 if mark is Mark.OUT else part.tokens - part.gone
            filled, rest = bar(kept / max(self._budget.room_tokens, 1), _BAR_CELLS)
            ink = self.get_component_rich_style("budget--bar", partial=True)
            label.append(f" {filled}{rest} ", style + ink)
        label.append(tokens, colour)


def _says_page(part: Node) -> bool:
    return part.name == f"Page {part.page}"


def _holders(
    node: TreeNode[Node | LeftOut | None],
) -> list[TreeNode[Node | LeftOut | None]]:
    found = []
    holder = node.parent
    while holder is not None:
        found.append(holder)
        holder = holder.parent
    return found


def _fitted(text: str, cells: int) -> str:
    """Exactly so many cells; what is too long ends in an ellipsis."""
    cells = max(cells, 1)
    if cell_len(text) > cells:
        return set_cell_size(text, cells - 1) + "…"
    return set_cell_size(text, cells)
