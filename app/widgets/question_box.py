"""The box the question is typed in."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Key
from textual.widgets import TextArea

from ..messages import QuestionAsked


class QuestionBox(TextArea):
    """Several lines of plain text; Enter asks, Shift+Enter or Ctrl+J begins a new line."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "ask", "Ask"),
        Binding("shift+enter,ctrl+j", "new_line", "New line", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(
            id=id,
            soft_wrap=True,
            show_line_numbers=False,
            highlight_cursor_line=False,
            placeholder="Ask the document…",
        )

    def on_key(self, event: Key) -> None:
        """Enter takes its turn behind the letters before it, as no priority binding would."""
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            self.action_ask()

    def action_ask(self) -> None:
        """Hand the question up and make room for the next."""
        question = self.text.strip()
        if question:
            self.clear()
            self.post_message(QuestionAsked(question))

    def action_new_line(self) -> None:
        self.insert("\n")

    def action_copy(self) -> None:
        """Ctrl+C copies what is selected; with nothing selected it is about quitting."""
        if self.selected_text:
            super().action_copy()
        else:
            self.app.action_help_quit()
