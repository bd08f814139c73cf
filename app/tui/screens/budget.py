"""The context budget: choose which parts of the document are read, with a live token sum."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, Static, Tree

from sa_chat.protocol.values import Drop, LeftOut

from ...report.text import count, one_line, plural
from ...session.part_tree import Budget, Node
from ..widgets.budget_tree import BudgetTree

_STEPS_SHOWN = 5


class BudgetScreen(Screen[bool]):
    """Changes the budget; the result says whether to read the chosen parts now.

    `read` says whether something was read before, and `consequence` what happens to that.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "accept", "Fit as proposed", id="budget.fit"),
        Binding("a", "take_all_in", "All in", id="budget.all"),
        Binding("r,ctrl+r", "read", "Read", key_display="r", id="budget.read"),
        Binding("escape,f4", "leave", "Back", key_display="Esc", id="budget.back"),
        Binding("f1", "app.help", "Help", show=False, key_display="F1", id="budget.help",
                tooltip="the keys at the place where you are, and what each number means"),
    ]  # fmt: skip

    def __init__(
        self, budget: Budget, proposal: tuple[Drop, ...], consequence: str, *, read: bool
    ) -> None:
        super().__init__()
        self._read = read
        self._budget = budget
        self._before = budget.marks()
        self._proposal = proposal
        self._consequence = consequence
        self._accepted = False

    def compose(self) -> ComposeResult:
        yield Static(id="budget-sum", markup=False)
        yield Static(id="budget-steps", markup=False)
        yield BudgetTree(self._budget, id="budget-tree")
        yield Static(id="budget-note", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self.query_one(BudgetTree).focus()
        self._draw()

    def on_tree_node_selected(self, event: Tree.NodeSelected[Node | LeftOut | None]) -> None:
        self._toggle(event.node.data)

    def on_tree_node_highlighted(self) -> None:
        self._note()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the key of the proposal if there is none."""
        return action != "accept" or bool(self._proposal)

    def action_accept(self) -> None:
        self._budget.accept(self._proposal)
        self._accepted = True
        self._draw()

    def action_take_all_in(self) -> None:
        self._budget.take_all_in()
        self._accepted = False
        self._draw()

    def action_read(self) -> None:
        """Read the chosen parts, if they fit."""
        if self._budget.empty:
            self.notify("Nothing is chosen. Take a part in first.", markup=False)
        elif self._budget.free_tokens < 0:
            over = plural(-self._budget.free_tokens, "token")
            self.notify(f"{over} too many. Take more parts out.", severity="error", markup=False)
        else:
            self.dismiss(True)

    def action_leave(self) -> None:
        """Go back; the marks of a document that was read show again what was read."""
        if self._read:
            self._budget.restore(self._before)
        self.dismiss(False)

    def _toggle(self, part: Node | LeftOut | None) -> None:
        if isinstance(part, Node):
            self._budget.toggle(part)
            self._accepted = False
            self._draw()

    def _draw(self) -> None:
        self.query_one("#budget-sum", Static).update(self._sum())
        steps = self.query_one("#budget-steps", Static)
        steps.display = bool(self._proposal) and (self._accepted or self._budget.free_tokens < 0)
        steps.update(_steps(self._proposal, self._accepted))
        self.query_one(BudgetTree).redraw()
        self._note()

    def _sum(self) -> Content:
        budget = self._budget
        free = budget.free_tokens
        rest = f"{count(free)} free" if free >= 0 else f"{count(-free)} too many"
        return Content.assemble(
            (one_line(budget.counted.title), "bold"),
            "\n",
            f"{count(budget.chosen_tokens)} tokens chosen",
            (f" · {count(budget.room_tokens)} fit · ", "$label"),
            (rest, "bold $success" if free >= 0 else "bold $error"),
        )

    def _note(self) -> None:
        branch = self.query_one(BudgetTree).cursor_node
        beside = branch is not None and not isinstance(branch.data, Node)
        hint = "--include NAME on the command line brings one in." if beside else self._consequence
        self.query_one("#budget-note", Static).update(Content(hint))


def _steps(proposal: tuple[Drop, ...], accepted: bool) -> Content:
    head = "Left out as proposed" if accepted else "It would fit without these; f leaves them out"
    lines = [Content.styled(head, "$label")]
    shown = proposal if len(proposal) <= _STEPS_SHOWN else proposal[: _STEPS_SHOWN - 1]
    digits = max((len(count(step.tokens)) for step in proposal), default=0)
    for step in shown:
        lines.append(
            Content.assemble(
                (f"  {count(step.tokens):>{digits}}", "$accent"),
                f"  {one_line(step.name)}",
                (f"  {one_line(step.why)}", "$label"),
            )
        )
    rest = proposal[len(shown) :]
    if rest:
        tokens = sum(step.tokens for step in rest)
        lines.append(
            Content.styled(f"  {count(tokens):>{digits}}  in {count(len(rest))} more", "$label")
        )
    return Content("\n").join(lines)
