"""`--plain`: questions line by line, from a terminal or a pipe.

Nothing is ever redrawn.  A terminal gets plain sentences, for screen readers and speech
synthesizers; a pipe gets unchanged answers on stdout and figures on stderr.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Iterable, Iterator

from sa_chat.protocol.errors import SaChatError
from sa_chat.protocol.events import Answer, Event, TextDelta

from ..report import stats
from ..report.printer import Answers, report
from ..settings.launch import Launch
from .commands import command_of, help_lines
from .dialogue import Dialogue
from .narrator import Narrator
from .speech import SpeechAnswers


def run_plain(launch: Launch) -> int:
    """Answer questions from stdin; the exit code of the first failed question, or 0.

    Raises `SaChatError` if the documents cannot be read or the engine is gone.
    """
    with asyncio.Runner() as runner:
        return _Plain(launch, runner).run()


class _Plain:
    """A conversation; each step is a separate `run`, so that Ctrl+C ends only that step."""

    def __init__(self, launch: Launch, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._typed = sys.stdin.isatty()
        self._narrator = Narrator()
        self._plain_text = sys.stderr.isatty()
        self._answers = SpeechAnswers() if sys.stdout.isatty() else Answers()
        self._dialogue = Dialogue(launch, self._observe)
        self._question = ""  # the last one
        self._answered = False  # it has an answer, complete or stopped
        self._code = 0

    def run(self) -> int:
        try:
            self._runner.run(self._dialogue.open())
            if self._typed:
                _print_lines(
                    ("Type a question and press Enter.", "Type /help to hear the commands.")
                )
            for line in _lines(self._typed):
                if not self._take(line):
                    break
        except KeyboardInterrupt:
            if self._typed:
                _end_line()
            raise
        finally:
            _settle(self._runner.get_loop())
            self._runner.run(self._dialogue.close())
            self._answers.break_off()
        return self._code

    def _take(self, line: str) -> bool:
        """Run a command or answer a question; False after the last line."""
        command = command_of(line) if self._typed else None
        try:
            match command:
                case None:
                    self._ask(line)
                case "quit":
                    return False
                case "again":
                    self._ask_again()
                case "figures":
                    self._runner.run(self._dialogue.measure())
                    _print_lines(self._narrator.stats())
                case _:
                    _print_lines(self._reply(command))
        except SaChatError as error:
            if self._dialogue.ended:
                raise
            self._answers.break_off()
            report(error)
            self._code = self._code or error.exit_code
        return True

    def _reply(self, command: str) -> Iterable[str]:
        match command:
            case "help":
                return help_lines()
            case "quotations":
                return self._narrator.quotations()
            case "left-out":
                return self._narrator.left_out()
            case "stop":
                return ("Nothing is being answered now.",)
        return (f"There is no command /{command}; type /help for the list.",)

    def _ask_again(self) -> None:
        if self._question:
            self._ask(self._question, self._answered)
        else:
            _print_lines(("Nothing was asked yet.",))

    def _ask(self, question: str, replaces_last: bool = False) -> None:
        """Answer a question.  Ctrl+C at a terminal stops it; a second one ends the program."""
        self._question, self._answered = question, False
        try:
            self._runner.run(self._dialogue.ask(question, replaces_last))
        except KeyboardInterrupt:
            if not self._typed:
                raise
            _settle(self._runner.get_loop())
            _end_line()
            self._runner.run(self._dialogue.cancel())

    def _observe(self, event: Event) -> None:
        if isinstance(event, Answer):
            self._answered = True
            self._answers.end(event)
        sentences = list(self._narrator.lines(event))
        _print_lines(sentences if self._plain_text else stats.lines(event))
        if isinstance(event, TextDelta):
            self._answers.say(event.text)


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, file=sys.stderr, flush=True)


def _end_line() -> None:
    """End the line of the prompt, or the one in which the terminal wrote `^C`."""
    print(file=sys.stderr, flush=True)


def _settle(loop: asyncio.AbstractEventLoop) -> None:
    """Run the loop once.  Ctrl+C at the very end of a `run` leaves a callback in the loop's queue
    that would otherwise stop the next `run` at once."""
    loop.call_soon(loop.stop)
    loop.run_forever()


def _lines(typed: bool) -> Iterator[str]:
    """The lines of stdin that are not blank; with a prompt if they are typed."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    while True:
        if typed:
            print("Question: ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            if typed:
                _end_line()
            return
        if text := line.strip():
            yield text
