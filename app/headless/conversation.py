"""`--plain`: questions line by line, from a person at a terminal or from a pipe.

Nothing is ever redrawn.  A terminal gets sentences, for a screen reader or a synthesizer; a pipe
gets the answers as they are on stdout, and figures on stderr.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Iterable, Iterator

from sa_chat.protocol.errors import SaChatError
from sa_chat.protocol.events import Answer, Event, TextDelta

from ..report import stats as figures
from ..report.printer import Answers, report
from ..settings.launch import Launch
from .commands import command_of, help_lines
from .dialogue import Dialogue
from .narrator import Narrator
from .speech import SpokenAnswers


def run_plain(launch: Launch) -> int:
    """The exit code of the first failed question, or 0.

    Raises `SaChatError` if the documents cannot be read or the engine is gone.
    """
    with asyncio.Runner() as runner:
        return _Plain(launch, runner).run()


class _Plain:
    """A conversation; each step is a `run` of its own, so that Ctrl+C ends only that."""

    def __init__(self, launch: Launch, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._typed = sys.stdin.isatty()
        self._narrator = Narrator()
        self._tells_sentences = sys.stderr.isatty()
        self._answers = SpokenAnswers() if sys.stdout.isatty() else Answers()
        self._dialogue = Dialogue(launch, self._observe)
        self._question = ""  # that was asked last
        self._answered = False  # and has an answer, whole or not
        self._code = 0

    def run(self) -> int:
        try:
            self._runner.run(self._dialogue.open())
            if self._typed:
                _tell(("Type a question and press Enter.", "Type /help to hear the commands."))
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
        """Obey or answer; False after the last line."""
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
                    _tell(self._narrator.figures())
                case _:
                    _tell(self._reply(command))
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
        return (f"There is no command /{command}; type /help to hear those there are.",)

    def _ask_again(self) -> None:
        if self._question:
            self._ask(self._question, self._answered)
        else:
            _tell(("Nothing was asked yet.",))

    def _ask(self, question: str, replaces_last: bool = False) -> None:
        """Ctrl+C at a terminal stops the answer only; a second one ends the program."""
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
        told = list(self._narrator.lines(event))
        _tell(told if self._tells_sentences else figures.lines(event))
        if isinstance(event, TextDelta):
            self._answers.say(event.text)


def _tell(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, file=sys.stderr, flush=True)


def _end_line() -> None:
    """The terminal has written `^C`, or the prompt was left."""
    print(file=sys.stderr, flush=True)


def _settle(loop: asyncio.AbstractEventLoop) -> None:
    """One empty round.  Ctrl+C at the very end of a `run` leaves the order to stop in the loop's
    queue, where it would end the next `run` before it began."""
    loop.call_soon(loop.stop)
    loop.run_forever()


def _lines(typed: bool) -> Iterator[str]:
    """What stands in lines that are not blank; with a prompt if somebody types them."""
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
        if said := line.strip():
            yield said
