"""The title line: the document that is open, its tokens, and the phase."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from sa_chat.protocol.events import DocumentReady

from ...report.text import count, one_line
from ...session.state import ChatState, Phase

_PHASES = {
    Phase.STARTING: ("○ starting", "$label"),
    Phase.LOADING: ("◔ loading", "$accent"),
    Phase.CHOOSING: ("◇ choosing", "$accent"),
    Phase.PREFILLING: ("◑ reading", "$accent"),
    Phase.READY: ("● ready", "$success"),
    Phase.PAUSED: ("◐ reading stopped", "$warning"),
    Phase.FAILED: ("✗ not open", "$error"),
    Phase.DEAD: ("✗ engine ended", "$error"),
}


class TitleBar(Horizontal):
    """Shows name of the program, title of the document, tokens and phase."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown: tuple[DocumentReady | None, Phase] | None = None

    def compose(self) -> ComposeResult:
        yield Static("sa-chat", id="brand", markup=False)
        yield Static(id="title", markup=False)
        yield Static(id="tokens", markup=False)
        yield Static(id="phase", markup=False)

    def show(self, state: ChatState) -> None:
        if (state.document, state.phase) == self._shown:
            return
        self._shown = (state.document, state.phase)
        document = state.document
        title = one_line(document.title) if document else ""
        tokens = f"{count(document.prompt_tokens)} tokens" if document else ""
        self.query_one("#title", Static).update(Content(title))
        self.query_one("#tokens", Static).update(Content(tokens))
        text, style = _PHASES[state.phase]
        self.query_one("#phase", Static).update(Content.styled(text, style))
