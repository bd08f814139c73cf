"""The budget and the password on the screen, key by key, and in pictures."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from stand_in import DOCUMENT, MODEL, StandInApp, screen_text
from textual.pilot import Pilot
from textual.widgets import Input

from sa_chat.app.session.state import Phase
from sa_chat.app.settings.launch import Launch
from sa_chat.app.tui.screens.budget import BudgetScreen
from sa_chat.app.tui.screens.password import PasswordScreen
from sa_chat.app.tui.widgets.question_box import QuestionBox
from sa_chat.protocol.config import EngineConfig, OpenOptions
from sa_chat.protocol.events import (
    Cancelled,
    ContextOverflowFailed,
    DocumentCounted,
    DroppedPartsFailed,
    Event,
    LoadProgress,
    PasswordFailed,
)
from sa_chat.protocol.requests import Ask, Cancel, Count, Open
from sa_chat.protocol.values import Drop, LeftOut, Section

SnapCompare = Callable[..., bool]
SECTIONS = (
    Section("A [bold]book[/bold]", "docs/book.pdf", 0, "i", 1, 96_400),
    Section("One: \x1b[31mred", "docs/book.pdf", 1, "1", 1, 52_300),
    Section("Two", "docs/book.pdf", 1, "80", 1, 44_000),
    Section("core.py", "src/core.py", 0, None, 1, 14_602),
    Section("test_core.py", "tests/test_core.py", 0, None, 1, 19_950),
)
LEFT_OUT = (LeftOut("logo.png", "not text"), LeftOut("uv.lock", "a lock file"))
STEP = Drop("tests/", "tests", 19_950, "--exclude tests/", ("tests/test_core.py",))
LONG = DocumentCounted(
    "A project", ("project",), SECTIONS, LEFT_OUT, 131_002, 131_072, 8_192, 0, (STEP,)
)
SHORT = DocumentCounted("A project", ("project",), SECTIONS, LEFT_OUT, 131_002, 262_144, 8_192)
OVERFLOW = ContextOverflowFailed("The document is 8,122 tokens too long.", "Choose on the screen.")
LOCKED = PasswordFailed("book.pdf is password-protected.", "Give its password.")


class ChoosingApp(StandInApp):
    """Counts first, as with --choose."""

    def __init__(self) -> None:
        super().__init__(Launch(OpenOptions(("book.pdf",)), EngineConfig(), choose=True))


async def press(pilot: Pilot[None], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await pilot.pause()


async def said(pilot: Pilot[None], *events: Event) -> StandInApp:
    app = pilot.app
    assert isinstance(app, StandInApp)
    await app.say(pilot, *events)
    return app


@pytest.mark.asyncio
async def test_what_does_not_fit_is_chosen_and_read() -> None:
    app = StandInApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await said(pilot, LONG, OVERFLOW)
        assert isinstance(app.screen, BudgetScreen)
        assert "131,002 tokens chosen · 122,880 fit · 8,122 too many" in screen_text(app)
        await press(pilot, "r")
        assert isinstance(app.screen, BudgetScreen)
        await press(pilot, "f")
        assert "111,052 tokens chosen · 122,880 fit · 11,828 free" in screen_text(app)
        await press(pilot, "r")
        await pilot.pause(0.2)
        options = OpenOptions(("book.pdf",), drop=("tests/test_core.py",))
        assert app.clients[0].sent == [
            Open("o1", OpenOptions(("book.pdf",)), text=True),
            Open("o2", options, text=True),
        ]
        assert app.session.state.phase is Phase.LOADING


@pytest.mark.asyncio
@pytest.mark.parametrize("key", ["space", "enter"])
async def test_space_and_enter_take_parts_out_and_in(key: str) -> None:
    app = StandInApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await said(pilot, LONG, OVERFLOW)
        await press(pilot, key)
        assert "34,602 tokens chosen" in screen_text(app)
        assert "[ ] docs/" in screen_text(app)
        await press(pilot, "right", "right", "right", "right", key)
        assert "One: red" in screen_text(app)
        assert "\x1b" not in screen_text(app)
        assert "87,002 tokens chosen" in screen_text(app)
        assert "[-] docs/" in screen_text(app)
        await press(pilot, "a")
        assert "131,002 tokens chosen" in screen_text(app)


@pytest.mark.asyncio
async def test_escape_leaves_it_unread_and_f4_brings_it_back() -> None:
    app = StandInApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await said(pilot, LONG, OVERFLOW)
        await press(pilot, "f", "escape")
        assert "F4 chooses the parts" in screen_text(app)
        assert "The document was not read" in screen_text(app)
        await press(pilot, "f4")
        assert "111,052 tokens chosen" in screen_text(app)


@pytest.mark.asyncio
async def test_left_out_is_listed_and_cannot_be_taken_in() -> None:
    app = StandInApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await said(pilot, LONG, OVERFLOW)
        await press(pilot, "down", "down", "down", "right", "down", "space")
        shown = screen_text(app)
    assert "left out (2)" in shown
    assert "uv.lock: a lock file" in shown
    assert "--include NAME" in shown
    assert "131,002 tokens chosen" in shown


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=str)
async def test_tokens_stand_in_one_column(size: tuple[int, int]) -> None:
    app = StandInApp()
    async with app.run_test(size=size) as pilot:
        await said(pilot, LONG, OVERFLOW)
        await press(pilot, "right", "down", "right")
        lines = [line.rstrip() for line in screen_text(app).splitlines() if "[x]" in line]
    assert len(lines) == 6
    assert len({len(line) for line in lines}) == 1


@pytest.mark.asyncio
async def test_choosing_counts_first_and_questions_wait() -> None:
    app = ChoosingApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        assert app.clients[0].sent == [Count("n1", OpenOptions(("book.pdf",)))]
        app.screen.query_one(QuestionBox).text = "Who?"
        await press(pilot, "enter")
        await said(pilot, SHORT)
        assert isinstance(app.screen, BudgetScreen)
        assert "Nothing of it is read yet." in screen_text(app)
        await press(pilot, "r")
        await pilot.pause(0.2)
        sent = app.clients[0].sent[1:]
    assert sent == [Open("o1", OpenOptions(("book.pdf",)), text=True), Ask("q1", "Who?")]


@pytest.mark.asyncio
async def test_a_document_being_read_is_read_again_with_another_choice() -> None:
    app = StandInApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await said(pilot, DOCUMENT, MODEL)
        await press(pilot, "f4")
        assert "the conversation stays" in screen_text(app)
        await press(pilot, "down", "space", "r")
        await pilot.pause(0.2)
        dropped = Open("o2", OpenOptions(("book.pdf",), drop=("book.pdf#One@1:1",)), text=True)
        assert app.clients[0].sent[1:] == [Cancel("x1", queued=True), dropped]
        await said(pilot, Cancelled("prefill"), LoadProgress("parse", 0.5, 1.0))
        assert app.session.state.phase is Phase.LOADING


@pytest.mark.asyncio
async def test_fit_marks_what_the_engine_left_out() -> None:
    app = StandInApp(Launch(OpenOptions(("book.pdf",), fit=True), EngineConfig()))
    async with app.run_test(size=(100, 30)) as pilot:
        await said(pilot, LONG, DOCUMENT)
        assert app.session.state.phase is Phase.PREFILLING
        await press(pilot, "f4")
        assert "[ ] tests/" in screen_text(app)


@pytest.mark.asyncio
async def test_a_part_that_is_gone_is_not_asked_for_again() -> None:
    app = StandInApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await said(pilot, LONG, OVERFLOW)
        await press(pilot, "f", "r")
        await pilot.pause(0.2)
        await said(pilot, DroppedPartsFailed("The document has no such part.", "Open it again."))
        await press(pilot, "ctrl+r")
        await pilot.pause(0.2)
        assert app.clients[0].sent[-1] == Open("o3", OpenOptions(("book.pdf",)), text=True)


@pytest.mark.asyncio
async def test_a_password_is_asked_until_it_is_right() -> None:
    app = StandInApp()
    async with app.run_test(size=(100, 30)) as pilot:
        app.screen.query_one(QuestionBox).text = "half a question"
        await said(pilot, LOCKED)
        assert isinstance(app.screen, PasswordScreen)
        await press(pilot, *"secret")
        assert "secret" not in screen_text(app)
        await press(pilot, "enter")
        await pilot.pause(0.2)
        opened = app.clients[0].sent[-1]
        assert opened == Open("o2", OpenOptions(("book.pdf",), password="secret"), text=True)
        assert "secret" not in repr(opened)
        await said(pilot, LOCKED)
        assert "That password was wrong. Try again." in screen_text(app)
        await press(pilot, "escape")
        assert app.session.state.phase is Phase.FAILED
        assert app.screen.query_one(QuestionBox).text == "half a question"


async def fits(pilot: Pilot[None]) -> None:
    await said(pilot, SHORT)
    await press(pilot, "right")


async def too_long(pilot: Pilot[None]) -> None:
    pilot.app.screen.query_one(QuestionBox).cursor_blink = False
    await said(pilot, LONG, OVERFLOW)
    await press(pilot, "right", "down", "right")


async def accepted(pilot: Pilot[None]) -> None:
    await too_long(pilot)
    await press(pilot, "f")


async def locked(pilot: Pilot[None]) -> None:
    pilot.app.screen.query_one(QuestionBox).cursor_blink = False
    await said(pilot, LOCKED)
    pilot.app.screen.query_one(Input).cursor_blink = False
    await press(pilot, *"secret")


SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=str)
Play = Callable[[Pilot[Any]], Awaitable[None]]


@SIZES
@pytest.mark.parametrize(
    ("app", "play"), [(ChoosingApp, fits), (StandInApp, too_long), (StandInApp, accepted)]
)
def test_budget(
    snap_compare: SnapCompare, app: type[StandInApp], play: Play, size: tuple[int, int]
) -> None:
    assert snap_compare(app(), run_before=play, terminal_size=size)


def test_password(snap_compare: SnapCompare) -> None:
    assert snap_compare(StandInApp(), run_before=locked, terminal_size=(100, 30))
