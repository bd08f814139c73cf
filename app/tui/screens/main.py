"""The one main screen: it listens to the engine, hands keys to the session, draws the state."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Footer

from sa_chat.protocol.errors import SaChatError
from sa_chat.protocol.events import (
    Citation,
    DeviceStats,
    DocumentCounted,
    DocumentReady,
    DocumentText,
    Event,
    Failed,
    LoadProgress,
    PrefillProgress,
    TextDelta,
)

from ...history import Saved
from ...report.text import clean
from ...session.session import Session
from ...session.state import Phase
from ..messages import (
    CitationOpened,
    CopyWanted,
    DraftChanged,
    EngineSaid,
    LastQuestionWanted,
    QuestionAsked,
)
from ..widgets.citations import CitationLine
from ..widgets.conversation import Conversation
from ..widgets.document_pane import DocumentPane
from ..widgets.notice import Banner
from ..widgets.panel import FigureStrip, LivePanel
from ..widgets.prefill_bar import PrefillBar
from ..widgets.question_box import QuestionBox
from ..widgets.title_bar import TitleBar
from .main_keys import MAIN_KEYS

_FRAME_S = 0.12  # events that come in a stream are drawn together
_STREAMED = (TextDelta, PrefillProgress, DeviceStats, LoadProgress, DocumentText)
_KEYS_THAT_HIDE = (
    "stop", "copy_answer", "copy", "read_again", "choose_parts", "document", "compare",
    "ask_again", "edit_last",
)  # fmt: skip
_ASKED_AT_ONCE = ("password", "overflow")  # kinds of failures that open a screen
_UNREAD = (Phase.FAILED, Phase.CHOOSING)
_NOT_READ = "Nothing of it is read yet."
_AGAIN = "Another choice reads the document again; the conversation stays."


class MainScreen(Screen[None]):
    """Conversation, document, question box and live panel."""

    # Textual types these as instance attributes, so they cannot be ClassVars.
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-narrow"),
        (100, "-normal"),
        (150, "-wide"),
        (200, "-huge"),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = MAIN_KEYS

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._frame: Timer | None = None
        self._keys: tuple[bool | None, ...] = ()
        self._box: QuestionBox | None = None  # known also when the screen is taken down

    def compose(self) -> ComposeResult:
        yield TitleBar(id="title-bar")
        with Horizontal(id="body"):
            with Vertical(id="chat"):
                yield Conversation(id="conversation")
                yield FigureStrip(id="strip")
                yield Banner(id="banner")
                yield PrefillBar(id="prefill")
                yield QuestionBox(id="question")
            yield DocumentPane(id="document-pane")
            yield LivePanel(id="panel")
        yield Footer(show_command_palette=False)

    async def on_mount(self) -> None:
        self._box = self.query_one(QuestionBox)
        self._box.focus()
        self._tell_trouble()
        await self.draw()
        self.listen()

    @work(exclusive=True, group="engine")
    async def listen(self) -> None:
        """Start an engine and hear it until its end."""
        async for event in self.session.run():
            self.post_message(EngineSaid(event))

    async def on_engine_said(self, message: EngineSaid) -> None:
        event, before = message.event, self.session.state
        self.session.take(event)
        self._show_document(event)
        if isinstance(event, Failed):
            self._tell(event, new=self.session.state != before)
        elif self.session.state.phase is Phase.READY and before.phase is not Phase.READY:
            self.query_one(Banner).dismiss()
        self._tell_trouble()
        if not isinstance(event, _STREAMED):
            await self.draw()
        elif self._frame is None:
            self._frame = self.set_timer(_FRAME_S, self.draw)

        if isinstance(event, Failed) and not event.fatal and event.ask_id is None:
            self._answer_failure(event)
        elif isinstance(event, DocumentCounted) and self.session.choosing:
            self.action_choose_parts()

    def _show_document(self, event: Event) -> None:
        pane = self.query_one(DocumentPane)
        match event:
            case DocumentReady():
                pane.show_document(event)
            case DocumentText():
                pane.add_text(event)

    def _tell(self, failed: Failed, *, new: bool) -> None:
        if new and failed.kind not in _ASKED_AT_ONCE:
            self.query_one(Banner).tell(failed.message, failed.hint)

    def tell(self, error: SaChatError) -> None:
        """A failure that is none of the engine's."""
        self.query_one(Banner).tell(error.message, error.hint)

    def restore_draft(self, saved: Saved | None) -> None:
        """What was being typed when the conversation was left."""
        if saved is not None and saved.draft:
            box = self.query_one(QuestionBox)
            box.text = saved.draft
            box.move_cursor(box.document.end)

    def _tell_trouble(self) -> None:
        """What is wrong with the history, once."""
        keeper = self.session.keeper
        if keeper.trouble:
            self.query_one(Banner).tell(keeper.trouble, calm=True)
            keeper.trouble = ""

    def _answer_failure(self, failed: Failed) -> None:
        """What the user can mend at once is asked for at once."""
        if failed.kind == "password":
            from .password import PasswordScreen

            asked = PasswordScreen(failed.message, again=self.session.has_password)
            self.app.push_screen(asked, self._unlock)
        elif failed.kind == "overflow":
            self.action_choose_parts()

    async def _unlock(self, password: str | None) -> None:
        if password is not None:
            await self.session.unlock(password)
            await self.draw()

    async def on_question_asked(self, message: QuestionAsked) -> None:
        self.query_one(Banner).dismiss()
        await self.session.ask(message.question, replaces_last=message.replaces_last)
        await self.draw()
        await self.query_one(Conversation).follow()

    def on_draft_changed(self, message: DraftChanged) -> None:
        self.session.draft(message.text)

    def leave(self) -> None:
        """Keep everything, before another conversation takes this one's place or the end comes."""
        if self._box is not None:
            self.session.leave(self._box.draft)

    def on_unmount(self) -> None:
        self.leave()

    async def draw(self) -> None:
        """Show the state as it is now."""
        if self._frame is not None:
            self._frame.stop()
            self._frame = None
        if not self.is_attached:
            return
        state = self.session.state
        self.query_one(TitleBar).show(state)
        self.query_one(PrefillBar).show(state)
        self.query_one(FigureStrip).show(state)
        self.query_one(LivePanel).show(state)
        await self.query_one(Conversation).show(state)
        keys = tuple(self.check_action(action, ()) for action in _KEYS_THAT_HIDE)
        if keys != self._keys:
            self._keys = keys
            self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the keys that would do nothing now."""
        state = self.session.state
        last = self.session.last_turn
        match action:
            case "stop":
                return not self._in_document and (self.session.busy or self._can_leave)
            case "scroll_conversation" | "follow":
                return not self._in_document
            case "copy_answer" | "copy":
                return state.last_answer is not None
            case "read_again":
                return state.phase in (Phase.PAUSED, Phase.FAILED, Phase.DEAD)
            case "choose_parts":
                counting = state.phase in (Phase.STARTING, Phase.LOADING)
                return self.session.budget is not None and not counting
            case "document":
                return state.document is not None
            case "compare":
                return self.session.comparable is not None or state.comparison is not None
            case "ask_again" | "edit_last":
                return last is not None and not last.status.open
        return True

    @property
    def _can_leave(self) -> bool:
        """Whether Esc has something to leave before it stops anything."""
        if not self.is_attached:
            return False
        return self.query_one(QuestionBox).edits_last or self.query_one(Banner).display

    @property
    def _in_document(self) -> bool:
        """Whether the document's pane has the keys."""
        return self.is_attached and self.query_one(DocumentPane).has_focus_within

    async def action_stop(self) -> None:
        """Esc leaves an edit; else it stops the engine's work, and then takes a banner away."""
        if not (self.query_one(QuestionBox).leave_edit() or self._stops_nothing()):
            await self.session.cancel()
        await self.draw()

    def _stops_nothing(self) -> bool:
        """A banner goes first only where there is nothing to stop."""
        return not self.session.busy and self.query_one(Banner).dismiss()

    def action_focus_question(self) -> None:
        self.query_one(QuestionBox).focus()

    def action_copy_answer(self) -> None:
        turn = self.session.state.last_answer
        if turn is not None:
            self.post_message(CopyWanted(clean(turn.text), "The last answer"))

    def action_copy(self) -> None:
        """Let the user choose a part of the last answer."""
        turn = self.session.state.last_answer
        if turn is not None:
            from .copy import CopyScreen

            self.app.push_screen(CopyScreen(turn), self._copy)

    def _copy(self, chosen: tuple[str, str] | None) -> None:
        if chosen is not None:
            self.post_message(CopyWanted(*chosen))

    def on_copy_wanted(self, message: CopyWanted) -> None:
        self._put_into_clipboard(message.text, message.what)

    @work(group="clipboard")
    async def _put_into_clipboard(self, text: str, what: str) -> None:
        from ..clipboard import copy

        how = await copy(text, self.app.copy_to_clipboard)
        self.notify(f"{what} {how}", markup=False, timeout=3)

    def on_document_pane_copied(self, message: DocumentPane.Copied) -> None:
        self.post_message(CopyWanted(message.text, "The passage"))

    async def action_ask_again(self) -> None:
        last = self.session.last_turn
        if last is not None:
            await self.session.ask(last.question, replaces_last=True)
            await self.draw()
            await self.query_one(Conversation).follow()

    def action_edit_last(self) -> None:
        last = self.session.last_turn
        if last is not None and not last.status.open:
            box = self.query_one(QuestionBox)
            box.edit_last(last.question)
            box.focus()

    def on_last_question_wanted(self, message: LastQuestionWanted) -> None:
        self.action_edit_last()

    async def action_read_again(self) -> None:
        """Open the document again: with a new engine if the old one is gone."""
        self.query_one(Banner).dismiss()
        if self.session.state.phase is Phase.DEAD:
            self.session.begin_again()
            self.listen()
        else:
            await self.session.reopen()
        await self.draw()

    def action_choose_parts(self) -> None:
        """Show what there is, and read what is chosen of it."""
        from .budget import BudgetScreen

        budget = self.session.budget
        if budget is None or isinstance(self.app.screen, BudgetScreen):
            return
        unread = self.session.state.phase in _UNREAD
        consequence = _NOT_READ if unread else _AGAIN
        screen = BudgetScreen(budget, self.session.proposal, consequence, read=not unread)
        self.app.push_screen(screen, self._read_chosen)

    async def _read_chosen(self, read: bool | None) -> None:
        if read:
            self.session.accept_choice()
            await self.action_read_again()

    def action_compare(self) -> None:
        """Tell the price of the other mode, or show the newest comparison."""
        from .compare import CompareScreen

        self.app.push_screen(CompareScreen(self.session), self._compared)

    async def _compared(self, result: None) -> None:
        await self.draw()

    def action_figures(self) -> None:
        """Show the panel in place of the conversation where both do not fit; else hide it."""
        self.toggle_class("-figures")

    def action_document(self) -> None:
        """Open the document's pane, or close it."""
        if self.has_class("-document"):
            self._close_document()
        else:
            self._open_document()

    def _open_document(self) -> None:
        self.add_class("-document")
        self.query_one(DocumentPane).focus_text()

    def _close_document(self) -> None:
        self.remove_class("-document")
        self.query_one(QuestionBox).focus()

    def on_document_pane_closed(self) -> None:
        self._close_document()

    def on_citation_opened(self, message: CitationOpened) -> None:
        self.show_citation(message.citation)

    def show_citation(self, citation: Citation) -> None:
        """Open the document at the passage; an unverified quotation has none."""
        if not citation.verified:
            self.notify("The document does not have this quotation.", markup=False, timeout=4)
            return
        self._open_document()
        self.query_one(DocumentPane).open_at(citation)

    def action_citations(self) -> None:
        """Go to the first quotation of the last answer that has any."""
        lines = list(self.query(CitationLine))
        if not lines:
            self.notify("No answer on the screen has a quotation.", markup=False, timeout=3)
            return
        first = next(line for line in lines if line.parent is lines[-1].parent)
        first.focus()

    def action_scroll_conversation(self, direction: int) -> None:
        panel = self.query_one(LivePanel)
        alone = panel.display and not self.query_one("#chat").display
        target: Widget = panel if alone else self.query_one(Conversation)
        if direction < 0:
            target.scroll_page_up()
        else:
            target.scroll_page_down()

    async def action_follow(self) -> None:
        await self.query_one(Conversation).follow()
