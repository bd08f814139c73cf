"""`--ask` and `--json`: prefill once, answer all questions, exit."""

from __future__ import annotations

import asyncio
import json

from sa_chat.protocol.errors import SaChatError
from sa_chat.protocol.events import CalibrationProgress, DocumentReady, Event

from ..report import stats
from ..report.outcome import Outcome
from ..report.printer import Printer, Progress, report
from ..settings.launch import Launch
from .dialogue import Dialogue


def run_text(launch: Launch) -> int:
    """Print answers to stdout and figures to stderr; the exit code of the first failure, or 0.

    Raises `SaChatError` if the documents cannot be read.
    """
    return asyncio.run(_text(launch))


def run_json(launch: Launch) -> int:
    """Print one JSON object to stdout, and what was left out to stderr.

    Raises `SaChatError` for the first failure, without printing an object.
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
        printer.print_lines(stats.memory(outcome.devices))
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
            progress.print_lines(stats.left_out(event))
        elif isinstance(event, CalibrationProgress):
            progress.print_lines(stats.lines(event))

    dialogue = Dialogue(launch, watch)
    try:
        await dialogue.open()
        for question in launch.questions:
            await dialogue.ask(question)
        await dialogue.measure()
    finally:
        progress.clear()
        await dialogue.close()
    # ASCII only: valid in any encoding of the terminal or pipe.
    print(json.dumps(outcome.as_json(), indent=2, allow_nan=False))
    return 0
