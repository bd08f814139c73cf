"""Make the pictures of the screen for the README: `python docs/pictures/make_pictures.py`.

Without arguments the fake engine plays its script, so that the pictures never change by
themselves.  With paths the real engine reads them and answers; then the figures are measured.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from textual.pilot import Pilot

from sa_chat.app.app import SaChatApp
from sa_chat.app.launch import Launch
from sa_chat.app.state import ChatState, Phase
from sa_chat.app.widgets.question_box import QuestionBox
from sa_chat.engine.config import EngineConfig, OpenOptions

FAKE_QUESTIONS = ("What is density?", "Can you invent a quotation?")


async def ask(pilot: Pilot[None], question: str) -> None:
    box = pilot.app.screen.query_one(QuestionBox)
    box.cursor_blink = False
    box.text = question
    await pilot.press("enter")


async def wait(pilot: Pilot[None], app: SaChatApp, patience_s: float) -> None:
    """Until the document is read and every question is answered.

    Raises `SystemExit` if the engine fails and `TimeoutError` if it takes too long.
    """
    async with asyncio.timeout(patience_s):
        while not _settled(app.session.state):
            if app.session.state.phase in (Phase.FAILED, Phase.DEAD):
                raise SystemExit(f"The engine failed: {app.session.state.entries[-1]}")
            await asyncio.sleep(0.1)
    await pilot.pause(0.5)


def _settled(state: ChatState) -> bool:
    return state.phase is Phase.READY and not any(turn.status.open for turn in state.turns)


async def picture(launch: Launch, arguments: argparse.Namespace) -> Path:
    """Play the conversation and write one SVG; its path."""
    app = SaChatApp(launch)
    async with app.run_test(size=(arguments.width, arguments.height)) as pilot:
        if arguments.light:
            await pilot.press("f2")
        await wait(pilot, app, arguments.patience)
        for question in arguments.ask:
            await ask(pilot, question)
            await wait(pilot, app, arguments.patience)
        svg = app.export_screenshot(title="sa-chat")
    out: Path = arguments.out
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(svg, "utf-8")
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", help="documents for the real engine")
    parser.add_argument("--ask", action="append", metavar="TEXT", help="question; repeatable")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("screen.svg"))
    parser.add_argument("--width", type=int, default=132, help="columns (default: 132)")
    parser.add_argument("--height", type=int, default=41, help="rows (default: 41)")
    parser.add_argument("--light", action="store_true", help="the theme for the day")
    parser.add_argument("--alpha", type=float, default=EngineConfig.alpha)
    parser.add_argument(
        "--patience", type=float, default=900.0, metavar="S", help="longest wait (default: 900)"
    )
    arguments = parser.parse_args()
    fake = not arguments.paths
    arguments.ask = arguments.ask or (list(FAKE_QUESTIONS) if fake else [])
    launch = Launch(
        OpenOptions(tuple(arguments.paths) or ("handbook.pdf",)),
        EngineConfig(alpha=arguments.alpha),
        "default" if fake else None,
    )
    print(asyncio.run(picture(launch, arguments)))


if __name__ == "__main__":
    main()
