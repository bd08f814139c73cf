"""Make the pictures of the README: `python docs/pictures/make_pictures.py`.

They show the real program: the embedded reader reads the handbook and answers, so the figures on
them are measured.  This takes some minutes, and needs an idle machine.  `--fake` plays the fake
engine's script instead, to try this script itself.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input

from sa_chat.app.session.state import ChatState, Phase
from sa_chat.app.settings.launch import Launch
from sa_chat.app.tui.app import SaChatApp
from sa_chat.app.tui.widgets.question_box import QuestionBox
from sa_chat.protocol.config import EngineConfig, OpenOptions

HERE = Path(__file__).parent
HANDBOOK = HERE.parents[1] / "assets" / "handbook.pdf"
QUESTIONS = (
    "What is the default value of alpha?",
    "Who is Zorvath Quillington?",
    "What does TTFT mean?",
)
FAKE_QUESTIONS = ("What is density?", "Can you invent a quotation?")
HALF = 0.55  # of the prefill, for its picture


class Album:
    """Plays a conversation and takes pictures of it."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._size = (arguments.width, arguments.height)
        self._out: Path = arguments.out
        self._patience_s: float = arguments.patience
        self._fake = "default" if arguments.fake else None

    async def take_all(self) -> None:
        """Every picture, in the order of the README."""
        await self._play_conversation()
        await self._open_start_screen()  # last, so that it lists a recent document

    async def _open_start_screen(self) -> None:
        app = SaChatApp(Launch(None, EngineConfig()))
        async with app.run_test(size=self._size) as pilot:
            await pilot.pause(0.5)
            for field in app.screen.query(Input).results():
                field.cursor_blink = False
            self._take(app, "opening")

    async def _play_conversation(self) -> None:
        launch = Launch(OpenOptions((str(HANDBOOK),)), EngineConfig(), self._fake)
        app = SaChatApp(launch)
        questions = FAKE_QUESTIONS if self._fake else QUESTIONS
        async with app.run_test(size=self._size) as pilot:
            await self._ask(pilot, questions[0])
            await self._until(app, lambda state: _fraction_read(state) >= HALF)
            await pilot.pause(0.3)
            self._take(app, "prefill")
            await self._until(app, _settled)
            for question in questions[1:]:
                await self._ask(pilot, question)
                await self._until(app, _settled)
            await pilot.pause(0.5)
            self._take(app, "answer")
            await pilot.press("f4")
            await pilot.pause(0.5)
            await pilot.press("down", "down", "space")
            await pilot.pause(0.3)
            self._take(app, "parts")
            await pilot.press("escape")
            await pilot.pause(0.3)
            await pilot.press("f6", "enter")
            await self._until(app, _compared)
            await pilot.pause(0.5)
            self._take(app, "compare")

    async def _ask(self, pilot: Pilot[None], question: str) -> None:
        box = pilot.app.screen.query_one(QuestionBox)
        box.cursor_blink = False
        box.text = question
        await pilot.press("enter")

    async def _until(self, app: SaChatApp, reached: Callable[[ChatState], bool]) -> None:
        """Raises `SystemExit` if the engine fails and `TimeoutError` if it takes too long."""
        async with asyncio.timeout(self._patience_s):
            while not reached(app.session.state):
                if app.session.state.phase in (Phase.FAILED, Phase.DEAD):
                    raise SystemExit(f"The engine failed: {app.session.state.entries[-1]}")
                await asyncio.sleep(0.05)

    def _take(self, app: SaChatApp, name: str) -> None:
        self._out.mkdir(parents=True, exist_ok=True)
        path = self._out / f"{name}.svg"
        path.write_text(app.export_screenshot(title="sa-chat"), "utf-8")
        print(path)


def _fraction_read(state: ChatState) -> float:
    if state.prefill is not None:
        return 1.0
    progress = state.progress
    return progress.tokens_done / progress.tokens_total if progress is not None else 0.0


def _settled(state: ChatState) -> bool:
    return state.phase is Phase.READY and not any(turn.status.open for turn in state.turns)


def _compared(state: ChatState) -> bool:
    return state.comparison is not None and not state.comparison.status.open


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE, help="folder (default: this one)")
    parser.add_argument("--width", type=int, default=132, help="columns (default: 132)")
    parser.add_argument("--height", type=int, default=42, help="rows (default: 42)")
    parser.add_argument("--fake", action="store_true", help="the fake engine plays its script")
    parser.add_argument(
        "--patience", type=float, default=900.0, metavar="S", help="longest wait (default: 900)"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:  # keeps the user's history off the pictures
        os.environ["XDG_DATA_HOME"] = folder
        asyncio.run(Album(arguments).take_all())


if __name__ == "__main__":
    main()
