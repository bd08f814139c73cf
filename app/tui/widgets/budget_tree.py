"""The parts of a document with their tokens, and which of them are read."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType

from ...report.text import count, one_line
from ...session.part_tree import Budget, Mark, Node
from .parts_tree import PartsTree, fitted, page_of
from .prefill_bar import bar

_BAR_CELLS = 10
_WIDE_CELLS = 76  # from this width on the bar is shown
_STYLES = {Mark.IN: "budget--in", Mark.PARTLY: "budget--partly", Mark.OUT: "budget--out"}


class BudgetTree(PartsTree):
    """The parts of a budget; Enter and Space toggle them."""

    WHY = "budget--why"
    COMPONENT_CLASSES: ClassVar[set[str]] = {*_STYLES.values(), "budget--bar", WHY}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "select_cursor", "In/out", id="budget.toggle"),
    ]

    def __init__(self, budget: Budget, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._budget = budget
        self._digits = len(count(budget.counted.prompt_tokens))

    def on_mount(self) -> None:
        self.fill(self._budget.root, self._budget.counted.left_out)

    def redraw(self) -> None:
        """Draw all lines again, after marks have changed."""
        self._clear_line_cache()
        self.refresh()

    def render_part(self, label: Text, part: Node, cells: int, style: Style) -> None:
        mark = part.mark
        colour = self.get_component_rich_style(_STYLES[mark], partial=True) + style
        tokens = f"{count(part.tokens):>{self._digits}} "
        wide = self.size.width >= _WIDE_CELLS
        page = page_of(part)
        room = cells - 4 - cell_len(page) - 2 - len(tokens) - (_BAR_CELLS + 2 if wide else 0)
        label.append(f"{mark.value} {fitted(one_line(part.name), room)}", colour)
        faint = self.get_component_rich_style(self.WHY, partial=True) + style
        label.append(f" {page} ", faint)
        if wide:
            kept = 0 if mark is Mark.OUT else part.tokens - part.gone
            filled, rest = bar(kept / max(self._budget.room_tokens, 1), _BAR_CELLS)
            ink = self.get_component_rich_style("budget--bar", partial=True)
            label.append(f" {filled}{rest} ", style + ink)
        label.append(tokens, colour)
