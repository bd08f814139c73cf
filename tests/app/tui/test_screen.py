"""The screen on a stand-in engine: sizes, keys, scrolling, what is sent when."""

from __future__ import annotations

import pytest
from stand_in import DOCUMENT, DONE, MODEL, VERIFIED, StandInApp, answer, progress, screen_text
from textual.events import Key
from textual.pilot import Pilot

from sa_chat.app.session.state import Phase, TurnStatus
from sa_chat.app.tui.widgets.conversation import Conversation
from sa_chat.app.tui.widgets.question_box import QuestionBox
from sa_chat.protocol import events
from sa_chat.protocol.requests import Ask, Cancel, Open

pytestmark = pytest.mark.asyncio
READY = (DOCUMENT, MODEL, progress(131_002, 33.6), DONE)


async def ask(pilot: Pilot[None], question: str) -> None:
    pilot.app.screen.query_one(QuestionBox).text = question
    await pilot.press("enter")


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (120, 36), (200, 60), (240, 70)])
async def test_every_size_shows_conversation_box_and_figures(size: tuple[int, int]) -> None:
    app = StandInApp()
    async with app.run_test(size=size) as pilot:
        await app.say(pilot, *READY)
        await ask(pilot, "Who?")
        await app.say(pilot, answer("q1", "> Call me Ishmael.", (VERIFIED,)))
        await pilot.pause(0.2)  # until the answer is laid out
        shown = screen_text(app)
    for text in ("A [bold]short[/bold] book", "131,002 tokens", "Who?", "✓ p. 12", "79.2%"):
        assert text in shown or (text == "79.2%" and "of attention skipped" in shown)
    if size[1] >= 36:
        assert "131,002 of 131,002 tokens read, 0 dropped" in shown


async def test_resizing_keeps_everything() -> None:
    app = StandInApp()
    async with app.run_test(size=(200, 60)) as pilot:
        await app.say(pilot, *READY)
        await ask(pilot, "Who?")
        await app.say(pilot, answer("q1", "> Call me Ishmael.", (VERIFIED,)))
        for size in ((80, 24), (120, 36), (200, 60)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert "✓ p. 12" in screen_text(app)
            assert ("sparsity 79.2%" in screen_text(app)) is (size[0] < 100)


async def test_f3_shows_the_panel_on_a_small_terminal() -> None:
    app = StandInApp()
    async with app.run_test(size=(80, 40)) as pilot:
        await app.say(pilot, *READY)
        assert "of attention skipped" not in screen_text(app)
        await pilot.press("f3")
        await pilot.pause()
        assert "of attention skipped" in screen_text(app)


async def test_enter_asks_and_ctrl_j_begins_a_line() -> None:
    app = StandInApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await app.say(pilot, *READY)
        await pilot.press("enter", "a", "ctrl+j", "b", "enter")
        await pilot.pause()
        asks = [request for request in app.clients[0].sent if isinstance(request, Ask)]
    assert asks == [Ask("q1", "a\nb")]


async def test_letters_typed_faster_than_they_are_drawn_stay_in_the_question() -> None:
    app = StandInApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await app.say(pilot, *READY)
        for key in (*"quickly", "enter", *"next"):
            app.post_message(Key(key, key if len(key) == 1 else None))
        await pilot.pause(0.3)
        assert app.session.state.turns[0].question == "quickly"
        assert app.screen.query_one(QuestionBox).text == "next"


async def test_the_conversation_follows_until_the_user_scrolls_up() -> None:
    app = StandInApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await app.say(pilot, *READY)
        await ask(pilot, "Long?")
        conversation = app.screen.query_one(Conversation)
        await app.say(pilot, events.TextDelta("A line.\n\n" * 30, request_id="q1"))
        await pilot.pause(0.2)
        assert conversation.scroll_y == conversation.max_scroll_y > 0
        await pilot.press("pageup")
        await pilot.pause(0.5)
        scrolled = conversation.scroll_y
        await app.say(pilot, events.TextDelta("More.\n\n" * 30, request_id="q1"))
        await pilot.pause(0.2)
        assert conversation.scroll_y == scrolled < conversation.max_scroll_y
        await pilot.press("ctrl+end")
        await app.say(pilot, events.TextDelta("Even more.\n\n" * 10, request_id="q1"))
        await pilot.pause(0.2)
        assert conversation.scroll_y == conversation.max_scroll_y


async def test_the_finished_answer_does_not_depend_on_its_pieces() -> None:
    text = "A list:\n\n1. one `code`\n2. two\n\n```python\ndef f():\n    pass\n```\n\n> quote\n"
    app = StandInApp()
    async with app.run_test(size=(100, 50)) as pilot:
        await app.say(pilot, *READY)
        await ask(pilot, "one")
        await app.say(pilot, answer("q1", text))
        await ask(pilot, "two")
        for character in text:
            app.clients[0].say(events.TextDelta(character, request_id="q2"))
            await pilot.pause(0.002)
        await app.say(pilot, answer("q2", text))
        whole, streamed = app.screen.query("AnswerText").results()
        for _ in range(50):  # until both are laid out
            if whole.size == streamed.size:
                break
            await pilot.pause(0.05)
        assert [type(block) for block in whole.query("*")] == [
            type(block) for block in streamed.query("*")
        ]
        assert whole.size == streamed.size


async def test_escape_stops_the_answer_then_the_prefill_then_nothing() -> None:
    app = StandInApp()
    async with app.run_test(size=(100, 30)) as pilot:
        sent = app.clients[0].sent
        await app.say(pilot, DOCUMENT, progress(8_192, 2.0))
        await pilot.press("escape")
        assert sent[-1] == Cancel("x1")
        await app.say(pilot, events.Cancelled("prefill"))
        assert app.session.state.phase is Phase.PAUSED
        assert "Ctrl+R or a question starts over" in screen_text(app)
        await pilot.press("escape")
        assert sent.count(Cancel("x1")) == 1
        await pilot.press("ctrl+r")
        assert isinstance(sent[-1], Open)


async def test_a_process_that_is_gone_keeps_the_question() -> None:
    app = StandInApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await app.say(pilot, *READY)
        app.clients[0].deaf = True
        await ask(pilot, "Who?")
        await pilot.pause()
        assert app.session.state.phase is Phase.DEAD
        assert "The engine process does not run." in screen_text(app)
        await ask(pilot, "And who else?")
        await pilot.press("ctrl+r")
        await pilot.pause()
        assert app.clients[0].stopped
        questions = [r.question for r in app.clients[1].sent if isinstance(r, Ask)]
        assert questions == ["Who?", "And who else?"]
        assert [turn.status for turn in app.session.state.turns] == [TurnStatus.QUEUED] * 2


async def test_control_characters_of_the_model_never_reach_the_terminal() -> None:
    app = StandInApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await app.say(pilot, *READY)
        await ask(pilot, "one")
        pieces = ("red \x1b[3", "1mtext\x1b]52;c;c2Vj", "\x07 end\u202e")
        for piece in pieces:
            await app.say(pilot, events.TextDelta(piece, request_id="q1"))
        assert "red text end" in screen_text(app)
        await app.say(pilot, answer("q1", "".join(pieces)))
        assert "red text end" in screen_text(app)
        await pilot.press("ctrl+o")
        assert app.clipboard == "red text end"


async def test_ctrl_c_twice_quits() -> None:
    app = StandInApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+c")
        assert app.return_code is None
        await pilot.press("ctrl+c")
        await pilot.pause()
        assert app.return_code == 0
    assert app.clients[0].stopped


async def test_light_and_dark() -> None:
    app = StandInApp()
    async with app.run_test(size=(120, 36)) as pilot:
        await app.say(pilot, *READY)
        assert app.current_theme.dark
        await pilot.press("f2")
        assert not app.current_theme.dark
