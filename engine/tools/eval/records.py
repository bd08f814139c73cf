"""The results of a run as JSON lines, written as they come, so that it can be resumed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sa_chat.protocol.config import current_method
from sa_chat.protocol.errors import UsageError

from .results import AnswerResult, Configuration, NotRun, ReadingResult

Result = ReadingResult | NotRun

# Where a run took place.  It may go on elsewhere: then both places are on record.
ENVIRONMENT = frozenset({"device", "machine"})

_HINT = "Give --out another folder."


class RecordFile:
    """One run: a line of settings, then one line for each document read or cell not run.

    `settings` are those of the run; a further one follows for each resumption in another
    `ENVIRONMENT`.  `results` are all that are on record, `done` the keys of the readings:
    (key of the trial, label of the configuration).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.settings: list[dict[str, Any]] = []
        self.results: list[Result] = []
        self.done: set[tuple[str, str]] = set()

    def open(self, settings: Mapping[str, Any]) -> None:
        """Make the folder and the file or, where the file exists, read it to go on.

        What an interrupt left of a last line is cut off.

        Args:
            settings: everything that decides the results; values that JSON can hold.
        Raises:
            UsageError: the file is of a run with other settings, is broken, or cannot be written.
        """
        wanted: dict[str, Any] = json.loads(json.dumps(settings))
        with _told(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            content = self.path.read_bytes() if self.path.exists() else b""
        *lines, half = content.split(b"\n")
        for number, line in enumerate(lines, start=1):
            self._read(number, line)
        if self.settings:
            self._check(wanted)
        if half:
            with _told(self.path):
                os.truncate(self.path, len(content) - len(half))
        if wanted not in self.settings:
            self.settings.append(wanted)
            self._write("Settings", {"settings": wanted})

    def append(self, result: Result) -> None:
        """Put one result on record; when this returns, it is on the disk.

        A cell that was not run is recorded once.  Raises UsageError if it cannot be written.
        """
        if isinstance(result, NotRun) and result in self.results:
            return
        self._take(result)
        self._write(type(result).__name__, asdict(result))

    def _take(self, result: Result) -> None:
        if isinstance(result, ReadingResult):
            key = (result.trial, result.configuration.label)
            if key in self.done:
                raise ValueError(f"{key} was read twice")
            self.done.add(key)
        self.results.append(result)

    def _write(self, kind: str, fields: dict[str, Any]) -> None:
        line = json.dumps({"type": kind, **fields}) + "\n"
        with _told(self.path), self.path.open("ab") as file:
            file.write(line.encode("ascii"))
            file.flush()
            os.fsync(file.fileno())

    def _read(self, number: int, line: bytes) -> None:
        try:
            record = json.loads(line)
            kind = record.pop("type")
            if kind == "Settings":
                self.settings.append(dict(record["settings"]))
            elif self.settings:
                self._take(_BUILD[kind](record))
            else:
                raise ValueError("the settings come first")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(
                f"Line {number} of {self.path} is no record of an evaluation.", _HINT
            ) from error

    def _check(self, wanted: dict[str, Any]) -> None:
        found = self.settings[0]
        for name in [*wanted, *found]:
            if name not in ENVIRONMENT and found.get(name) != wanted.get(name):
                raise UsageError(
                    f"{self.path} holds a run with {name} {_shown(found.get(name))}, "
                    f"not {_shown(wanted.get(name))}.",
                    _HINT,
                )


def _configuration(record: dict[str, Any]) -> Configuration:
    """What a file says, in today's names: files of earlier versions go on."""
    return Configuration(**{**record, "method": current_method(record["method"])})


def _reading(record: dict[str, Any]) -> ReadingResult:
    record["configuration"] = _configuration(record["configuration"])
    record["density_by_head"] = tuple(map(tuple, record["density_by_head"]))
    record["answers"] = tuple(
        AnswerResult(**{**answer, "expected": tuple(answer["expected"])})
        for answer in record["answers"]
    )
    return ReadingResult(**record)


_BUILD: dict[str, Callable[[dict[str, Any]], Result]] = {
    "ReadingResult": _reading,
    "NotRun": lambda record: NotRun(**record),
}


def _shown(value: object) -> str:
    return "unset" if value is None else json.dumps(value, ensure_ascii=False)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """A file that cannot be used is told as a UsageError."""
    try:
        yield
    except (FileExistsError, NotADirectoryError) as error:
        raise UsageError(f"{path.parent} is no folder.", _HINT) from error
    except OSError as error:
        raise UsageError(f"{path} cannot be used: {error.strerror}.", _HINT) from error
