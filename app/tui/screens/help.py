"""Help: the keys for the focused widget, and what each number on the screen means."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Static

from ...client.log import default_log_path
from ...settings.settings import config_path

NUMBERS = (
    ("sparsity", "the share of attention that was skipped: 1 - density"),
    ("density", "computed (query, key) pairs / all causal pairs, over the document's tokens"),
    (
        "recall",
        "attention mass that the kept keys hold (CRA), over rows that the selection did not "
        "look at: the mean, and the 5th percentile (p5), which alpha is about; 100% is exact",
    ),
    ("curve", "sparsity so far over the tokens read, from 0 to 1"),
    ("parse", "reading the file and taking its text apart"),
    ("tokenize", "turning the text into the model's tokens"),
    ("select", "choosing which keys each head attends to"),
    ("prefill", "everything else of reading the document into the model"),
    ("first token", "from the first question to the first token of its answer"),
    (
        "heat map",
        "density of every attention head: a row is a layer, a cell a head, and the "
        "number at the right is the mean of the row",
    ),
    (
        "memory",
        "used by the engine for weights, KV (keys and values) and work, and by other "
        "programs; on a CPU that of the engine's process; peak is the highest so far",
    ),
    ("reading", "tokens of the document read in a second"),
    ("writing", "tokens of the last answer written in a second"),
    (
        "alpha",
        "share of its attention mass that at least 95% of the rows of every head keep; "
        "1 is exactly dense",
    ),
    ("dropped", "tokens of the document that the model will not see; never silently"),
    ("✓ p. 12", "the quotation stands on that page, or in that file and line"),
    ("✗ not found", "the model wrote it as a quotation, but the document does not have it"),
)
_HERE = {
    "QuestionBox": "in the question box",
    "Conversation": "in the conversation",
    "CitationLine": "at a quotation",
    "BudgetTree": "in the parts",
    "DocumentView": "in the document",
    "OutlineTree": "in the outline",
    "ChoiceList": "in the list",
    "PathInput": "in the path",
}


class HelpScreen(ModalScreen[None]):
    """A page over the screen below, which keeps running."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,q", "dismiss", "Close", id="help.close"),
        Binding("j,down", "scroll(1)", "Down", show=False, id="help.down"),
        Binding("k,up", "scroll(-1)", "Up", show=False, id="help.up"),
    ]

    def __init__(self, below: Screen[object], focused: Widget | None) -> None:
        super().__init__()
        here = focused.__class__.__name__ if focused is not None else ""
        self._here = _HERE.get(here, "at the focus")
        bindings = list(below.active_bindings.values())
        self._near = _rows(b for b in bindings if b.node is focused)
        self._everywhere = _rows(b for b in bindings if b.node is below)

    def compose(self) -> ComposeResult:
        with Vertical(id="help") as page:
            page.border_title = "sa-chat help"
            page.border_subtitle = "Esc closes"
            with VerticalScroll():
                if self._near:
                    yield Static(f"keys {self._here}", classes="help-heading", markup=False)
                    yield from (HelpRow(*row) for row in self._near)
                yield Static("keys everywhere", classes="help-heading -second", markup=False)
                yield from (HelpRow(*row) for row in self._everywhere)
                yield HelpRow("Tab, Shift+Tab", "from one part of the screen to the next")
                yield HelpRow("Ctrl+P", "every command by its name")
                yield HelpRow("Ctrl+Q", "quit; pressing Ctrl+C twice quits too")
                yield Static("the numbers", classes="help-heading -second", markup=False)
                yield from (HelpRow(*row) for row in NUMBERS)
                yield Static("files", classes="help-heading -second", markup=False)
                yield HelpRow("the engine's log", str(default_log_path()))
                yield HelpRow("settings", f"{config_path()} (keys can be bound there)")

    def action_scroll(self, lines: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)


def _rows(bindings: Iterable[ActiveBinding]) -> list[tuple[str, str]]:
    """Keys and descriptions, one row per action; bindings without an id are left out."""
    keys: dict[str, list[str]] = {}
    descriptions: dict[str, str] = {}
    for active in bindings:
        binding = active.binding
        if binding.id and binding.description:
            keys.setdefault(binding.id, []).append(key_name(binding))
            descriptions[binding.id] = binding.tooltip or binding.description.lower()
    return [(", ".join(dict.fromkeys(keys[name])), descriptions[name]) for name in keys]


_NAMES = {"pageup": "PgUp", "pagedown": "PgDn", "escape": "Esc", "slash": "/", "delete": "Del"}


def key_name(binding: Binding) -> str:
    """The key as it is printed on keyboards: `Ctrl+O`, `Shift+Enter`, `PgUp`, `j`."""
    if binding.key_display:
        return binding.key_display
    *modifiers, key = binding.key.split("+")
    name = _NAMES.get(key, key.capitalize() if len(key) > 1 or modifiers else key)
    return "+".join([*(modifier.capitalize() for modifier in modifiers), name])


class HelpRow(Horizontal):
    """A key or a number and its meaning, each wrapped in its own column."""

    def __init__(self, label: str, text: str) -> None:
        super().__init__(
            Static(Content(label), classes="help-label", markup=False),
            Static(Content(text), classes="help-text", markup=False),
        )
