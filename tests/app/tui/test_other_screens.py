"""Start, sessions, model and dense-or-sparse, key by key, with a history of their own."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from stand_in import DOCUMENT, DONE, LAUNCH, MODEL, StandInApp, answer, progress, screen_text
from textual.pilot import Pilot
from textual.widgets import Input

from sa_chat.app.history import open_history
from sa_chat.app.session.recorder import Recorder
from sa_chat.app.session.state import Phase
from sa_chat.app.tui.screens.compare import CompareScreen
from sa_chat.app.tui.screens.main import MainScreen
from sa_chat.app.tui.screens.sessions import SessionsScreen
from sa_chat.app.tui.screens.start import StartScreen, completed
from sa_chat.app.tui.widgets.question_box import QuestionBox
from sa_chat.protocol import events, values
from sa_chat.protocol.config import OpenOptions
from sa_chat.protocol.requests import Ask, Compare, Open
from sa_chat.protocol.values import PastTurn

START = replace(LAUNCH, options=None)
KEPT = OpenOptions((os.path.abspath("book.pdf"),))  # as it can be opened from any folder
DENSE = replace(
    DONE,
    ttft=values.Ttft(0.4, 0.2, 0.0, 120.0),
    attention=values.AttentionFigures("dense", 0.95, 1.0, 1.0),
)


def recorder() -> Recorder:
    history, trouble = open_history()
    assert not trouble
    return Recorder(history)


async def shows(pilot: Pilot[None], text: str) -> None:
    """Wait until it is on the screen."""
    app = pilot.app
    assert isinstance(app, StandInApp)
    async with asyncio.timeout(20.0):
        while text not in screen_text(app):
            await pilot.pause(0.05)


async def talked(pilot: Pilot[None], *said: tuple[str, str]) -> StandInApp:
    app = pilot.app
    assert isinstance(app, StandInApp)
    await app.say(pilot, DOCUMENT, MODEL, progress(131_002, 33.6), DONE)
    for number, (question, text) in enumerate(said, start=1):
        app.screen.query_one(QuestionBox).text = question
        await pilot.press("enter")
        await pilot.pause()
        await app.say(pilot, answer(f"q{number}", text, question=question))
    return app


async def kept(*said: tuple[str, str], draft: str = "") -> None:
    """A conversation of a program that has ended."""
    app = StandInApp(recorder=recorder())
    async with app.run_test(size=(120, 36)) as pilot:
        await talked(pilot, *said)
        app.screen.query_one(QuestionBox).text = draft
        await pilot.pause(1.2)


@pytest.mark.asyncio
async def test_a_conversation_is_gone_on_with_where_it_was_left() -> None:
    await kept(("Who?", "Ishmael."), ("Where?", "At sea."), draft="And wh")
    app = StandInApp(replace(LAUNCH, resume=True), recorder())
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause(0.3)
        said = (PastTurn("Who?", "Ishmael."), PastTurn("Where?", "At sea."))
        assert app.clients[0].sent == [Open("o1", KEPT, replay_turns=said, text=True)]
        assert app.screen.query_one(QuestionBox).text == "And wh"
        await app.say(pilot, DOCUMENT, MODEL, DONE)
        assert "At sea." in screen_text(app)
        await pilot.press("y", "enter")
        await app.say(pilot, answer("q3", "Yes."))
    history, _ = open_history()
    assert history is not None
    (info,) = history.sessions()
    assert [turn.text for turn in history.load(info.id).turns] == ["Ishmael.", "At sea.", "Yes."]
    history.close()


@pytest.mark.asyncio
async def test_what_was_not_answered_is_asked_when_it_is_gone_on() -> None:
    app = StandInApp(recorder=recorder())
    async with app.run_test(size=(120, 36)) as pilot:
        await app.say(pilot, DOCUMENT, MODEL)
        app.screen.query_one(QuestionBox).text = "Too early?"
        await pilot.press("enter")
        await pilot.pause(0.2)
    app = StandInApp(replace(LAUNCH, resume=True), recorder())
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause(0.3)
        assert app.clients[0].sent == [Open("o1", KEPT, text=True), Ask("q1", "Too early?")]


@pytest.mark.asyncio
async def test_sessions_are_searched_renamed_exported_deleted(tmp_path: Path) -> None:
    await kept(("Who is Ahab?", "The captain."))
    await kept(("Who is Ishmael?", "The narrator [bold]himself[/bold]."))
    app = StandInApp(recorder=recorder())
    async with app.run_test(size=(120, 36)) as pilot:
        await talked(pilot)
        await pilot.press("f7")
        await pilot.pause(0.2)
        shown = screen_text(app)
        assert shown.index("Who is Ishmael?") < shown.index("Who is Ahab?")
        await pilot.press("slash", *"capt")
        await pilot.pause(0.2)
        shown = screen_text(app)
        assert "The captain." in shown
        assert "Ishmael" not in shown
        await pilot.press("enter", "r")
        await pilot.pause(0.2)
        app.screen.query_one(Input).value = "the old man"
        await pilot.press("enter")
        await pilot.pause(0.2)
        assert "the old man" in screen_text(app)

        for key, suffix in (("e", "md"), ("J", "json")):
            target = tmp_path / f"talk.{suffix}"
            await pilot.press(key)
            await pilot.pause(0.2)
            app.screen.query_one(Input).value = str(target)
            await pilot.press("enter")
            await pilot.pause(0.2)
            assert "The captain." in target.read_text()
        assert json.loads((tmp_path / "talk.json").read_text())
        await pilot.press("e")
        await pilot.pause(0.2)
        app.screen.query_one(Input).value = str(tmp_path / "talk.md")
        await pilot.press("enter")
        await pilot.pause(0.2)
        assert "talk.md" in screen_text(app)  # it is there, and stays as it is

        await pilot.press("d")
        await pilot.pause(0.1)
        assert "Press d again" in screen_text(app)
        await pilot.press("d")
        await pilot.pause(0.2)
        assert "No conversation has these words." in screen_text(app)
        await pilot.press("slash", "escape", "escape")
        await pilot.pause(0.2)
        assert isinstance(app.screen, MainScreen)


@pytest.mark.asyncio
async def test_another_session_takes_the_place_of_this_one() -> None:
    await kept(("Who is Ahab?", "The captain."))
    app = StandInApp(recorder=recorder())
    async with app.run_test(size=(120, 36)) as pilot:
        await talked(pilot, ("Where?", "At sea."))
        await pilot.press("f7")
        await pilot.pause(0.2)
        await pilot.press("j", "enter")
        await pilot.pause(0.3)
        assert isinstance(app.screen, MainScreen)
        said = (PastTurn("Who is Ahab?", "The captain."),)
        assert app.clients[0].sent[-1] == Open("o2", KEPT, replay_turns=said, text=True)
        shown = screen_text(app)
        assert "The captain." in shown
        assert "At sea." not in shown


@pytest.mark.asyncio
async def test_without_a_history_nothing_is_kept_and_the_screen_says_so() -> None:
    app = StandInApp()
    async with app.run_test(size=(120, 36)) as pilot:
        await talked(pilot, ("Who?", "Ishmael."))
        await pilot.press("f7")
        await pilot.pause(0.2)
        assert isinstance(app.screen, SessionsScreen)
        assert "Conversations are not kept" in screen_text(app)


@pytest.mark.asyncio
async def test_start_opens_a_path_that_tab_completes(tmp_path: Path) -> None:
    book = tmp_path / "moby dick.txt"
    book.write_text("Call me Ishmael.")
    app = StandInApp(START)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause(0.2)
        assert isinstance(app.screen, StartScreen)
        await pilot.press(*str(tmp_path), "slash", *"mob")
        await pilot.pause(0.3)
        await pilot.press("tab")
        assert app.screen.query_one(Input).value == str(book)
        await pilot.press("x", "enter")
        await pilot.pause(0.1)
        assert "There is no" in screen_text(app)
        await pilot.press("backspace", "enter")
        await pilot.pause(0.3)
        (opened,) = app.clients[0].sent
        assert isinstance(opened, Open)
        assert opened.options.paths == (str(book),)


@pytest.mark.asyncio
async def test_start_lists_recent_documents_and_forgets_them() -> None:
    await kept()
    app = StandInApp(START, recorder())
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause(0.2)
        assert "A [bold]short[/bold] book" in screen_text(app)
        await pilot.press("down", "enter")
        await pilot.pause(0.3)
        (opened,) = app.clients[0].sent
        assert opened == Open("o1", KEPT, text=True)
    app = StandInApp(START, recorder())
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause(0.2)
        await pilot.press("down", "delete")
        await pilot.pause(0.2)
        assert "A [bold]short[/bold] book" not in screen_text(app)
        await pilot.press("enter")  # now the demonstration is the first
        await pilot.pause(0.3)
        (opened,) = app.clients[0].sent
        assert isinstance(opened, Open)
        assert opened.options.paths[0].endswith("handbook.pdf")


@pytest.mark.asyncio
async def test_leaving_the_first_screen_ends_the_program() -> None:
    app = StandInApp(START)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause(0.2)
        await pilot.press("escape")
        await pilot.pause(0.2)
        assert app.return_code == 0
    assert not app.clients


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("", None), ("no/such/folder/x", None), ("\0", None), ("alp", "alpha"),
        ("alphab", "alphabet.txt"), ("b", "beta/"), ("beta/", "beta/one"),
        ("./b", "./beta/"), ("zz", None),
    ],
)  # fmt: skip
def test_paths_are_completed(
    typed: str, found: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("alpha.txt", "alphabet.txt", "beta/one", ".hidden"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    assert completed(typed) == found


@pytest.mark.asyncio
async def test_another_model_reads_the_document() -> None:
    app = StandInApp()
    async with app.run_test(size=(120, 36)) as pilot:
        await talked(pilot, ("Who?", "Ishmael."))
        await pilot.press("f8", "tab", *"org/model", "enter")
        await pilot.pause(0.3)
        assert app.session.config.model == "org/model"
        assert app.clients[0].stopped
        said = (PastTurn("Who?", "Ishmael."),)
        assert app.clients[1].sent == [Open("o2", LAUNCH.documents, replay_turns=said, text=True)]
        assert "Ishmael." in screen_text(app)


@pytest.mark.asyncio
async def test_the_price_is_told_before_the_other_mode_reads() -> None:
    app = StandInApp()
    async with app.run_test(size=(120, 36)) as pilot:
        await talked(pilot, ("Who?", "It is Ishmael."))
        sent = len(app.clients[0].sent)
        await pilot.press("f6")
        await pilot.pause(0.2)
        shown = screen_text(app)
        assert "between 34 s and 2 min 42 s, not measured here yet" in shown
        assert "512 MiB more" in shown
        assert len(app.clients[0].sent) == sent  # nothing has begun
        await pilot.press("enter")
        await pilot.pause(0.2)
        assert app.clients[0].sent[-1] == Compare("c1", "Who?", "dense", ())
        await app.say(pilot, progress(65_536, 60.0))
        assert "65,536 / 131,002 tokens" in screen_text(app)
        await app.say(pilot, DENSE, answer("c1", "It is Ahab."))
        await pilot.pause(0.3)
        shown = screen_text(app)
        assert "The answers differ in 1 word" in shown
        for figure in ("It is Ishmael.", "It is Ahab.", "2 min 01 s", "34.5 s", "100.0%"):
            assert figure in shown
        await pilot.press("escape", "f6")
        await pilot.pause(0.2)
        assert isinstance(app.screen, CompareScreen)
        assert "The answers differ" in screen_text(app)  # it is there to be looked at again


@pytest.mark.asyncio
async def test_measuring_the_machine_for_a_comparison_is_shown() -> None:
    app = StandInApp()
    async with app.run_test(size=(120, 36)) as pilot:
        await talked(pilot, ("Who?", "It is Ishmael."))
        await pilot.press("f6", "enter")
        await pilot.pause(0.2)
        assert "Waiting for the engine" in screen_text(app)
        await app.say(pilot, events.CalibrationProgress(0.5, 1.0))
        await pilot.pause(0.2)
        assert "Measuring this machine, once" in screen_text(app)
        await app.say(pilot, progress(65_536, 60.0))
        await pilot.pause(0.2)
        assert "65,536 / 131,002 tokens" in screen_text(app)


@pytest.mark.asyncio
async def test_a_comparison_that_fails_or_is_stopped_loses_nothing() -> None:
    app = StandInApp()
    async with app.run_test(size=(120, 36)) as pilot:
        await talked(pilot, ("Who?", "Ishmael."))
        await pilot.press("f6", "enter")
        await pilot.pause(0.2)
        await app.say(pilot, events.EngineFailed("No memory.", "Close.", request_id="c1"))
        await pilot.pause(0.2)
        assert "No memory." in screen_text(app)
        assert app.session.state.phase is Phase.READY
        await pilot.press("f6", "enter")
        await pilot.pause(0.2)
        await app.say(pilot, progress(65_536, 60.0))
        await pilot.press("ctrl+x")
        await app.say(pilot, events.Cancelled("compare"))
        await pilot.pause(0.2)
        assert "stopped" in screen_text(app)
        assert app.session.state.phase is Phase.READY
        assert app.session.state.turns[-1].text == "Ishmael."


@pytest.mark.asyncio
async def test_earlier_readings_tell_the_price_and_the_wait() -> None:
    await kept(("Who?", "Ishmael."))  # read sparsely in 33.6 s
    app = StandInApp(recorder=recorder())
    async with app.run_test(size=(120, 36)) as pilot:
        await app.say(pilot, DOCUMENT, MODEL)
        app.screen.query_one(QuestionBox).text = "Early?"
        await pilot.press("enter")
        await pilot.pause(0.3)
        assert "queued · answered in about 34 s" in screen_text(app)


@pytest.mark.asyncio
async def test_a_long_conversation_comes_as_it_is_scrolled_to() -> None:
    history, _ = open_history()
    assert history is not None
    from datetime import UTC, datetime

    from sa_chat.app.history import Document, SavedTurn

    document = Document(KEPT, "A book", 131_002, datetime.now(UTC))
    session = history.begin(document, "embedded", "sparse")
    for number in range(200):
        text = f"Answer {number}.\n\nMore of it."
        history.save_turn(session, number, SavedTurn(f"Question {number}?", "done", text, None))
    app = StandInApp(replace(LAUNCH, resume=True), Recorder(history))
    async with app.run_test(size=(100, 30)) as pilot:
        await app.say(pilot, DOCUMENT, MODEL, DONE)
        await shows(pilot, "Answer 199.")
        assert len(app.screen.query("TurnView")) < 60
        app.screen.query_one("#conversation").focus()
        await pilot.press("g")
        await shows(pilot, "Question 0?")
        assert len(app.screen.query("TurnView")) < 60
        for _ in range(12):  # on from there, as it is scrolled
            await pilot.press("ctrl+d")
            await pilot.pause(0.2)
        assert "Question 0?" not in screen_text(app)
        await pilot.press("G")
        await shows(pilot, "Answer 199.")
        assert len(app.screen.query("TurnView")) < 60


@pytest.mark.asyncio
async def test_a_question_that_was_never_asked_is_there_again() -> None:
    app = StandInApp(recorder=recorder())
    async with app.run_test(size=(120, 36)) as pilot:
        await app.say(pilot, DOCUMENT, MODEL)
        app.screen.query_one(QuestionBox).text = "Who is"
        await pilot.pause()  # and at once the program ends
    app = StandInApp(replace(LAUNCH, resume=True), recorder())
    async with app.run_test(size=(120, 36)) as pilot:
        await app.say(pilot, DOCUMENT, MODEL)
        assert app.screen.query_one(QuestionBox).text == "Who is"
        app.screen.query_one(QuestionBox).text = ""
        await pilot.pause(1.3)
    history, _ = open_history()
    assert history is not None
    assert history.sessions() == []  # an empty conversation is none
    history.close()


@pytest.mark.asyncio
async def test_another_session_starts_an_engine_where_the_old_one_has_ended() -> None:
    await kept(("Who is Ahab?", "The captain."))
    app = StandInApp(recorder=recorder())
    async with app.run_test(size=(120, 36)) as pilot:
        await talked(pilot, ("Where?", "At sea."))
        await app.say(pilot, events.EngineFailed("It died.", "Again.", fatal=True))
        assert app.session.state.phase is Phase.DEAD
        await pilot.press("f7")
        await pilot.pause(0.2)
        await pilot.press("j", "enter")
        await pilot.pause(0.5)
        said = (PastTurn("Who is Ahab?", "The captain."),)
        assert app.clients[1].sent == [Open("o2", KEPT, replay_turns=said, text=True)]


@pytest.mark.asyncio
async def test_what_was_asked_and_typed_before_the_document_was_counted_is_kept() -> None:
    app = StandInApp(recorder=recorder())
    async with app.run_test(size=(120, 36)) as pilot:
        app.screen.query_one(QuestionBox).text = "Who?"
        await pilot.press("enter")
        app.screen.query_one(QuestionBox).text = "And wh"
        await pilot.pause()
    history, _ = open_history()
    assert history is not None
    (info,) = history.sessions()
    assert (info.document.title, info.document.tokens) == ("book.pdf", 0)
    saved = history.load(info.id)
    assert [(turn.question, turn.status) for turn in saved.turns] == [("Who?", "queued")]
    assert saved.draft == "And wh"
    history.close()
