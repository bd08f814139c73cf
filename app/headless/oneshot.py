"""`--ask` and `--json`: read once, answer everything that was asked, end."""

from __future__ import annotations

import asyncio
import json

from sa_chat.protocol.errors import SaChatError
from sa_chat.protocol.events import CalibrationProgress, DocumentReady, Event

from ..report import stats as figures
from ..report.outcome import Outcome
from ..report.printer import Printer, Progress, report
from ..settings.launch import Launch
from .dialogue import Dialogue


def run_text(launch: Launch) -> int:
    """Answers to stdout, figures to stderr; the exit code of the first failure, or 0.

    Raises `SaChatError` if the documents cannot be read.
    """
    return asyncio.run(_text(launch))


def run_json(launch: Launch) -> int:
    """One JSON object to stdout, what was left out to stderr.

    Raises `SaChatError` for the first failure, then prints no object.
    """
    return asyncio.run(_json(launch))


async def _text(launch: Launch) -> int:
    printer, outcome = Printer(), Outcome()

    def watch(event: Event) -> None:
        outcome.observe(event)
        printer.observe(event)

    code = 0
    dialogue = Dialogue(launch, watch)
    try:
        await dialogue.open()
        for question in launch.questions:
            try:
                await dialogue.ask(question)
            except SaChatError as error:
                if dialogue.ended:
                    raise
                printer.break_off()
                report(error)
                code = code or error.exit_code
        await dialogue.measure()
        printer.tell(figures.memory(outcome.devices))
    finally:
        await dialogue.close()
        printer.break_off()
    return code


async def _json(launch: Launch) -> int:
    progress, outcome = Progress(), Outcome()

    def watch(event: Event) -> None:
        outcome.observe(event)
        progress.observe(event)
        if isinstance(event, DocumentReady):
            progress.tell(figures.left_out(event))
        elif isinstance(event, CalibrationProgress):
            progress.tell(figures.lines(event))

    dialogue = Dialogue(launch, watch)
    try:
        await dialogue.open()
        for question in launch.questions:
            await dialogue.ask(question)
        await dialogue.measure()
    finally:
        progress.clear()
        await dialogue.close()
    # Escaped: valid whatever encoding the terminal or pipe has.
    print(json.dumps(outcome.as_json(), indent=2, allow_nan=False))
    return 0
