"""`--plain`: questions from stdin, line by line; answers to stdout.  Needs no terminal."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Iterator

from sa_chat.engine.errors import SaChatError

from .dialogue import Dialogue
from .launch import Launch
from .printer import Printer, report


def run_plain(launch: Launch) -> int:
    """The exit code of the first failed question, or 0.

    Raises `SaChatError` if the documents cannot be read or the engine is gone.
    """
    code = 0
    printer = Printer()
    dialogue = Dialogue(launch, printer.observe)
    with asyncio.Runner() as runner:
        try:
            runner.run(dialogue.open())
            for question in _questions():
                try:
                    runner.run(dialogue.ask(question))
                except SaChatError as error:
                    if dialogue.ended:
                        raise
                    printer.break_off()
                    report(error)
                    code = code or error.exit_code
        finally:
            _settle(runner.get_loop())
            runner.run(dialogue.close())
            printer.break_off()
    return code


def _settle(loop: asyncio.AbstractEventLoop) -> None:
    """One empty round.  Ctrl+C at the very end of a `run` leaves the order to stop in the loop's
    queue, where it would end the next `run` before it began."""
    loop.call_soon(loop.stop)
    loop.run_forever()


def _questions() -> Iterator[str]:
    """Lines that are not blank; with a prompt if somebody types them."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    while True:
        if sys.stdin.isatty():
            print("? ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            return
        if question := line.strip():
            yield question
