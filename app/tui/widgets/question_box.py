"""The box in which questions are typed."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Key
from textual.timer import Timer
from textual.widgets import TextArea

from ..messages import DraftChanged, LastQuestionRequested, QuestionAsked

_UNBOUND = ("f6", "f7")  # keys of `TextArea` that the main screen uses
_REST_S = 1.0  # without a key press until the draft is saved


class QuestionBox(TextArea):
    """Plain text of several lines; Enter asks, Shift+Enter or Ctrl+J begins a new line."""

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
        for key in _UNBOUND:
            self._bindings.key_to_bindings.pop(key, None)
        self._edits_last = False
        self._set_aside = ""  # what was being typed before the edit of the last question
        self._rest: Timer | None = None

    @property
    def edits_last(self) -> bool:
        """Whether Enter replaces the last question."""
        return self._edits_last

    def edit_last(self, question: str) -> None:
        """Edit the last question; `leave_edit` restores what was being typed."""
        if not self._edits_last:
            self._set_aside = self.text
        self._edits_last = True
        self.border_title = "edit the last question"
        self.border_subtitle = "Enter asks again · Esc leaves"
        self.text = question
        self.move_cursor(self.document.end)

    def leave_edit(self) -> bool:
        """Leave the edit; False if there was none."""
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
        """Handle Enter after the letters before it; a priority binding would overtake them."""
        if event.key == "enter" and self._enter_asks:
            event.stop()
            event.prevent_default()
            self.action_ask()
        elif event.key == "up" and not self.text:
            event.stop()
            event.prevent_default()
            self.post_message(LastQuestionRequested())

    @property
    def _enter_asks(self) -> bool:
        """Whether Enter is bound to asking; the settings can bind either of them otherwise."""
        bound = self.screen.active_bindings.get("enter")
        return bound is not None and bound.binding.action == "ask"

    def on_text_area_changed(self) -> None:
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.set_timer(_REST_S, self.keep_draft)

    @property
    def draft(self) -> str:
        """The new question that is being typed; not the edit of the last one."""
        return self._set_aside if self._edits_last else self.text

    def keep_draft(self) -> None:
        """Post the draft."""
        self.post_message(DraftChanged(self.draft))

    def action_ask(self) -> None:
        """Post the question and empty the box."""
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
        """Copy what is selected; with no selection Ctrl+C is the key to quit."""
        if self.selected_text:
            super().action_copy()
        else:
            self.app.action_help_quit()
