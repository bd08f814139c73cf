"""The one main screen: it listens to the engine, hands keys to the session, draws the state."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Footer

from sa_chat.engine.events import (
    DeviceStats,
    DocumentCounted,
    Failed,
    PrefillProgress,
    TextDelta,
)

from ..messages import EngineSaid, QuestionAsked
from ..session import Session
from ..state import Phase
from ..text import clean
from ..widgets.conversation import Conversation
from ..widgets.panel import FigureStrip, LivePanel
from ..widgets.prefill_bar import PrefillBar
from ..widgets.question_box import QuestionBox
from ..widgets.title_bar import TitleBar
from .budget import BudgetScreen
from .help import HelpScreen
from .password import PasswordScreen

_FRAME_S = 0.12  # events that come in a stream are drawn together
_STREAMED = (TextDelta, PrefillProgress, DeviceStats)
_KEYS_THAT_HIDE = ("stop", "copy_answer", "read_again", "choose_parts")
_ASKED_AT_ONCE = ("password", "overflow")  # kinds of failures that open a screen
_UNREAD = (Phase.FAILED, Phase.CHOOSING)
_NOT_READ = "Nothing of it is read yet."
_AGAIN = "Another choice reads the document again; the conversation stays."


class MainScreen(Screen[None]):
    """Conversation, question box and live panel."""

    # Textual types these as instance attributes, so they cannot be ClassVars.
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-narrow"),
        (100, "-normal"),
        (150, "-wide"),
        (200, "-huge"),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", "Help", key_display="F1", priority=True),
        Binding("escape", "stop", "Stop", priority=True),
        Binding("ctrl+o", "copy_answer", "Copy answer", priority=True),
        Binding("ctrl+r", "read_again", "Read again", priority=True),
        Binding("f2", "app.toggle_light", "Light/dark", key_display="F2", priority=True),
        Binding("f3", "figures", "Figures", key_display="F3", priority=True),
        Binding("f4", "choose_parts", "Parts", key_display="F4", priority=True),
        Binding("pageup", "scroll_conversation(-1)", "Scroll", show=False, priority=True),
        Binding("pagedown", "scroll_conversation(1)", "Scroll", show=False, priority=True),
        Binding("ctrl+end", "follow", "Newest", show=False, priority=True),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._frame: Timer | None = None
        self._keys: tuple[bool | None, ...] = ()

    def compose(self) -> ComposeResult:
        yield TitleBar(id="title-bar")
        with Horizontal(id="body"):
            with Vertical(id="chat"):
                yield Conversation(id="conversation")
                yield FigureStrip(id="strip")
                yield PrefillBar(id="prefill")
                yield QuestionBox(id="question")
            yield LivePanel(id="panel")
        yield Footer(show_command_palette=False)

    async def on_mount(self) -> None:
        self.query_one(QuestionBox).focus()
        await self._draw()
        self._listen()

    @work(exclusive=True, group="engine")
    async def _listen(self) -> None:
        async for event in self._session.run():
            self.post_message(EngineSaid(event))

    async def on_engine_said(self, message: EngineSaid) -> None:
        event, before = message.event, self._session.state
        self._session.take(event)
        asked_at_once = isinstance(event, Failed) and event.kind in _ASKED_AT_ONCE
        if isinstance(event, Failed) and self._session.state != before and not asked_at_once:
            self.notify(clean(event.message), severity="error", markup=False)
        if not isinstance(event, _STREAMED):
            await self._draw()
        elif self._frame is None:
            self._frame = self.set_timer(_FRAME_S, self._draw)

        if isinstance(event, Failed) and not event.fatal and event.ask_id is None:
            self._answer_failure(event)
        elif isinstance(event, DocumentCounted) and self._session.choosing:
            self.action_choose_parts()

    def _answer_failure(self, failed: Failed) -> None:
        """What the user can mend at once is asked for at once."""
        if failed.kind == "password":
            asked = PasswordScreen(failed.message, again=self._session.has_password)
            self.app.push_screen(asked, self._unlock)
        elif failed.kind == "overflow":
            self.action_choose_parts()

    async def _unlock(self, password: str | None) -> None:
        if password is not None:
            await self._session.unlock(password)
            await self._draw()

    async def on_question_asked(self, message: QuestionAsked) -> None:
        await self._session.ask(message.question)
        await self._draw()
        self.query_one(Conversation).follow()

    async def _draw(self) -> None:
        if self._frame is not None:
            self._frame.stop()
            self._frame = None
        state = self._session.state
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
        state = self._session.state
        match action:
            case "stop":
                return self._session.busy
            case "copy_answer":
                return state.last_answer is not None
            case "read_again":
                return state.phase in (Phase.PAUSED, Phase.FAILED, Phase.DEAD)
            case "choose_parts":
                counting = state.phase in (Phase.STARTING, Phase.LOADING)
                return self._session.budget is not None and not counting
        return True

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen())

    async def action_stop(self) -> None:
        await self._session.cancel()
        await self._draw()

    def action_copy_answer(self) -> None:
        turn = self._session.state.last_answer
        if turn is not None:
            self.app.copy_to_clipboard(clean(turn.text))
            self.notify("The last answer is in the clipboard.", markup=False)

    async def action_read_again(self) -> None:
        """Open the document again: with a new engine if the old one is gone."""
        if self._session.state.phase is Phase.DEAD:
            self._session.begin_again()
            self._listen()
        else:
            await self._session.reopen()
        await self._draw()

    def action_choose_parts(self) -> None:
        """Show what there is, and read what is chosen of it."""
        budget = self._session.budget
        if budget is None or isinstance(self.app.screen, BudgetScreen):
            return
        unread = self._session.state.phase in _UNREAD
        screen = BudgetScreen(budget, self._session.proposal, _NOT_READ if unread else _AGAIN)
        self.app.push_screen(screen, self._read_chosen)

    async def _read_chosen(self, read: bool | None) -> None:
        if read:
            self._session.accept_choice()
            await self._session.cancel()
            await self.action_read_again()

    def action_figures(self) -> None:
        """Show the panel in place of the conversation where both do not fit; else hide it."""
        self.toggle_class("-figures")

    def action_scroll_conversation(self, direction: int) -> None:
        conversation = self.query_one(Conversation)
        if direction < 0:
            conversation.scroll_page_up()
        else:
            conversation.scroll_page_down()

    def action_follow(self) -> None:
        self.query_one(Conversation).follow()
