"""Ask for the password of an encrypted document.  It is never shown or logged."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from ...report.text import one_line


class PasswordScreen(ModalScreen[str | None]):
    """The result is the password; None if the user leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Leave", id="password.back")
    ]

    def __init__(self, message: str, *, again: bool) -> None:
        super().__init__()
        self._message = message
        self._again = again

    def compose(self) -> ComposeResult:
        with Vertical(id="password") as page:
            page.border_title = "password"
            page.border_subtitle = "Enter opens · Esc leaves"
            yield Static(Content(one_line(self._message)), markup=False)
            if self._again:
                wrong = Content.styled("That password was wrong. Try again.", "$error")
                yield Static(wrong, id="password-wrong", markup=False)
            yield Input(password=True, placeholder="Password", id="password-input")

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value:
            self.dismiss(event.value)
