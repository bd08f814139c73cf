"""The box the question is typed in."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Key
from textual.timer import Timer
from textual.widgets import TextArea

from ..messages import DraftChanged, LastQuestionWanted, QuestionAsked

_TAKEN = ("f6", "f7")  # of a text area, and the main screen's here
_REST_S = 1.0  # without a key, and what is typed is kept


class QuestionBox(TextArea):
    """Several lines of plain text; Enter asks, Shift+Enter or Ctrl+J begins a new line."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "ask", "Ask", id="question.ask", tooltip="ask the question; it waits "
                "in the queue while the document is being read"),
        Binding("shift+enter,ctrl+j", "new_line", "New line", show=False, id="question.new-line",
                tooltip="new line in the question"),
    ]  # fmt: skip

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(
            id=id,
            soft_wrap=True,
            show_line_numbers=False,
            highlight_cursor_line=False,
            placeholder="Ask the document…",
        )
        for key in _TAKEN:
            self._bindings.key_to_bindings.pop(key, None)
        self._edits_last = False
        self._set_aside = ""  # what was being typed before the last question was called back
        self._rest: Timer | None = None

    @property
    def edits_last(self) -> bool:
        """Whether Enter asks in the place of the last question."""
        return self._edits_last

    def edit_last(self, question: str) -> None:
        """Call the last question back; what was being typed returns with `leave_edit`."""
        if not self._edits_last:
            self._set_aside = self.text
        self._edits_last = True
        self.border_title = "edit the last question"
        self.border_subtitle = "Enter asks again · Esc leaves"
        self.text = question
        self.move_cursor(self.document.end)

    def leave_edit(self) -> bool:
        """Whether there was an edit to leave."""
        if not self._edits_last:
            return False
        self._end_edit()
        return True

    def _end_edit(self) -> None:
        self._edits_last = False
        self.border_title = self.border_subtitle = None
        self.text, self._set_aside = self._set_aside, ""
        self.move_cursor(self.document.end)

    def on_key(self, event: Key) -> None:
        """Enter takes its turn behind the letters before it, as no priority binding would."""
        if event.key == "enter" and self._enter_asks:
            event.stop()
            event.prevent_default()
            self.action_ask()
        elif event.key == "up" and not self.text:
            event.stop()
            event.prevent_default()
            self.post_message(LastQuestionWanted())

    @property
    def _enter_asks(self) -> bool:
        """Unless the settings bind it to something else, or asking to another key."""
        bound = self.screen.active_bindings.get("enter")
        return bound is not None and bound.binding.action == "ask"

    def on_text_area_changed(self) -> None:
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.set_timer(_REST_S, self.keep_draft)

    @property
    def draft(self) -> str:
        """The new question that is being typed."""
        return self._set_aside if self._edits_last else self.text

    def keep_draft(self) -> None:
        """Tell what is being typed."""
        self.post_message(DraftChanged(self.draft))

    def action_ask(self) -> None:
        """Hand the question up and make room for the next."""
        question = self.text.strip()
        if not question:
            return
        replaces_last = self._edits_last
        if replaces_last:
            self._end_edit()
        else:
            self.clear()
        self.post_message(QuestionAsked(question, replaces_last=replaces_last))

    def action_new_line(self) -> None:
        self.insert("\n")

    def action_copy(self) -> None:
        """Ctrl+C copies what is selected; with nothing selected it is about quitting."""
        if self.selected_text:
            super().action_copy()
        else:
            self.app.action_help_quit()
