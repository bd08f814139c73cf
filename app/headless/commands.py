"""The commands of plain mode: words that begin with a slash."""

from __future__ import annotations

import re
from collections.abc import Iterator

COMMANDS = {
    "again": "asks the last question again; the new answer takes the place of the old one.",
    "quotations": "repeats the quotations of the last answer.",
    "figures": "lists density, recall, speed and memory.",
    "left-out": "lists what of the documents is not read.",
    "stop": "stops an answer; while one is being written, press Control C instead.",
    "quit": "ends the program, and so does Control D.",
    "help": "lists these commands.",
}
_COMMAND = re.compile(r"/([A-Za-z-]+)")


def command_of(line: str) -> str | None:
    """The word after the slash, known or not; None for a question.

    A path such as `/etc/hosts` has more than one slash and is a question.
    """
    match = _COMMAND.fullmatch(line)
    return None if match is None else match[1].lower()


def help_lines() -> Iterator[str]:
    yield "Type a question and press Enter to ask it."
    yield "The answer comes line by line, each line when it is complete."
    yield "Its quotations follow, each with its place in the document."
    yield "Control C stops the answer; without an answer it ends the program."
    for name, does in COMMANDS.items():
        yield f"/{name} {does}"
