"""Plain mode, as somebody uses it who hears the terminal instead of seeing it."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import pty
import re
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from typing import Any

import pytest

from sa_chat.app.client.engine_process import EngineProcess
from sa_chat.app.headless import dialogue
from sa_chat.app.headless.conversation import run_plain
from sa_chat.app.headless.dialogue import Dialogue
from sa_chat.app.settings.launch import Launch
from sa_chat.protocol.config import EngineConfig, OpenOptions
from sa_chat.protocol.requests import Ask, Request

WriteScript = Callable[..., str]
# In a session of its own, of which the terminal is the controlling one: Ctrl+C is a key there.
COMMAND = [
    sys.executable,
    "-c",
    "import fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    "from sa_chat.app.cli import main; sys.exit(main())",
]
PATIENCE_S = 20.0


class Typist:
    """Types at a terminal that changes nothing of what it is sent."""

    def __init__(self, *argv: str, stdout: int | None = None) -> None:
        self._end, terminal = pty.openpty()
        modes = termios.tcgetattr(terminal)
        modes[1] &= ~termios.OPOST  # a newline stays one
        termios.tcsetattr(terminal, termios.TCSANOW, modes)
        self.process = subprocess.Popen(
            [*COMMAND, *argv],
            stdin=terminal,
            stdout=terminal if stdout is None else stdout,
            stderr=terminal,
            start_new_session=True,
        )
        os.close(terminal)
        self.heard = b""
        self._at = 0  # up to here it was waited for

    def type(self, keys: str) -> None:
        os.write(self._end, keys.encode())

    def wait_for(self, words: str) -> None:
        until = time.monotonic() + PATIENCE_S
        while (found := self.heard.find(words.encode(), self._at)) < 0:
            assert time.monotonic() < until, f"no {words!r} in {self.heard[self._at :]!r}"
            self.heard += os.read(self._end, 65_536)
        self._at = found + len(words)

    def ask(self, question: str) -> None:
        self.wait_for("Question: ")
        self.type(f"{question}\n")

    def end(self) -> int:
        """The exit code, once all was heard."""
        with contextlib.suppress(OSError):  # EIO: the other end is closed
            while part := os.read(self._end, 65_536):
                self.heard += part
        os.close(self._end)
        return self.process.wait(PATIENCE_S)

    @property
    def transcript(self) -> str:
        return self.heard.decode()


REPLIES: list[dict[str, Any]] = [
    {
        "question": "whale",
        "text": "# The \x1b[31mred\x07 *whale*\r\n\n> Call me **Ishmael**.\n\n"
        "```python\n\tif x:\n```\n",
        "citations": [
            {
                "quote": "Call me Ishmael.",
                "path": "moby.pdf",
                "page": "12",
                "line": 3,
                "verified": True,
            },
            {
                "quote": "Nobody\nwrote this.",
                "path": "",
                "page": None,
                "line": 0,
                "verified": False,
            },
        ],
    },
    {"question": "long", "text": "A first line.\n" + "word " * 5_000},
    {"question": "impossible", "failure": {"kind": "overflow", "message": "Too long."}},
    {"question": "", "text": "I could not find that.\n"},
]


def test_a_conversation_on_a_terminal(write_script: WriteScript) -> None:
    script = write_script(
        replies=REPLIES, pace=1.0, load_s=0, parse_s=0, tokenize_s=0, chunk_s=0, token_s=0.01
    )
    person = Typist("moby.pdf", "--plain", "--fake-engine", script)
    person.ask("the whale?")
    person.ask("a long one")
    person.wait_for("A first line.\n")
    time.sleep(0.1)
    person.type("\x03")
    for line in ("/quotations", "/figures", "/help", "/sing", "/stop", "impossible", "/again"):
        person.ask(line)
    person.ask("/etc/hosts has what?")
    person.ask("/quit")
    assert person.end() == 4  # of the impossible question
    assert {byte for byte in person.heard if byte < 0x20} <= {0x09, 0x0A}
    assert not re.search("[\u2500-\u259f·×✓✗…]", person.transcript)
    assert person.transcript.startswith("The files are being opened.\n")
    for said in (
        "The document is A short book.\nIt has 4,000 tokens, and there is room for 131,072.\n",
        "Type a question and press Enter.\nType /help to hear the commands.\nQuestion: the whale?\n"
        "Answer:\nHeading: The red whale\nQuote: Call me Ishmael.\n"
        "Code, python.\n\tif x:\nEnd of code.\n"
        "Quotation 1, verified, page 12: Call me Ishmael.\n"
        "Quotation 2 is not in the document: Nobody wrote this.\nQuestion: ",
        "\nThe answer was stopped.\nQuestion: /quotations\nThere are no quotations.\n",
        "\nRecall is 87.5 percent on average.\n",
        "\nWeights take 62 mebibytes.\n",
        "\nThere is no command /sing; type /help for the list.\n",
        "\nNothing is being answered now.\n",
        "Question: /etc/hosts has what?\nAnswer:\nI could not find that.\nQuestion: /quit\n",
    ):
        assert said in person.transcript
    assert re.search(
        r"A first line\.\n\^C\n(word )+word\nThe answer was stopped", person.transcript
    )
    assert person.transcript.count("sa-chat: Too long.\n") == 2


def test_ctrl_c_and_ctrl_d_at_the_prompt_end_the_program(write_script: WriteScript) -> None:
    for key, code in (("\x03", 130), ("\x04", 0)):
        person = Typist("a", "--plain", "--fake-engine", write_script())
        person.wait_for("Question: ")
        person.type(key)
        assert person.end() == code
        assert person.transcript.endswith("\n")
        assert "Traceback" not in person.transcript


def test_ctrl_c_while_the_document_is_read_ends_the_program(write_script: WriteScript) -> None:
    script = write_script(pace=1.0, load_s=0, parse_s=0, tokenize_s=0, chunk_s=30)
    person = Typist("a", "--plain", "--fake-engine", script)
    person.wait_for("The model begins to read.\n")
    person.type("\x03")
    assert person.end() == 130
    assert person.transcript.endswith("^C\n")


def test_an_answer_into_a_pipe_stays_as_it_is(write_script: WriteScript) -> None:
    read_end, write_end = os.pipe()
    script = write_script(replies=REPLIES)
    person = Typist("a", "--plain", "--fake-engine", script, stdout=write_end)
    os.close(write_end)
    person.ask("whale")
    person.ask("/quit")
    with os.fdopen(read_end, "rb") as pipe:
        assert pipe.read() == str(REPLIES[0]["text"]).encode()
    assert person.end() == 0
    assert "Quotation 1, verified, page 12: Call me Ishmael." in person.transcript


def test_commands_of_a_pipe_are_questions(write_script: WriteScript) -> None:
    program = "import sys; from sa_chat.app.cli import main; sys.exit(main())"
    script = write_script(replies=REPLIES)
    done = subprocess.run(
        [sys.executable, "-c", program, "a", "--plain", "--fake-engine", script],
        input="/help\n/quit\n",
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0
    assert done.stdout == "I could not find that.\n\nI could not find that.\n"
    assert "Question" not in done.stderr


class _Typed(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_again_replaces_what_was_answered(
    write_script: WriteScript, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Request] = []

    class Recorder(EngineProcess):
        async def send(self, request: Request) -> None:
            sent.append(request)
            await super().send(request)

    monkeypatch.setattr(dialogue, "EngineProcess", Recorder)
    monkeypatch.setattr(
        sys, "stdin", _Typed("/again\nwhale\n/again\nimpossible\n/again\n/AGAIN\nmoon\n/again\n")
    )
    launch = Launch(OpenOptions(("a",)), EngineConfig(), write_script())
    assert run_plain(launch) == 4
    asked = [(each.question, each.replaces_last) for each in sent if isinstance(each, Ask)]
    assert asked == [
        ("whale", False),
        ("whale", True),
        ("impossible", False),
        ("impossible", False),
        ("impossible", False),
        ("moon", False),
        ("moon", True),
    ]


def test_cancel_without_a_question_does_nothing(write_script: WriteScript) -> None:
    async def main() -> list[str]:
        said = list[str]()
        talk = Dialogue(
            Launch(OpenOptions(("a",)), EngineConfig(), write_script()),
            lambda event: said.append(type(event).__name__),
        )
        await talk.open()
        await asyncio.wait_for(talk.cancel(), PATIENCE_S)
        await talk.ask("whale")
        await talk.close()
        return said

    assert asyncio.run(main())[-1] == "Answer"
