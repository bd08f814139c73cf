"""`--count` and `--show-text`: what the model would read, without a prefill."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict

from sa_chat.protocol.errors import ContextOverflow
from sa_chat.protocol.events import DocumentCounted, DocumentText, Event
from sa_chat.protocol.text import clean

from ..report import stats, text
from ..report.printer import Progress
from ..session.part_tree import Budget
from ..settings.launch import Launch
from .dialogue import Dialogue


def run_count(launch: Launch) -> int:
    """Print the parts and their tokens as a tree; 0 if the document fits.

    Afterwards raises `ContextOverflow` if it does not fit.  Raises `SaChatError` if the documents
    cannot be read.
    """
    counted = asyncio.run(_counted(launch))
    for line in tree(counted):
        print(clean(line) if sys.stdout.isatty() else line)
    return _code(counted)


def run_count_json(launch: Launch) -> int:
    """Print the parts and their tokens as one JSON object; otherwise as `run_count`."""
    counted = asyncio.run(_counted(launch))
    print(json.dumps(_object(counted), indent=2))
    return _code(counted)


def _code(counted: DocumentCounted) -> int:
    if counted.excess_tokens > 0:
        raise ContextOverflow(
            f"That is {text.plural(counted.excess_tokens, 'token')} too many.",
            "Add --fit to leave out what is proposed." if counted.proposal else "Give less.",
        )
    return 0


def run_show_text(launch: Launch) -> int:
    """Print exactly what the model would read to stdout, and what is left out to stderr."""
    progress = Progress()

    def watch(event: Event) -> None:
        progress.observe(event)
        if isinstance(event, DocumentCounted):
            progress.print_lines(stats.counted(event))
        if isinstance(event, DocumentText):
            read = event.head + event.text
            sys.stdout.write(clean(read) if sys.stdout.isatty() else read)

    asyncio.run(_run(launch, watch, with_text=True))
    return 0


async def _counted(launch: Launch) -> DocumentCounted:
    progress, counted = Progress(), list[DocumentCounted]()

    def watch(event: Event) -> None:
        progress.observe(event)
        if isinstance(event, DocumentCounted):
            counted.append(event)

    await _run(launch, watch, with_text=False)
    progress.clear()
    return counted[-1]


async def _run(launch: Launch, watch: Callable[[Event], None], with_text: bool) -> None:
    dialogue = Dialogue(launch, watch)
    try:
        await dialogue.count(with_text)
    finally:
        await dialogue.close()


def tree(event: DocumentCounted) -> Iterator[str]:
    """Folders, files and chapters with their tokens, what is left out, and what could be."""
    total = text.count(event.prompt_tokens)
    width = len(total)
    room = event.context_tokens - event.reserve_tokens
    yield (
        f"{total}  {text.one_line(event.title)}: {text.count(room)} fit "
        f"({text.count(event.context_tokens)} of context less "
        f"{text.count(event.reserve_tokens)} for questions and answers)"
    )
    for node in Budget(event).root.below():
        depth = sum(1 for _ in node.line_up()) - 1
        if depth:
            indent = "  " * depth
            yield f"{text.count(node.tokens):>{width}}  {indent}{text.one_line(node.name)}"
    yield from stats.left_out(event)
    for drop in event.proposal:
        yield f"proposed: {drop.flag}  ({drop.why}, {text.plural(drop.tokens, 'token')})"


def _object(event: DocumentCounted) -> dict[str, object]:
    return {
        "documents": list(event.paths),
        "prompt_tokens": event.prompt_tokens,
        "context_tokens": event.context_tokens,
        "reserve_tokens": event.reserve_tokens,
        "dropped_tokens": event.dropped_tokens,
        "excess_tokens": max(0, event.excess_tokens),
        "sections": [asdict(section) for section in event.sections],
        "left_out": [asdict(item) for item in event.left_out],
        "proposal": [
            {"name": d.name, "why": d.why, "tokens": d.tokens, "flag": d.flag}
            for d in event.proposal
        ],
    }
