"""The log file for the engine's stderr, limited in size, in the user's log folder."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import platformdirs

MAX_BYTES = 2**20


def default_log_path() -> Path:
    return Path(platformdirs.user_log_dir("sa-chat", appauthor=False)) / "engine.log"


def open_log(path: Path) -> BinaryIO:
    """Open for appending; a log above the size limit is renamed first.

    Raises `OSError` if the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > MAX_BYTES:
        path.replace(path.with_suffix(".old.log"))
    log = path.open("ab", buffering=0)
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    log.write(f"--- {now} python {sys.version.split()[0]}\n".encode())
    return log
