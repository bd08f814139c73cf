"""Every key of the main screen, on a stand-in engine."""

from __future__ import annotations

from dataclasses import replace

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
    screen_text,
)
from textual.containers import VerticalScroll
from textual.pilot import Pilot

from sa_chat.app.settings.settings import Settings
from sa_chat.app.tui.screens.budget import BudgetScreen
from sa_chat.app.tui.screens.compare import CompareScreen
from sa_chat.app.tui.screens.copy import CopyScreen
from sa_chat.app.tui.screens.help import HelpScreen
from sa_chat.app.tui.screens.main import MainScreen
from sa_chat.app.tui.screens.model import ModelScreen
from sa_chat.app.tui.screens.sessions import SessionsScreen
from sa_chat.app.tui.screens.start import StartScreen
from sa_chat.app.tui.widgets.choice_list import ChoiceList
from sa_chat.app.tui.widgets.citations import CitationLine
from sa_chat.app.tui.widgets.conversation import Conversation
from sa_chat.app.tui.widgets.document_pane import DocumentPane
from sa_chat.app.tui.widgets.document_view import DocumentView
from sa_chat.app.tui.widgets.question_box import QuestionBox
from sa_chat.protocol import events
from sa_chat.protocol.requests import Ask

pytestmark = pytest.mark.asyncio
FOUND = replace(VERIFIED, passage="Call me\nIshmael.")
TEXT = events.DocumentText(
    "Loomings.\n\nCall me\nIshmael. Some years ago.\n" * 3, True, "book.pdf", "12", 1, "Title\n"
)
SAID = "> Call me Ishmael.\n\n```python\nx = 1\n```\n\n> Nobody wrote this.\n"
KEYS_OF_SCREENS = {
    "f1": HelpScreen,
    "f4": BudgetScreen,
    "f6": CompareScreen,
    "f7": SessionsScreen,
    "f8": ModelScreen,
    "f9": StartScreen,
    "ctrl+b": CopyScreen,
}


async def answered(pilot: Pilot[None]) -> StandInApp:
    app = pilot.app
    assert isinstance(app, StandInApp)
    await app.say(pilot, DOCUMENT, TEXT, MODEL, progress(131_002, 33.6), DONE)
    await ask(pilot, "Who?")
    await app.say(pilot, answer("q1", SAID, (FOUND, INVENTED), question="Who?"))
    await pilot.pause(0.2)
    return app


async def ask(pilot: Pilot[None], question: str) -> None:
    pilot.app.screen.query_one(QuestionBox).text = question
    await pilot.press("enter")
    await pilot.pause()


def box(app: StandInApp) -> QuestionBox:
    return app.screen.query_one(QuestionBox)


async def test_every_key_that_opens_a_screen_opens_it_and_escape_closes_it() -> None:
    app = StandInApp()
    async with app.run_test(size=(120, 36)) as pilot:
        await answered(pilot)
        box(app).text = "half a question"
        for key, screen in KEYS_OF_SCREENS.items():
            await pilot.press(key)
            await pilot.pause(0.1)
            assert isinstance(app.screen, screen), key
            await pilot.press("escape")
            await pilot.pause(0.1)
            assert isinstance(app.screen, MainScreen), key
        assert box(app).text == "half a question"


async def test_the_last_question_is_edited_and_asked_again() -> None:
    app = StandInApp()
    async with app.run_test(size=(120, 36)) as pilot:
        await answered(pilot)
        box(app).text = "a new one"
        await pilot.press("ctrl+l")
        assert box(app).text == "Who?"
        assert "edit the last question" in screen_text(app)
        await pilot.press("escape")
        assert box(app).text == "a new one"  # nothing typed is lost
        box(app).text = ""
        await pilot.press("up")
        await pilot.pause()
        assert box(app).text == "Who?"
        await pilot.press("x", "enter")
        await pilot.pause()
        assert app.clients[0].sent[-1] == Ask("q2", "Who?x", replaces_last=True)
        assert [turn.question for turn in app.session.state.turns] == ["Who?x"]
        assert "Call me" not in screen_text(app)


async def test_ctrl_g_asks_the_last_question_again() -> None:
    app = StandInApp()
    async with app.run_test(size=(120, 36)) as pilot:
        await answered(pilot)
        await pilot.press("ctrl+g")
        await pilot.pause()
        assert app.clients[0].sent[-1] == Ask("q2", "Who?", replaces_last=True)
        await pilot.press("ctrl+g")  # not while it is being answered
        assert app.clients[0].sent[-1] == Ask("q2", "Who?", replaces_last=True)


async def test_parts_of_an_answer_are_copied() -> None:
    app = StandInApp()
    async with app.run_test(size=(120, 36)) as pilot:
        await answered(pilot)
        for steps, text in ((0, SAID), (1, "Call me Ishmael."), (3, "x = 1\n")):
            await pilot.press("ctrl+b", *["j"] * steps, "enter")
            await pilot.pause(0.3)
            assert app.clipboard == text


async def test_a_quotation_opens_the_document_at_its_passage() -> None:
    app = StandInApp()
    async with app.run_test(size=(160, 45)) as pilot:
        await answered(pilot)
        await pilot.press("ctrl+t")
        assert isinstance(app.focused, CitationLine)
        await pilot.press("y")
        await pilot.pause(0.3)
        assert app.clipboard == "Call me Ishmael."
        await pilot.press("enter")
        await pilot.pause(0.3)
        pane = app.screen.query_one(DocumentPane)
        assert pane.display
        assert pane.has_focus_within
        assert pane.query_one(DocumentView).marked is not None
        assert "page 12 · line 3" in screen_text(app)
        await pilot.press("escape")
        await pilot.pause()
        assert not pane.display
        assert box(app).has_focus


async def test_an_unverified_quotation_opens_nothing() -> None:
    app = StandInApp()
    async with app.run_test(size=(160, 45), notifications=True) as pilot:
        await answered(pilot)
        await pilot.press("ctrl+t", "j", "enter")
        await pilot.pause(0.2)
        assert not app.screen.query_one(DocumentPane).display
        assert "does not have this quotation" in screen_text(app)


async def test_the_document_stands_beside_or_in_place_of_the_conversation() -> None:
    app = StandInApp()
    async with app.run_test(size=(200, 60)) as pilot:
        await answered(pilot)
        await pilot.press("f5")
        await pilot.pause(0.3)
        shown = screen_text(app)
        assert "Loomings." in shown
        assert "Who?" in shown
        assert "of attention skipped" in shown
        await pilot.resize_terminal(80, 24)
        await pilot.pause(0.3)
        shown = screen_text(app)
        assert "Loomings." in shown
        assert "Who?" not in shown
        await pilot.press("pagedown", "ctrl+f", *"ishmael", "enter")
        await pilot.pause(0.3)
        assert "of 3" in screen_text(app)
        await pilot.press("f5")
        await pilot.pause(0.2)
        assert "Who?" in screen_text(app)


async def test_vim_keys_in_the_conversation() -> None:
    app = StandInApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await app.say(pilot, DOCUMENT, MODEL, DONE)
        await ask(pilot, "Long?")
        await app.say(pilot, answer("q1", "A line.\n\n" * 40))
        await pilot.pause(0.3)
        conversation = app.screen.query_one(Conversation)
        conversation.focus()
        end = conversation.scroll_y
        await pilot.press("k", "k")
        await pilot.pause(0.4)
        assert conversation.scroll_y == end - 2
        await pilot.press("ctrl+u")
        await pilot.pause(0.4)
        assert conversation.scroll_y < end - 10
        await pilot.press("g")
        await pilot.pause(0.2)
        assert conversation.scroll_y == 0
        await pilot.press("j", "ctrl+d")
        await pilot.pause(0.4)
        assert conversation.scroll_y > 10
        await pilot.press("G")
        await pilot.pause(0.2)
        assert conversation.scroll_y == conversation.max_scroll_y
        await pilot.press("y")
        await pilot.pause(0.3)
        assert app.clipboard.startswith("A line.")
        await pilot.press("i")
        assert box(app).has_focus


async def test_themes_go_round() -> None:
    app = StandInApp()
    async with app.run_test(size=(120, 36)) as pilot:
        names = [app.theme]
        for _ in range(3):
            await pilot.press("f2")
            names.append(app.theme)
        assert names[0] == names[3]
        assert len(set(names)) == 3


async def test_keys_can_be_bound_to_others_and_the_help_tells_them() -> None:
    settings = Settings(keys={"document": "ctrl+d", "citation.copy": "c"})
    app = StandInApp(replace(LAUNCH, settings=settings))
    async with app.run_test(size=(120, 50)) as pilot:
        await answered(pilot)
        await pilot.press("f5")
        assert not app.screen.query_one(DocumentPane).display
        await pilot.press("f1")
        await pilot.pause(0.1)
        assert "Ctrl+D" in screen_text(app)
        await pilot.press("escape", "ctrl+d")
        await pilot.pause(0.1)
        assert app.screen.query_one(DocumentPane).display


async def test_a_key_of_no_binding_is_told() -> None:
    app = StandInApp(replace(LAUNCH, settings=Settings(keys={"documnet": "f5"})))
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await answered(pilot)
        assert "documnet" in screen_text(app)


async def test_the_palette_has_every_command() -> None:
    app = StandInApp()
    async with app.run_test(size=(120, 60)) as pilot:
        await answered(pilot)
        titles = {command.title for command in app.get_system_commands(app.screen)}
        told = {"Ask again", "Copy answer", "Dense/sparse", "Document", "Figures", "Help", "Model",
                "Open", "Parts", "Quit", "Sessions", "Theme"}  # fmt: skip
        assert told <= titles
        await pilot.press("ctrl+p", *"parts", "enter")
        await pilot.pause(0.5)
        assert isinstance(app.screen, BudgetScreen)


async def test_a_failure_stands_in_a_banner_until_it_is_taken_away() -> None:
    app = StandInApp()
    async with app.run_test(size=(120, 36)) as pilot:
        await answered(pilot)
        box(app).text = "half"
        too_long = events.ContextOverflowFailed("Too long.", "Ask less.", request_id="q9")
        await app.say(pilot, too_long)
        await app.say(pilot, events.EngineFailed("It broke.", "Try again.", request_id="q9"))
        banner = app.screen.query_one("#banner")
        assert banner.display
        assert "Try again." in screen_text(app)
        await pilot.press("escape")
        assert not banner.display
        assert box(app).text == "half"


async def test_help_tells_the_log_and_the_keys_of_the_focus() -> None:
    app = StandInApp()
    async with app.run_test(size=(120, 90)) as pilot:
        await answered(pilot)
        await pilot.press("ctrl+t", "f1")
        await pilot.pause(0.2)
        shown = screen_text(app)
        assert "keys at a quotation" in shown
        app.screen.query_one(VerticalScroll).scroll_end(animate=False)
        await pilot.pause(0.2)
        shown = screen_text(app)
        assert "engine.log" in shown
        assert "config.toml" in shown


async def test_lists_and_pages_go_by_vim_keys_too() -> None:
    app = StandInApp()
    async with app.run_test(size=(100, 24)) as pilot:
        await answered(pilot)
        await pilot.press("ctrl+b")
        choices = app.screen.query_one(ChoiceList)
        for key, at in (("G", 3), ("k", 2), ("j", 3), ("g", 0)):
            await pilot.press(key)
            assert choices.highlighted == at, key
        await pilot.press("q")
        for opener in ("f1", "f6"):
            await pilot.press(opener)
            await pilot.pause(0.1)
            page = app.screen.query_one(VerticalScroll)
            for key, at in (("j", 1), ("down", 2), ("k", 1), ("up", 0)):
                await pilot.press(key)
                await pilot.pause(0.1)
                assert page.scroll_y == at, (opener, key)
            await pilot.press("escape")
        await pilot.press("ctrl+t", "j")
        await pilot.pause()
        last = app.focused
        await pilot.press("k")
        await pilot.pause()
        assert app.focused is not last
        assert isinstance(app.focused, CitationLine)


async def test_every_other_screen_has_its_help() -> None:
    app = StandInApp()
    async with app.run_test(size=(120, 36)) as pilot:
        await answered(pilot)
        for key in ("f4", "f6", "f7", "f9"):
            await pilot.press(key)
            await pilot.pause(0.1)
            await pilot.press("f1")
            await pilot.pause(0.1)
            assert isinstance(app.screen, HelpScreen), key
            await pilot.press("escape", "escape")
            await pilot.pause(0.1)
            assert isinstance(app.screen, MainScreen), key
