"""Lists the files of a repository with git, without executing anything from the repository."""

from __future__ import annotations

import logging
import os
import selectors
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from posixpath import dirname

TIMEOUT_S = 10.0
OUTPUT_BYTES = 64 << 20
_READ_BYTES = 1 << 16

# A repository's configuration may name programs to run and other places to read from.
_SAFE = (
    "--no-pager",
    "--no-optional-locks",
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "protocol.allow=never"),
    *("-c", "safe.bareRepository=explicit"),
)
_LIST = ("ls-files", "-z", "-t", "--cached", "--others", "--exclude-standard")
_UNTRACKED = b"?"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Listing:
    """POSIX paths relative to the listed folder; folders have no trailing slash.

    A nested repository or submodule is a single path in `files`.
    """

    files: frozenset[str]
    tracked: frozenset[str]  # files, and folders that contain tracked files
    folders: frozenset[str] = field(default=frozenset())


def list_files(folder: str, own: bool) -> Listing | None:
    """The files in a folder of a work tree that git does not ignore, tracked or not.

    With `own` the repository must start in this folder itself.  Returns None if there is no
    repository, or if git is missing, refuses (as it does for another user's folder), fails, or
    takes too long.
    """
    git = shutil.which("git")
    if git is None or not os.path.isabs(git):  # a relative PATH could find one in the folder
        return None
    output = _output([git, *_SAFE, "-C", folder, *_LIST], _environment(folder if own else None))
    return None if output is None else _parse(output)


def _environment(only_in: str | None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    if only_in is not None:
        kept["GIT_CEILING_DIRECTORIES"] = os.path.dirname(os.path.realpath(only_in))
    return kept | {
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }


def _output(command: list[str], environment: dict[str, str]) -> bytes | None:
    """The output of a command; None if it fails or exceeds the limits."""
    try:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError as error:
        _log.info("git cannot be started: %s", error)
        return None
    with process:
        try:
            output = _read(process)
        finally:
            if process.poll() is None:
                process.kill()
    if output is None or process.returncode != 0:
        _log.info("git lists no files: it ended with %s", process.returncode)
        return None
    return output


def _read(process: subprocess.Popen[bytes]) -> bytes | None:
    """The whole output of a process; None if it does not end in time or writes too much."""
    assert process.stdout is not None
    deadline = time.monotonic() + TIMEOUT_S
    output = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while len(output) <= OUTPUT_BYTES:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                return None
            step = os.read(process.stdout.fileno(), _READ_BYTES)
            if not step:
                break
            output += step
        else:
            return None
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return None
    return bytes(output)


def _parse(output: bytes) -> Listing:
    files: set[str] = set()
    tracked: set[str] = set()
    folders: set[str] = set()
    for line in output.split(b"\0"):
        tag, _, name = line.partition(b" ")
        if not name:
            continue
        path = os.fsdecode(name).rstrip("/")
        files.add(path)
        _add_folders(path, folders)
        if tag != _UNTRACKED:
            tracked.add(path)
            _add_folders(path, tracked)
    return Listing(frozenset(files), frozenset(tracked), frozenset(folders))


def _add_folders(path: str, folders: set[str]) -> None:
    folder = dirname(path)
    while folder and folder not in folders:
        folders.add(folder)
        folder = dirname(folder)
