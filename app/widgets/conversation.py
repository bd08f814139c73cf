"""The conversation: the document, then questions, answers and failures in their order."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ..state import ChatState, Notice, Phase, Turn
from .document_card import DocumentCard
from .notice import NoticeView
from .turn import TurnView

_INVITATION = "Ask anything about it. Every quotation is looked up in the document."
_INVITATION_EARLY = "You can ask already: questions wait until the document is read."


class Conversation(VerticalScroll, can_focus=True):
    """Follows the newest text until the user scrolls up, and again from the bottom on."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._views: list[TurnView | NoticeView] = []

    def compose(self) -> ComposeResult:
        with Vertical(id="entries"):
            yield DocumentCard(id="document")
            yield Static(id="invitation", markup=False)

    def on_mount(self) -> None:
        self.anchor()

    def follow(self) -> None:
        """Go to the end and stay there."""
        self.scroll_end(animate=False)
        self.anchor()

    async def show(self, state: ChatState) -> None:
        """Entries are only ever added at the end, so views and entries match by position."""
        self.query_one(DocumentCard).show(state.document)
        invitation = self.query_one("#invitation", Static)
        invitation.display = state.document is not None and not state.entries
        early = state.phase is not Phase.READY
        invitation.update(Content(_INVITATION_EARLY if early else _INVITATION))
        for entry in state.entries[len(self._views) :]:
            view = NoticeView(entry) if isinstance(entry, Notice) else TurnView(entry)
            self._views.append(view)
            await self.query_one("#entries").mount(view)
        several_files = state.document is not None and len(_files(state)) > 1
        for view, entry in zip(self._views, state.entries, strict=True):
            if isinstance(view, TurnView) and isinstance(entry, Turn):
                await view.show(entry, in_hand=entry == state.writing, several_files=several_files)


def _files(state: ChatState) -> set[str]:
    document = state.document
    return {section.path for section in document.sections} if document else set()
