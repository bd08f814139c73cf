"""The body of the main screen: conversation, document and live panel, and which are shown."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from sa_chat.protocol.events import DocumentReady, DocumentText, Event
from sa_chat.protocol.values import Citation

from ...session.state import ChatState
from ..messages import CitationOpened
from .citations import CitationLine
from .conversation import Conversation
from .document_pane import DocumentPane
from .notice import Banner
from .panel import LivePanel
from .prefill_bar import PrefillBar
from .question_box import QuestionBox
from .stats_strip import StatsStrip


class Workspace(Horizontal):
    """What fits side by side depends on the width; the style sheet decides."""

    def compose(self) -> ComposeResult:
        with Vertical(id="chat"):
            yield Conversation(id="conversation")
            yield StatsStrip(id="strip")
            yield Banner(id="banner")
            yield PrefillBar(id="prefill")
            yield QuestionBox(id="question")
        yield DocumentPane(id="document-pane")
        yield LivePanel(id="panel")

    @property
    def banner(self) -> Banner:
        return self.query_one(Banner)

    @property
    def question(self) -> QuestionBox:
        return self.query_one(QuestionBox)

    @property
    def conversation(self) -> Conversation:
        return self.query_one(Conversation)

    @property
    def in_document(self) -> bool:
        """Whether the document pane has the focus."""
        return self.is_attached and self.query_one(DocumentPane).has_focus_within

    async def show(self, state: ChatState) -> None:
        """Draw the state; widgets whose part of it has not changed stay as they are."""
        self.query_one(PrefillBar).show(state)
        self.query_one(StatsStrip).show(state)
        self.query_one(LivePanel).show(state)
        await self.conversation.show(state)

    def show_document(self, event: Event) -> None:
        """Hand the document and its text to the document pane; ignore every other event."""
        pane = self.query_one(DocumentPane)
        match event:
            case DocumentReady():
                pane.show_document(event)
            case DocumentText():
                pane.add_text(event)

    def toggle_document(self) -> None:
        if self.has_class("-document"):
            self._close_document()
        else:
            self._open_document()

    def _open_document(self) -> None:
        self.add_class("-document")
        self.query_one(DocumentPane).focus_text()

    def _close_document(self) -> None:
        self.remove_class("-document")
        self.question.focus()

    def on_document_pane_closed(self) -> None:
        self._close_document()

    def on_citation_opened(self, message: CitationOpened) -> None:
        message.stop()
        self.show_citation(message.citation)

    def show_citation(self, citation: Citation) -> None:
        """Open the document at the cited passage; an unverified quotation has none."""
        if not citation.verified:
            self.notify("The document does not have this quotation.", markup=False, timeout=4)
            return
        self._open_document()
        self.query_one(DocumentPane).open_at(citation)

    def focus_citations(self) -> None:
        """Focus the first quotation of the last answer that has any."""
        lines = list(self.query(CitationLine))
        if not lines:
            self.notify("No answer on the screen has a quotation.", markup=False, timeout=3)
            return
        first = next(line for line in lines if line.parent is lines[-1].parent)
        first.focus()

    def toggle_figures(self) -> None:
        """Show the panel in place of the conversation where both do not fit; else hide it."""
        self.toggle_class("-figures")

    def scroll_page(self, direction: int) -> None:
        """Scroll the conversation, or the panel where that stands in its place."""
        panel = self.query_one(LivePanel)
        alone = panel.display and not self.query_one("#chat").display
        target: Widget = panel if alone else self.conversation
        if direction < 0:
            target.scroll_page_up()
        else:
            target.scroll_page_down()
