"""The Textual application: themes, keys, and switching between screens, documents and models."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from time import monotonic

from textual import work
from textual.app import App, SystemCommand
from textual.events import Event, InputEvent
from textual.screen import Screen

from sa_chat.protocol.config import EngineConfig, OpenOptions
from sa_chat.protocol.errors import UsageError

from ..client.engine_process import EngineProcess
from ..history import HistoryError, Saved, open_history
from ..report.text import one_line
from ..session.client import ClientFactory
from ..session.recorder import Recorder, absolute
from ..session.session import Session
from ..session.state import Phase
from ..settings.launch import Launch
from .collector import Collector
from .messages import CopyRequested
from .screens.main import MainScreen
from .theme import THEMES

_QUIT_WITHIN_S = 2.0
_COLLECT_INTERVAL_S = 1.0
_NO_COMMANDS = ("scroll-up", "scroll-down")  # bindings that are left out of the palette


class SaChatApp(App[None]):
    """The screen over one session.  `client_factory` creates a client for each engine."""

    TITLE = "sa-chat"
    CSS_PATH = Path(__file__).with_name("sa_chat.tcss")

    def __init__(
        self,
        launch: Launch,
        client_factory: ClientFactory | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        super().__init__()
        self.launch = launch
        self.recorder = recorder or _recorder(launch)
        self._client_factory = client_factory or (
            lambda config: EngineProcess(config, launch.fake_script)
        )
        self._session: Session | None = None
        self._quit_asked_at = -_QUIT_WITHIN_S
        self._collector = Collector()
        for theme in THEMES.values():
            self.register_theme(theme)
        self.theme = THEMES[launch.settings.theme or "dark"].name
        self.set_keymap(launch.settings.keys)

    @property
    def session(self) -> Session:
        """The current session; there is none before a document is opened."""
        assert self._session is not None, "no document is open yet"
        return self._session

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Defaults of our own colour names, for themes that do not define them."""
        return THEMES["dark"].variables

    async def on_mount(self) -> None:
        saved = self._to_resume()
        if saved is not None:
            await self._show(self._unlocked(saved.info.document.options), saved)
        elif self.launch.options is not None:
            await self._show(self.launch.options)
        else:
            self.action_open()
        self._check_keys()
        self._collector.begin()
        self.set_interval(_COLLECT_INTERVAL_S, self._collector.collect_if_idle)

    async def on_event(self, event: Event) -> None:
        if isinstance(event, InputEvent):
            self._collector.note_activity()
        await super().on_event(event)

    def on_event_received(self) -> None:
        self._collector.note_activity()

    def _unlocked(self, options: OpenOptions) -> OpenOptions:
        """The options with this run's password; passwords are never saved."""
        return replace(options, password=self.launch.password)

    def _check_keys(self) -> None:
        from .keys import unknown_keys

        unknown = unknown_keys(self.launch.settings.keys)
        if unknown:
            names = ", ".join(map(one_line, unknown))
            self.notify(f"No key is named {names}. The handbook lists them.", markup=False,
                        severity="warning", timeout=10)  # fmt: skip

    async def on_unmount(self) -> None:
        self._collector.end()
        if self._session is not None:
            await self._session.stop()
        self.recorder.close()

    async def _show(self, options: OpenOptions, saved: Saved | None = None) -> None:
        """Open documents: the first with a new engine, later ones with the running one."""
        if self._session is not None:
            await self._session.switch(options, saved)
            if self._session.state.phase is Phase.STARTING:  # the engine has ended
                self.main.listen()
            await self.main.draw()
            self.main.restore_draft(saved)
            return
        self._session = Session(
            options,
            self.launch.config,
            self._client_factory,
            choose=self.launch.choose,
            recorder=self.recorder,
            saved=saved,
        )
        await self.push_screen(MainScreen(self._session))
        self.main.restore_draft(saved)

    @property
    def main(self) -> MainScreen:
        return next(screen for screen in self.screen_stack if isinstance(screen, MainScreen))

    def _to_resume(self) -> Saved | None:
        """The newest conversation about the given documents, if `--resume` asks for it."""
        history, options = self.recorder.history, self.launch.options
        if not self.launch.resume or history is None:
            return None
        try:
            info = history.newest(absolute(options).paths if options is not None else None)
            return None if info is None else history.load(info.id)
        except HistoryError as error:
            self.recorder.trouble = error.message
            return None

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Commands of the palette: everything that has a key."""
        from .screens.help import key_name

        for active in screen.active_bindings.values():
            binding = active.binding
            if (
                active.enabled
                and binding.id
                and binding.id not in _NO_COMMANDS
                and active.node is screen
            ):
                action = binding.action
                yield SystemCommand(
                    binding.description,
                    f"{binding.tooltip or binding.description.lower()} ({key_name(binding)})",
                    lambda action=action: self.call_next(self._run, screen, action),
                )
        yield SystemCommand("Quit", "end the program; the conversation is kept", self.exit)

    async def _run(self, screen: Screen[object], action: str) -> None:
        await self.run_action(action, screen)

    def action_help(self) -> None:
        from .screens.help import HelpScreen

        self.push_screen(HelpScreen(self.screen, self.focused))

    def action_next_theme(self) -> None:
        names = [theme.name for theme in THEMES.values()]
        at = names.index(self.theme) if self.theme in names else -1
        self.theme = names[(at + 1) % len(names)]

    def action_open(self) -> None:
        """Let the user open a document by its path, a recent one, or the demonstration."""
        from .screens.start import StartScreen

        self._leave()
        self.push_screen(StartScreen(self.recorder), self._opened)

    def _leave(self) -> None:
        """Save the conversation, in case another one is chosen."""
        if self._session is not None:
            self.main.leave()

    async def _opened(self, chosen: OpenOptions | Saved | None) -> None:
        if isinstance(chosen, Saved):
            await self._show(self._unlocked(chosen.info.document.options), chosen)
        elif chosen is not None:
            await self._show(self._unlocked(chosen))
        elif self._session is None:
            self.exit()

    def action_sessions(self) -> None:
        from .screens.sessions import SessionsScreen

        self._leave()
        self.push_screen(SessionsScreen(self.recorder), self._resumed)

    async def _resumed(self, saved: Saved | None) -> None:
        if saved is not None:
            await self._opened(saved)

    def action_model(self) -> None:
        from .screens.model import ModelScreen

        current = self.session.config.model
        self.push_screen(ModelScreen(current, self.recorder), self._switch_model)

    async def _switch_model(self, model: str | None) -> None:
        if model is None or model == self.session.config.model:
            return
        try:
            config = replace(self.session.config, model=model)
        except UsageError as error:
            self.main.show_error(error)
            return
        await self._begin_again(config)

    async def _begin_again(self, config: EngineConfig) -> None:
        self.session.begin_again(config)
        self.main.listen()
        await self.main.draw()

    @work(group="clipboard")
    async def on_copy_requested(self, message: CopyRequested) -> None:
        from .clipboard import copy

        outcome = await copy(message.text, self.copy_to_clipboard)
        self.notify(f"{message.name} {outcome}", markup=False, timeout=3)

    def action_help_quit(self) -> None:
        """Show how to quit; a second call within two seconds quits."""
        now = monotonic()
        if now - self._quit_asked_at < _QUIT_WITHIN_S:
            self.exit()
            return
        self._quit_asked_at = now
        self.notify("Press Ctrl+C again to quit.", timeout=_QUIT_WITHIN_S, markup=False)


def _recorder(launch: Launch) -> Recorder:
    if not launch.settings.history:
        return Recorder(None)
    return Recorder(*open_history())
