"""What can be typed in plain mode beside questions: words that begin with a slash."""

from __future__ import annotations

import re
from collections.abc import Iterator

COMMANDS = {
    "again": "asks the last question again; the new answer takes the place of the old one.",
    "quotations": "tells the quotations of the last answer again.",
    "figures": "tells density, recall, speed and memory.",
    "left-out": "tells what of the documents is not read.",
    "stop": "stops an answer, but it is not heard while one is told: press Control C then.",
    "quit": "ends the program, and so does Control D.",
    "help": "tells all this.",
}
_COMMAND = re.compile(r"/([A-Za-z-]+)")


def command_of(line: str) -> str | None:
    """The word behind the slash, known or not; None for a question.

    A path is a question too: `/etc/hosts` has more than one slash.
    """
    match = _COMMAND.fullmatch(line)
    return None if match is None else match[1].lower()


def help_lines() -> Iterator[str]:
    yield "Type a question and press Enter to ask it."
    yield "The answer is told line by line, each line when it is complete."
    yield "After it come its quotations, each with its place in the document."
    yield "Control C stops the answer, and ends the program where none is told."
    for name, does in COMMANDS.items():
        yield f"/{name} {does}"
