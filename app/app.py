"""The Textual application: themes, the main screen, and the end of the engine with it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from time import monotonic

from textual.app import App

from .bridge import EngineProcess
from .launch import Launch
from .screens.main import MainScreen
from .session import ClientFactory, Session
from .theme import DARK, LIGHT

_QUIT_WITHIN_S = 2.0


class SaChatApp(App[None]):
    """Shows one session.  `client_factory` makes the engine's client, and makes it again."""

    TITLE = "sa-chat"
    CSS_PATH = Path(__file__).with_name("sa_chat.tcss")

    def __init__(self, launch: Launch, client_factory: ClientFactory | None = None) -> None:
        super().__init__()
        factory = client_factory or partial(EngineProcess, launch.config, launch.fake_script)
        self.session = Session(launch.options, factory, choose=launch.choose)
        self._quit_asked_at = -_QUIT_WITHIN_S
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = DARK.name

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our own colour names, for themes that do not know them."""
        return DARK.variables

    def on_mount(self) -> None:
        self.push_screen(MainScreen(self.session))

    async def on_unmount(self) -> None:
        await self.session.stop()

    def action_toggle_light(self) -> None:
        self.theme = LIGHT.name if self.current_theme.dark else DARK.name

    def action_help_quit(self) -> None:
        """Ctrl+C says how to quit; a second one right after it quits."""
        now = monotonic()
        if now - self._quit_asked_at < _QUIT_WITHIN_S:
            self.exit()
            return
        self._quit_asked_at = now
        self.notify("Press Ctrl+C again to quit.", timeout=_QUIT_WITHIN_S, markup=False)


def run_app(launch: Launch) -> int:
    """Run the screen until the user quits; the exit code."""
    app = SaChatApp(launch)
    app.run()
    return app.return_code or 0
