"""Pictures of the screen.  After a wanted change: `pytest tests/app/test_pictures.py
--snapshot-update`, and look at every picture before it is committed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from stand_in import (
    DOCUMENT,
    DONE,
    INVENTED,
    MODEL,
    VERIFIED,
    StandInApp,
    answer,
    progress,
)
from textual.pilot import Pilot

from sa_chat.app.widgets.question_box import QuestionBox
from sa_chat.engine import events

SnapCompare = Callable[..., bool]
TEXT = (
    "The narrator gives his name at once:\n\n> Call me Ishmael.\n\n"
    "Two things follow:\n\n1. he tells the story `himself`,\n2. and he survives it.\n\n"
    "> Nobody wrote this.\n"
)


async def start(pilot: Pilot[None]) -> StandInApp:
    app = pilot.app
    assert isinstance(app, StandInApp)
    app.screen.query_one(QuestionBox).cursor_blink = False
    await app.say(pilot, DOCUMENT, MODEL)
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
    await app.say(pilot, events.TextDelta("q1", TEXT[:70]))


async def answered(pilot: Pilot[None]) -> None:
    app = await start(pilot)
    await app.say(pilot, progress(131_002, 33.6), DONE)
    await ask(pilot, "Who tells the [bold]story[/bold]?")
    await app.say(pilot, answer("q1", TEXT, (VERIFIED, INVENTED)))


async def ended(pilot: Pilot[None]) -> None:
    await writing(pilot)
    app = pilot.app
    assert isinstance(app, StandInApp)
    app.session.take(
        events.Failed("The engine process has ended.", "Start it again.", "engine", fatal=True)
    )
    await app.screen._draw()  # type: ignore[attr-defined]


async def help_page(pilot: Pilot[None]) -> None:
    await answered(pilot)
    await pilot.press("f1")


async def by_day(pilot: Pilot[None]) -> None:
    await answered(pilot)
    await pilot.press("f2")


def _picture(
    snap_compare: SnapCompare, play: Callable[[Pilot[Any]], Awaitable[None]], size: tuple[int, int]
) -> bool:
    return snap_compare(StandInApp(), run_before=play, terminal_size=size)


def test_reading(snap_compare: SnapCompare) -> None:
    assert _picture(snap_compare, reading, (120, 36))


def test_writing(snap_compare: SnapCompare) -> None:
    assert _picture(snap_compare, writing, (120, 36))


def test_answered(snap_compare: SnapCompare) -> None:
    assert _picture(snap_compare, answered, (160, 45))


def test_answered_small(snap_compare: SnapCompare) -> None:
    assert _picture(snap_compare, answered, (80, 24))


def test_answered_by_day(snap_compare: SnapCompare) -> None:
    assert _picture(snap_compare, by_day, (120, 36))


def test_engine_ended(snap_compare: SnapCompare) -> None:
    assert _picture(snap_compare, ended, (120, 36))


def test_help(snap_compare: SnapCompare) -> None:
    assert _picture(snap_compare, help_page, (120, 50))
