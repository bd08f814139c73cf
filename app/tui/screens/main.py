"""The main screen: receives the engine's events, passes keys to the session, draws the state."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Footer

from sa_chat.protocol import events
from sa_chat.protocol.errors import SaChatError
from sa_chat.protocol.text import clean

from ...history import Saved
from ...session.session import Session
from ...session.state import Phase
from ..messages import (
    CopyRequested,
    DraftChanged,
    EventReceived,
    LastQuestionRequested,
    QuestionAsked,
)
from ..widgets.question_box import QuestionBox
from ..widgets.title_bar import TitleBar
from ..widgets.workspace import Workspace
from .main_keys import CONDITIONS, MAIN_KEYS

_FRAME_S = 0.12  # events that arrive in a stream are drawn together
_STREAMED = (
    events.CalibrationProgress, events.DeviceStats, events.DocumentText, events.LoadProgress,
    events.PrefillProgress, events.TextDelta,
)  # fmt: skip
_DIALOG_FAILURES = (events.ContextOverflowFailed, events.PasswordFailed)  # open a screen
_UNREAD = (Phase.FAILED, Phase.CHOOSING)
_NOT_READ = "Nothing of it is read yet."
_AGAIN = "Another choice reads the document again; the conversation stays."


class MainScreen(Screen[None]):
    """Title, workspace and footer over one session."""

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
        self._available: tuple[bool | None, ...] = ()
        self._box: QuestionBox | None = None  # still needed when the screen is taken down

    def compose(self) -> ComposeResult:
        yield TitleBar(id="title-bar")
        yield Workspace(id="body")
        yield Footer(show_command_palette=False)

    @property
    def workspace(self) -> Workspace:
        return self.query_one(Workspace)

    async def on_mount(self) -> None:
        self._box = self.workspace.question
        self._box.focus()
        self._show_history_trouble()
        await self.draw()
        self.listen()

    @work(exclusive=True, group="engine")
    async def listen(self) -> None:
        """Start an engine and post its events until it ends."""
        async for event in self.session.run():
            self.post_message(EventReceived(event))

    async def on_event_received(self, message: EventReceived) -> None:
        event, before = message.event, self.session.state
        if not self.session.take(event):
            return
        workspace, state = self.workspace, self.session.state
        workspace.show_document(event)
        if isinstance(event, events.Failed):
            if state != before and not isinstance(event, _DIALOG_FAILURES):
                workspace.banner.show_message(event.message, event.hint)
        elif state.phase is Phase.READY and before.phase is not Phase.READY:
            workspace.banner.dismiss()
        self._show_history_trouble()
        if not isinstance(event, _STREAMED):
            await self.draw()
        elif self._frame is None:
            self._frame = self.set_timer(_FRAME_S, self.draw)
        self._open_dialog(event)

    def _open_dialog(self, event: events.Event) -> None:
        """Ask for what the engine needs before it can go on: a password, or fewer parts."""
        state = self.session.state
        match event:
            case events.DocumentCounted() if self.session.opening.choosing:
                self.action_choose_parts()
            case events.ContextOverflowFailed(fatal=False, request_id=state.opening_id):
                self.action_choose_parts()
            case events.PasswordFailed(fatal=False, request_id=state.opening_id):
                from .password import PasswordScreen

                dialog = PasswordScreen(event.message, again=self.session.opening.has_password)
                self.app.push_screen(dialog, self._unlock)

    def show_error(self, error: SaChatError) -> None:
        """Show an error that did not come from the engine."""
        self.workspace.banner.show_message(error.message, error.hint)

    def restore_draft(self, saved: Saved | None) -> None:
        """Put back what was being typed when the conversation was left."""
        if saved is not None and saved.draft:
            box = self.workspace.question
            box.text = saved.draft
            box.move_cursor(box.document.end)

    def _show_history_trouble(self) -> None:
        """Show what is wrong with the history, once."""
        recorder = self.session.recorder
        if recorder.trouble:
            self.workspace.banner.show_message(recorder.trouble, calm=True)
            recorder.trouble = ""

    async def _unlock(self, password: str | None) -> None:
        if password is not None:
            await self.session.unlock(password)
            await self.draw()

    async def on_question_asked(self, message: QuestionAsked) -> None:
        self.workspace.banner.dismiss()
        await self.session.ask(message.question, replaces_last=message.replaces_last)
        await self.draw()
        await self.workspace.conversation.follow()

    def on_draft_changed(self, message: DraftChanged) -> None:
        self.session.draft(message.text)

    def leave(self) -> None:
        """Save turns and draft before another conversation is opened, or the program ends."""
        if self._box is not None:
            self.session.leave(self._box.draft)

    def on_unmount(self) -> None:
        self.leave()

    async def draw(self) -> None:
        """Draw the current state."""
        if self._frame is not None:
            self._frame.stop()
            self._frame = None
        if not self.is_attached:
            return
        state = self.session.state
        self.query_one(TitleBar).show(state)
        await self.workspace.show(state)
        available = tuple(self.check_action(action, ()) for action in ("stop", *CONDITIONS))
        if available != self._available:
            self._available = available
            self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the keys that would have no effect now."""
        match action:
            case "stop":
                return not self._in_document and (self.session.busy or self._can_dismiss)
            case "scroll_conversation" | "follow":
                return not self._in_document
        condition = CONDITIONS.get(action)
        return condition is None or condition(self.session)

    @property
    def _in_document(self) -> bool:
        return self.is_attached and self.workspace.in_document

    @property
    def _can_dismiss(self) -> bool:
        """Whether there is an edit or a banner that Esc takes away."""
        if not self.is_attached:
            return False
        return self.workspace.question.edits_last or self.workspace.banner.display

    async def action_stop(self) -> None:
        """Leave an edit; else stop the engine's work; else dismiss the banner."""
        if not self.workspace.question.leave_edit():
            if self.session.busy:
                await self.session.cancel()
            else:
                self.workspace.banner.dismiss()
        await self.draw()

    def action_focus_question(self) -> None:
        self.workspace.question.focus()

    def action_copy_answer(self) -> None:
        turn = self.session.state.last_answer
        if turn is not None:
            self.post_message(CopyRequested(clean(turn.text), "The last answer"))

    def action_copy(self) -> None:
        """Let the user choose a part of the last answer."""
        turn = self.session.state.last_answer
        if turn is not None:
            from .copy import CopyScreen

            self.app.push_screen(CopyScreen(turn), self._copy)

    def _copy(self, chosen: tuple[str, str] | None) -> None:
        if chosen is not None:
            self.post_message(CopyRequested(*chosen))

    async def action_ask_again(self) -> None:
        last = self.session.state.last_turn
        if last is not None:
            await self.session.ask(last.question, replaces_last=True)
            await self.draw()
            await self.workspace.conversation.follow()

    def action_edit_last(self) -> None:
        last = self.session.state.last_turn
        if last is not None and not last.status.open:
            self.workspace.question.edit_last(last.question)
            self.workspace.question.focus()

    def on_last_question_requested(self, message: LastQuestionRequested) -> None:
        self.action_edit_last()

    async def action_read_again(self) -> None:
        """Open the document again, with a new engine if the old one has ended."""
        self.workspace.banner.dismiss()
        if self.session.state.phase is Phase.DEAD:
            self.session.begin_again()
            self.listen()
        else:
            await self.session.reopen()
        await self.draw()

    def action_choose_parts(self) -> None:
        """Let the user choose the parts, and read what was chosen."""
        from .budget import BudgetScreen

        budget = self.session.opening.budget
        if budget is None or isinstance(self.app.screen, BudgetScreen):
            return
        unread = self.session.state.phase in _UNREAD
        consequence = _NOT_READ if unread else _AGAIN
        screen = BudgetScreen(budget, self.session.opening.proposal, consequence, read=not unread)
        self.app.push_screen(screen, self._read_chosen)

    async def _read_chosen(self, read: bool | None) -> None:
        if read:
            self.session.opening.accept_choice()
            await self.action_read_again()

    def action_compare(self) -> None:
        """Estimate the cost of the other mode, or show the newest comparison."""
        from .compare import CompareScreen

        self.app.push_screen(CompareScreen(self.session), self._compared)

    async def _compared(self, result: None) -> None:
        await self.draw()

    def action_figures(self) -> None:
        self.workspace.toggle_figures()

    def action_document(self) -> None:
        self.workspace.toggle_document()

    def action_citations(self) -> None:
        self.workspace.focus_citations()

    def action_scroll_conversation(self, direction: int) -> None:
        self.workspace.scroll_page(direction)

    async def action_follow(self) -> None:
        await self.workspace.conversation.follow()
