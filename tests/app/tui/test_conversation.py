"""Whole conversations on the screen, with the fake engine in its own process."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest
from stand_in import screen_text, until
from textual.pilot import Pilot

from sa_chat.app.client.engine_process import EngineProcess
from sa_chat.app.session.state import ChatState, Notice, Phase, TurnStatus
from sa_chat.app.settings.launch import Launch
from sa_chat.app.tui.app import SaChatApp
from sa_chat.app.tui.screens.help import HelpScreen
from sa_chat.app.tui.widgets.question_box import QuestionBox
from sa_chat.protocol.config import DEFAULT_ALPHA, EngineConfig, OpenOptions

pytestmark = pytest.mark.asyncio
WriteScript = Callable[..., str]

WHALE = {
    "question": "whale",
    "text": "It says:\n\n> Call me Ishmael.\n\nand perhaps\n\n> Nobody wrote this.\n",
    "citations": [
        {"quote": "Call me Ishmael.", "path": "moby.pdf", "page": "xii", "line": 7,
         "verified": True},
        {"quote": "Nobody wrote this.", "path": "", "page": None, "line": 0, "verified": False},
    ],
}  # fmt: skip
ENDLESS = {"question": "endless", "text": "word " * 600}
CRASH = {"question": "crash", "text": "one two three four", "crash_after_tokens": 2}
REFUSAL = {"question": "", "text": "I could not find that in the document.\n"}
REPLIES = [WHALE, ENDLESS, CRASH, REFUSAL]


class Chat(SaChatApp):
    """The real screen over the fake engine; `engines[-1]` is the process in use."""

    def __init__(self, script: str) -> None:
        self.engines: list[EngineProcess] = []
        self._script = script
        launch = Launch(OpenOptions(("moby.pdf",)), EngineConfig(), script)
        super().__init__(launch, self._start_engine)

    def _start_engine(self, config: EngineConfig) -> EngineProcess:
        self.engines.append(EngineProcess(config, self._script))
        return self.engines[-1]


def settled(state: ChatState) -> bool:
    return state.phase is Phase.READY and not any(turn.status.open for turn in state.turns)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def engine_pid(app: Chat) -> int:
    pid = app.engines[-1].pid
    assert pid is not None
    return pid


async def ask(pilot: Pilot[None], *questions: str) -> None:
    for question in questions:
        pilot.app.screen.query_one(QuestionBox).text = question
        await pilot.press("enter")


async def test_the_whole_conversation(write_script: WriteScript) -> None:
    app = Chat(
        write_script(replies=REPLIES, pace=1.0, chunk_tokens=250, chunk_s=0.15, token_s=0.01)
    )
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda state: state.progress)
        assert "Reading" in screen_text(app)
        assert "/ 4,000 tokens" in screen_text(app)

        await ask(pilot, "The whale?")
        await until(pilot, lambda state: state.turns)
        assert app.session.state.phase is Phase.PREFILLING
        assert "queued" in screen_text(app)
        assert app.screen.query_one(QuestionBox).text == ""

        await until(pilot, settled)
        shown = screen_text(app)
        assert "✓ p. xii" in shown
        assert "✗ not found in the document" in shown
        assert "of attention skipped" in shown
        assert "4,000 of 4,000 tokens read, 0 dropped" in shown
        assert f"sparse, alpha {DEFAULT_ALPHA}" in shown
        assert "100 tok/s" in shown
        for part in ("parse", "tokenize", "select", "prefill", "first token", "total"):
            assert part in shown

        await pilot.press("ctrl+o")
        assert app.clipboard == WHALE["text"]

        await pilot.press("f1")
        assert isinstance(app.screen, HelpScreen)
        assert "keys everywhere" in screen_text(app)
        await pilot.press("escape")
        assert not isinstance(app.screen, HelpScreen)

        await ask(pilot, "endless")
        await until(pilot, lambda state: state.writing and "word word" in state.writing.text)
        await pilot.press("escape")
        await until(pilot, settled)
        stopped = app.session.state.turns[-1]
        assert stopped.status is TurnStatus.STOPPED
        assert 0 < stopped.text.count("word") < 600
        assert "■ stopped" in screen_text(app)

        pid = engine_pid(app)
        await pilot.press("ctrl+q")
    assert not alive(pid)


async def test_death_in_mid_answer_and_a_restart(write_script: WriteScript) -> None:
    app = Chat(write_script(replies=REPLIES, pace=0.3))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, settled)
        await ask(pilot, "whale", "endless", "a third one")
        await until(pilot, lambda state: state.turns[1].text, drawn=False)
        first_pid = engine_pid(app)
        app.screen.query_one(QuestionBox).text = "half"
        os.kill(first_pid, signal.SIGKILL)
        await until(pilot, lambda state: state.phase is Phase.DEAD)
        shown = screen_text(app)
        assert "ended unexpectedly" in shown
        marks = [str(mark.render()) for mark in app.screen.query(".status").results()]
        assert [mark for mark in marks if mark.startswith("✗ interrupted")] == marks[1:2]
        assert "Ctrl+R starts it again" in shown
        assert app.screen.query_one(QuestionBox).text == "half"

        await pilot.press("ctrl+r")
        await until(pilot, settled)
        assert engine_pid(app) != first_pid
        whale, endless, third = app.session.state.turns
        assert whale.status is TurnStatus.DONE
        assert endless.status is TurnStatus.INTERRUPTED
        assert third.status is TurnStatus.DONE
        assert third.text == REFUSAL["text"]
        assert app.screen.query_one(QuestionBox).text == "half"


async def test_a_crash_of_the_engine_is_told_once(write_script: WriteScript) -> None:
    app = Chat(write_script(replies=REPLIES))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, settled)
        await ask(pilot, "crash")
        await until(pilot, lambda state: state.phase is Phase.DEAD)
        notices = [e for e in app.session.state.entries if isinstance(e, Notice)]
        assert len(notices) == 1
        assert app.session.state.turns[0].status in (TurnStatus.INTERRUPTED, TurnStatus.QUEUED)


async def test_a_document_that_cannot_be_opened(write_script: WriteScript) -> None:
    failure = {"kind": "document", "message": "moby.pdf [x] is encrypted.", "hint": "Unlock it."}
    app = Chat(write_script(open_failure=failure))
    async with app.run_test(size=(120, 40)) as pilot:
        await ask(pilot, "whale")
        await until(pilot, lambda state: state.phase is Phase.FAILED)
        shown = screen_text(app)
        assert "moby.pdf [x] is encrypted." in shown
        assert "Unlock it." in shown
        assert "No document is open" in shown
        assert app.session.state.turns[0].status is TurnStatus.QUEUED

        write_script()
        await pilot.press("ctrl+r")
        await until(pilot, lambda state: len(state.entries) > 2 or settled(state))
        assert app.session.state.turns[0].status is TurnStatus.QUEUED


async def test_stopping_the_prefill_and_taking_it_up_again(write_script: WriteScript) -> None:
    app = Chat(write_script(replies=REPLIES, pace=0.4))
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda state: state.progress)
        await pilot.press("escape")
        await until(pilot, lambda state: state.phase is Phase.PAUSED)
        assert "Reading stopped" in screen_text(app)
        await ask(pilot, "whale")
        await until(pilot, settled)
        assert app.session.state.turns[0].status is TurnStatus.DONE


async def test_the_document_text_is_never_markup(write_script: WriteScript) -> None:
    evil = "[bold]x[/bold] [link='http://x.y']y[/link] [/nonsense"
    reply = {
        "question": "",
        "text": f"{evil}\n\n> {evil}\n",
        "citations": [
            {"quote": evil, "path": "[b]a[/b].txt", "page": None, "line": 3, "verified": True}
        ],
    }
    left_out = [{"path": "[i]b[/i]", "reason": "[red]why[/red]"}]
    failing = {
        "question": "fail",
        "failure": {"kind": "overflow", "message": f"No {evil}", "hint": f"Yes {evil}"},
    }
    script = write_script(
        title=evil, replies=[failing, reply], left_out=left_out, model="[red]m[/red]"
    )
    app = Chat(script)
    async with app.run_test(size=(200, 60)) as pilot:
        await until(pilot, settled)
        await ask(pilot, evil)
        await until(pilot, settled)
        await ask(pilot, "fail")
        await until(pilot, lambda state: len(state.entries) == 3)
        shown = screen_text(app)
    assert shown.count(evil) >= 7  # title twice, question, answer twice, citation, notice twice
    for literal in ("[b]a[/b].txt:3", "[i]b[/i]: [red]why[/red]", "[red]m[/red]"):
        assert literal in shown
    assert f"No {evil}" in shown
    assert f"Yes {evil}" in shown
