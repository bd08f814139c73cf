"""Help: the keys, and what each number on the screen means."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

KEYS = (
    ("Enter", "ask the question; while the document is being read it waits in the queue"),
    ("Shift+Enter, Ctrl+J", "new line in the question"),
    ("Esc", "stop the answer being written, or else the reading"),
    ("Ctrl+O", "copy the last answer to the clipboard"),
    ("Ctrl+R", "read the document again; restart the engine if it has ended"),
    ("PgUp, PgDn", "scroll the conversation; Ctrl+End returns to the newest text"),
    ("F2", "light or dark"),
    ("F3", "figures: hide or show the panel"),
    ("F4", "parts: what is read, with its tokens, and everything that is left out"),
    ("F1", "this help"),
    ("Ctrl+Q", "quit; pressing Ctrl+C twice quits too"),
)
NUMBERS = (
    ("sparsity", "the share of attention that was skipped: 1 - density"),
    ("density", "computed (query, key) pairs / all causal pairs, over the document's tokens"),
    (
        "coverage",
        "attention mass that the kept keys hold, the mean over rows that the selection "
        "did not look at; 100% is exact",
    ),
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
        "used by the engine / what the device has; on a CPU the memory of the "
        "engine's process; peak is the highest so far",
    ),
    ("reading", "tokens of the document read in a second"),
    ("writing", "tokens of the last answer written in a second"),
    ("alpha", "share of the attention mass that each head has to keep; 1 is exactly dense"),
    ("dropped", "tokens of the document that the model will not see; never silently"),
    ("✓ p. 12", "the quotation stands on that page, or in that file and line"),
    ("✗ not found", "the model wrote it as a quotation, but the document does not have it"),
)


class HelpScreen(ModalScreen[None]):
    """A page over the conversation; what happens below goes on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,q", "dismiss", "Close"),
    ]

    def compose(self) -> ComposeResult:
        with Vertical(id="help") as page:
            page.border_title = "sa-chat help"
            page.border_subtitle = "Esc closes"
            with VerticalScroll():
                yield Static("keys", classes="help-heading", markup=False)
                for label, text in KEYS:
                    yield HelpRow(label, text)
                yield Static("the numbers", classes="help-heading -second", markup=False)
                for label, text in NUMBERS:
                    yield HelpRow(label, text)


class HelpRow(Horizontal):
    """A key or a figure, and what it means; both wrap in their own column."""

    def __init__(self, label: str, text: str) -> None:
        super().__init__(
            Static(Content(label), classes="help-label", markup=False),
            Static(Content(text), classes="help-text", markup=False),
        )
