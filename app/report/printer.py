"""Answers to stdout, figures and progress to stderr, as the events come."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from sa_chat.protocol.errors import SaChatError
from sa_chat.protocol.events import (
    Answer,
    CalibrationProgress,
    Event,
    LoadProgress,
    PrefillProgress,
    TextDelta,
)

from . import stats as figures
from .text import clean

_STAGES = {"parse": "parsing", "tokenize": "counting tokens", "model": "loading the model"}


def report(error: SaChatError) -> None:
    """One sentence and one hint on stderr."""
    print(clean(f"sa-chat: {error.message}"), file=sys.stderr)
    if error.hint:
        print(clean(error.hint), file=sys.stderr)


class Progress:
    """One line on stderr that overwrites itself; nothing if stderr is no terminal."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()

    def observe(self, event: Event) -> None:
        match event:
            case LoadProgress(stage=stage):
                self._draw(f"{_STAGES[stage]} ...")
            case CalibrationProgress():
                self._draw(figures.calibration(event))
            case PrefillProgress():
                self._draw(figures.progress(event))

    def clear(self) -> None:
        self._draw("")

    def tell(self, lines: Sequence[str]) -> None:
        """Lines of their own on stderr, terminal or not."""
        self.clear()
        for line in lines:
            print(line, file=sys.stderr)

    def _draw(self, line: str) -> None:
        if self._terminal:
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)


class Answers:
    """Answers to stdout as they are, with a blank line between two.

    A terminal gets them without control characters.
    """

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._said = 0
        self.begun = False  # one is being told
        self._in_line = False  # the next text would go on in it

    def say(self, text: str) -> None:
        if not self.begun:
            if self._said:
                print()
            self.begun = True
            self._said += 1
        print(clean(text) if self._terminal else text, end="", flush=True)
        self._in_line = not text.endswith("\n")

    def end(self, event: Answer) -> None:
        if not event.text.endswith("\n"):
            print(flush=True)
        self.begun = self._in_line = False

    def break_off(self) -> None:
        """End the line of an answer that was torn; the next text begins an answer of its own."""
        if self._in_line:
            print(flush=True)
        self.begun = self._in_line = False


class Printer:
    """Shows a whole conversation."""

    def __init__(self) -> None:
        self._progress = Progress()
        self._answers = Answers()

    def observe(self, event: Event) -> None:
        self._progress.observe(event)
        match event:
            case TextDelta(text=text):
                if not self._answers.begun:
                    self._progress.clear()
                self._answers.say(text)
            case Answer():
                self._answers.end(event)
        self.tell(figures.lines(event))

    def tell(self, lines: Sequence[str]) -> None:
        """Figures, on stderr."""
        if lines:
            self._progress.tell(lines)

    def break_off(self) -> None:
        """After an answer that was torn; the next text begins an answer of its own."""
        self._progress.clear()
        self._answers.break_off()
