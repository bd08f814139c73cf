"""Pictures of the screen.  After a wanted change: `pytest tests/app/tui/test_pictures.py
--snapshot-update`, and look at every picture before it is committed."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from stand_in import (
    DOCUMENT,
    DONE,
    INVENTED,
    LAUNCH,
    MODEL,
    VERIFIED,
    StandInApp,
    answer,
    progress,
)
from textual.pilot import Pilot
from textual.widgets import Input

from sa_chat.app.history import Document, SavedTurn, open_history
from sa_chat.app.session.recorder import Recorder
from sa_chat.app.tui.widgets.question_box import QuestionBox
from sa_chat.protocol import events, values
from sa_chat.protocol.config import OpenOptions

SIZES = ((80, 24), (120, 40), (200, 60))
DAY = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
PAGE = "Loomings.\n\nCall me Ishmael. Some years ago, never mind how long precisely.\n\n"
BOOK = events.DocumentText(PAGE * 12, True, "book.pdf", "12", 1, "A short book\n[page 12]\n")
FOUND = replace(VERIFIED, passage="Call me Ishmael.")
DENSE = replace(
    DONE,
    ttft=values.Ttft(0.4, 0.2, 0.0, 121.4),
    attention=values.AttentionFigures("dense", 0.95, 1.0, 1.0),
    devices=tuple(replace(d, kv_bytes=2 * d.kv_bytes) for d in DONE.devices),
)
SnapCompare = Callable[..., bool]
Play = Callable[[Pilot[Any]], Awaitable[None]]
TEXT = (
    "The narrator gives his name at once:\n\n> Call me Ishmael.\n\n"
    "Two things follow:\n\n1. he tells the story `himself`,\n2. and he survives it.\n\n"
    "> Nobody wrote this.\n"
)


async def start(pilot: Pilot[None]) -> StandInApp:
    app = pilot.app
    assert isinstance(app, StandInApp)
    app.screen.query_one(QuestionBox).cursor_blink = False
    await app.say(pilot, DOCUMENT, BOOK, MODEL)
    return app


async def ask(pilot: Pilot[None], question: str) -> None:
    pilot.app.screen.query_one(QuestionBox).text = question
    await pilot.press("enter")
    await pilot.pause()


async def reading(pilot: Pilot[None]) -> None:
    app = await start(pilot)
    await app.say(pilot, progress(32_768, 8.4), progress(65_536, 17.1))
    await ask(pilot, "Who tells the story?")


async def writing(pilot: Pilot[None]) -> None:
    app = await start(pilot)
    await app.say(pilot, progress(131_002, 33.6), DONE)
    await ask(pilot, "Who tells the story?")
    await ask(pilot, "And where does it begin?")
    await app.say(pilot, events.TextDelta(TEXT[:70], request_id="q1"))


async def answered(pilot: Pilot[None]) -> None:
    app = await start(pilot)
    await app.say(pilot, progress(131_002, 33.6), DONE)
    await ask(pilot, "Who tells the [bold]story[/bold]?")
    await app.say(pilot, answer("q1", TEXT, (FOUND, INVENTED)))
    await pilot.pause(0.2)


async def ended(pilot: Pilot[None]) -> None:
    await writing(pilot)
    app = pilot.app
    assert isinstance(app, StandInApp)
    died = events.EngineFailed("The engine process has ended.", "Start it again.", fatal=True)
    await app.say(pilot, died)


def stand_in(pilot: Pilot[Any]) -> StandInApp:
    app = pilot.app
    assert isinstance(app, StandInApp)
    return app


def after(*keys: str) -> Play:
    """Answered, then these keys."""

    async def play(pilot: Pilot[Any]) -> None:
        await answered(pilot)
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.2)
        for field in pilot.app.screen.query(Input).results():
            field.cursor_blink = False

    return play


async def edited(pilot: Pilot[Any]) -> None:
    await answered(pilot)
    await pilot.press("ctrl+l")


async def comparing(pilot: Pilot[Any]) -> None:
    await after("f6", "enter")(pilot)
    await stand_in(pilot).say(pilot, progress(65_536, 60.2))


async def compared(pilot: Pilot[Any]) -> None:
    await comparing(pilot)
    text = TEXT.replace("at once", "right away")
    await stand_in(pilot).say(pilot, DENSE, answer("c1", text, (FOUND, INVENTED)))
    await pilot.pause(0.3)


async def resting(pilot: Pilot[Any]) -> None:
    """As it is, without a blinking cursor."""
    await pilot.pause(0.3)
    for field in pilot.app.screen.query(Input).results():
        field.cursor_blink = False


async def sessions(pilot: Pilot[Any]) -> None:
    await start(pilot)
    await pilot.press("f7")
    await resting(pilot)


async def found(pilot: Pilot[Any]) -> None:
    await sessions(pilot)
    await pilot.press("slash", *"whale")
    await resting(pilot)


async def rename(pilot: Pilot[Any]) -> None:
    await sessions(pilot)
    await pilot.press("r")
    await resting(pilot)


async def password(pilot: Pilot[Any]) -> None:
    locked = events.PasswordFailed("book.pdf is password-protected.", "Give its password.")
    await stand_in(pilot).say(pilot, locked)
    await resting(pilot)


async def model(pilot: Pilot[Any]) -> None:
    await start(pilot)
    await pilot.press("f8")
    await resting(pilot)


class KeptHistory:
    """Answers what screens ask, with days that never change."""

    documents = (
        Document(OpenOptions(("moby.pdf",)), "Moby [bold]Dick[/bold]", 121_004, DAY),
        Document(OpenOptions(("src", "docs"), drop=("src/a.py",)), "src, docs", 96_310, DAY),
    )

    def __init__(self) -> None:
        self._history, _ = open_history()
        assert self._history is not None
        for document, question in zip(self.documents, ("Who is the whale?", "Where?"), strict=True):
            session = self._history.begin(document, "embedded", "sparse")
            self._history.save_turn(session, 0, SavedTurn(question, "done", "The whale.", None))

    def sessions(self) -> list[Any]:
        return [replace(info, updated=DAY) for info in self._history.sessions()]

    def search(self, words: str) -> list[Any]:
        return [replace(hit, info=replace(hit.info, updated=DAY))
                for hit in self._history.search(words)]  # fmt: skip

    def recent_documents(self) -> list[Document]:
        return list(self.documents)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._history, name)


SCREENS: dict[str, Play] = {
    "reading": reading,
    "writing": writing,
    "answered": answered,
    "edited": edited,
    "ended": ended,
    "help": after("f1"),
    "figures": after("f3"),
    "parts": after("f4"),
    "document": after("f5"),
    "citation": after("ctrl+t", "enter"),
    "copy": after("ctrl+b"),
    "price": after("f6"),
    "comparing": comparing,
    "compared": compared,
    "sessions": sessions,
    "found": found,
    "rename": rename,
    "password": password,
    "model": model,
    "start": resting,
}


@pytest.fixture(autouse=True)
def _the_same_everywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No models of this machine, no folders of this test, no clock of this place."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    log, settings = Path("/log/engine.log"), Path("/etc/config.toml")
    monkeypatch.setattr("sa_chat.app.tui.screens.help.default_log_path", lambda: log)
    monkeypatch.setattr("sa_chat.app.tui.screens.help.config_path", lambda: settings)
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", SCREENS)
def test_screen(snap_compare: SnapCompare, name: str, size: tuple[int, int]) -> None:
    launch = replace(LAUNCH, options=None) if name == "start" else LAUNCH
    history = KeptHistory() if name in ("start", "sessions", "found", "rename", "model") else None
    app = StandInApp(launch, Recorder(history))
    assert snap_compare(app, run_before=SCREENS[name], terminal_size=size)


@pytest.mark.parametrize("times", [1, 2], ids=["light", "high-contrast"])
def test_theme(snap_compare: SnapCompare, times: int) -> None:
    app = StandInApp()
    assert snap_compare(app, run_before=after(*["f2"] * times), terminal_size=(120, 40))
