"""Questions for the real reader, and the program that is asked."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PROSE = Path(__file__).with_name("notes.txt")  # frozen: what the reader finds depends on it
FACTS = {
    "What is the secret code for amber-falcon?": (
        "The secret code for amber-falcon is 7304912.",
        "7304912",
    ),
    "What is the access key of the silver lantern?": (
        "Note that the access key of the silver lantern is 58201.",
        "58201",
    ),
    "Which locker number does Lisbon have?": ("Lisbon has the locker number 4471.", "4471"),
    "Tell me the password for hollow-kettle.": (
        "For hollow-kettle, the password was set to crimson otter.",
        "crimson otter",
    ),
    "What is the magic number for Oslo?": (
        "One of the special magic numbers for Oslo is: 9150367.",
        "9150367",
    ),
    "What is the batch number of project Comet?": (
        "The batch number of project Comet is 66120.",
        "66120",
    ),
}


def ask(*arguments: str | Path) -> dict:
    """`sa-chat ... --json` as a user runs it."""
    done = subprocess.run(
        ["sa-chat", *map(str, arguments), "--json"],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
