"""Answers to stdout, figures and progress to stderr, as the events come."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from sa_chat.engine.errors import SaChatError
from sa_chat.engine.events import (
    Answer,
    DocumentReady,
    Event,
    LoadProgress,
    PrefillDone,
    PrefillProgress,
    TextDelta,
)

from . import figures
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
            case PrefillProgress():
                self._draw(figures.progress(event))

    def clear(self) -> None:
        self._draw("")

    def tell(self, lines: Iterable[str]) -> None:
        """Lines of their own on stderr, terminal or not."""
        self.clear()
        for line in lines:
            print(line, file=sys.stderr)

    def _draw(self, line: str) -> None:
        if self._terminal:
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)


class Printer:
    """Shows a whole conversation.

    A terminal gets answers without control characters; a pipe gets them as they are.
    """

    def __init__(self) -> None:
        self._progress = Progress()
        self._terminal = sys.stdout.isatty()
        self._answers = 0
        self._in_answer = False
        self._in_line = False  # of an answer; the next text would go on in it

    def observe(self, event: Event) -> None:
        self._progress.observe(event)
        match event:
            case DocumentReady():
                self.tell(figures.document(event))
            case PrefillDone():
                self.tell(figures.prefill(event))
            case TextDelta(text=text):
                self._say(text)
            case Answer():
                self._end_answer(event)
                self.tell(figures.answer(event))

    def tell(self, lines: Iterable[str]) -> None:
        """Figures, on stderr."""
        self._progress.tell(lines)

    def break_off(self) -> None:
        """End the line of an answer that was torn; the next text begins an answer of its own."""
        self._progress.clear()
        if self._in_line:
            print(flush=True)
        self._in_answer = self._in_line = False

    def _say(self, text: str) -> None:
        if not self._in_answer:
            self._progress.clear()
            if self._answers:
                print()
            self._in_answer = True
            self._answers += 1
        print(clean(text) if self._terminal else text, end="", flush=True)
        self._in_line = not text.endswith("\n")

    def _end_answer(self, event: Answer) -> None:
        if not event.text.endswith("\n"):
            print(flush=True)
        self._in_answer = self._in_line = False
