"""Prints answers to stdout, figures and progress to stderr."""

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
from sa_chat.protocol.text import clean

from . import stats

_STAGES = {"parse": "parsing", "tokenize": "counting tokens", "model": "loading the model"}


def report(error: SaChatError) -> None:
    """Print the error and its hint to stderr."""
    print(clean(f"sa-chat: {error.message}"), file=sys.stderr)
    if error.hint:
        print(clean(error.hint), file=sys.stderr)


class Progress:
    """A progress line on stderr that is redrawn; nothing if stderr is not a terminal."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()

    def observe(self, event: Event) -> None:
        match event:
            case LoadProgress(stage=stage):
                self._draw(f"{_STAGES[stage]} ...")
            case CalibrationProgress():
                self._draw(stats.calibration(event))
            case PrefillProgress():
                self._draw(stats.progress(event))

    def clear(self) -> None:
        self._draw("")

    def print_lines(self, lines: Sequence[str]) -> None:
        """Print lines to stderr, terminal or not."""
        self.clear()
        for line in lines:
            print(line, file=sys.stderr)

    def _draw(self, line: str) -> None:
        if self._terminal:
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)


class Answers:
    """Prints answers unchanged to stdout, separated by blank lines.

    For a terminal, control characters are removed.
    """

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._said = 0
        self.begun = False  # an answer is being printed
        self._in_line = False  # the current line is not ended

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
        """End the line of an interrupted answer; the next text begins another one."""
        if self._in_line:
            print(flush=True)
        self.begun = self._in_line = False


class Printer:
    """Prints a whole conversation."""

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
        self.print_lines(stats.lines(event))

    def print_lines(self, lines: Sequence[str]) -> None:
        """Print figures to stderr."""
        if lines:
            self._progress.print_lines(lines)

    def break_off(self) -> None:
        """End an interrupted answer; the next text begins another one."""
        self._progress.clear()
        self._answers.break_off()
