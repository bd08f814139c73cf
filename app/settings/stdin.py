"""Standard input: a document (`-`), or the password of one."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

from sa_chat.protocol.errors import DocumentError, UsageError

STDIN = "-"
_PREFIX, _NAME = "sa-chat-", "stdin"  # of the folder and the file
_MOST_BYTES = 1 << 30  # the limit of files
_BLOCK_BYTES = 1 << 20


@contextmanager
def spooled(paths: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The paths, with `-` replaced by a temporary file with the content of stdin.

    Afterwards stdin is the terminal again, if there is one.  Raises `UsageError` if stdin has
    nothing to give, and `DocumentError` if it gives too much.
    """
    if STDIN not in paths:
        yield tuple(paths)
        return
    if paths.count(STDIN) > 1:
        raise UsageError("Standard input can be read once only.", "Give one -.")
    if sys.stdin.isatty():
        raise UsageError(
            "Standard input is a terminal, and - reads a document from a pipe.",
            "Try: git log | sa-chat -",
        )
    with _ended_by_signals(), TemporaryDirectory(prefix=_PREFIX) as folder:
        file = Path(folder) / _NAME
        _spool(file)
        _reopen_terminal()
        yield tuple(str(file) if path == STDIN else path for path in paths)


def is_spooled(path: str) -> bool:
    """Whether the path is a temporary file made by `spooled`."""
    return Path(path).name == _NAME and Path(path).parent.name.startswith(_PREFIX)


def password_line() -> str:
    """The first line of stdin, without its end.  Raises `UsageError` if there is none."""
    line = sys.stdin.readline()
    if not line.rstrip("\r\n"):
        raise UsageError(
            "Standard input has no password.", "Try: pass show book | sa-chat --password-stdin ..."
        )
    _reopen_terminal()
    return line.rstrip("\r\n")


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """End the program normally on SIGHUP and SIGTERM, so that the temporary file is removed."""
    before = {number: signal.signal(number, _exit) for number in (signal.SIGHUP, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _exit(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _spool(file: Path) -> None:
    source = sys.stdin.buffer
    size = 0
    with file.open("wb") as target:
        while block := source.read(_BLOCK_BYTES):
            size += len(block)
            if size > _MOST_BYTES:
                raise DocumentError(
                    f"Standard input has more than {_MOST_BYTES >> 20:,} MiB.", "Give a part of it."
                )
            target.write(block)


def _reopen_terminal() -> None:
    """Make descriptor 0 the terminal again, for the screen, if there is one."""
    if sys.stdin.isatty() or not sys.stdout.isatty():
        return
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:
        return  # the screen says that it needs one
    os.dup2(terminal, 0)
    os.close(terminal)
