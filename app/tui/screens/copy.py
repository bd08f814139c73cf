"""Choose a part of an answer to copy: all of it, a quotation, or a code block."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets.option_list import Option

from sa_chat.protocol.text import clean

from ...report.text import one_line
from ...session.state import Turn
from ..widgets.answer_text import code_blocks
from ..widgets.choice_list import ChoiceList


class CopyScreen(ModalScreen[tuple[str, str] | None]):
    """The result is the text and its name; None if the user leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Leave", id="copy.back"),
    ]

    def __init__(self, turn: Turn) -> None:
        super().__init__()
        self._parts = parts(turn)

    def compose(self) -> ComposeResult:
        with Vertical(id="copy", classes="dialog") as page:
            page.border_title = "copy"
            page.border_subtitle = "Enter copies · Esc leaves"
            yield ChoiceList(
                *(
                    Option(Content.assemble((f"{what:<14}", "$label"), one_line(text)))
                    for text, what in self._parts
                ),
                markup=False,
            )

    def on_option_list_option_selected(self, event: ChoiceList.OptionSelected) -> None:
        self.dismiss(self._parts[event.option_index])


def parts(turn: Turn) -> list[tuple[str, str]]:
    """The text and the name of each part that can be copied."""
    found = [(clean(turn.text), "The answer")]
    citations = turn.answer.citations if turn.answer is not None else ()
    found += [(clean(c.quote), f"Quotation {n}") for n, c in enumerate(citations, start=1)]
    found += [(code, f"Code block {n}") for n, code in enumerate(code_blocks(turn.text), start=1)]
    return found
