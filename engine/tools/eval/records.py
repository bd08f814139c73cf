"""The results of a run as JSON lines, written as they arrive, so that a run can be resumed.

Files of earlier versions are read, too: `current_record` translates their names.
"""

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

from ...attention.head_figures import HeadFigures
from .results import AnswerResult, Configuration, NotRun, TrialResult

Result = TrialResult | NotRun
RECORDS = "results.jsonl"

# Settings that may differ when a run is resumed; all their values are recorded.
ENVIRONMENT = frozenset({"device", "machine"})

_FORMER_TYPES = {"ReadingResult": "TrialResult"}
_FORMER_FIELDS = {
    "coverage": "recall",
    "coverage_p5": "recall_p5",
    "coverage_min": "recall_min",
}

_HINT = "Give --out another folder."


class RecordFile:
    """The file of one run: a line of settings, then a line for each trial result or missing cell.

    `settings` are those of the run, followed by those of each resumption in another
    `ENVIRONMENT`.  `results` are all recorded results, `done` the keys of the trial results: (key
    of the trial, label of the configuration).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.settings: list[dict[str, Any]] = []
        self.results: list[Result] = []
        self.done: set[tuple[str, str]] = set()

    def open(self, settings: Mapping[str, Any]) -> None:
        """Create the folder and the file, or read an existing file in order to resume.

        An incomplete last line, left by an interrupt, is removed.

        Args:
            settings: everything that determines the results, as JSON values.
        Raises:
            UsageError: the file belongs to a run with other settings, is damaged, or cannot be
                written.
        """
        wanted = as_json(settings)
        with _usage_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        whole = self.read()
        if self.settings:
            self.check(wanted)
        with _usage_errors(self.path):
            if self.path.exists():
                os.truncate(self.path, whole)
        if wanted not in self.settings:
            self.settings.append(wanted)
            self._write("Settings", {"settings": wanted})

    def read(self) -> int:
        """Take up all complete lines; returns their bytes.

        Raises `UsageError` if the file is damaged or cannot be read.
        """
        with _usage_errors(self.path):
            content = self.path.read_bytes() if self.path.exists() else b""
        *lines, half = content.split(b"\n")
        for number, line in enumerate(lines, start=1):
            self._read(number, line)
        return len(content) - len(half)

    def append(self, result: Result) -> None:
        """Record a result; it is on disk when this returns.

        A cell that was not run is recorded once.  Raises `UsageError` if writing fails.
        """
        if isinstance(result, NotRun) and result in self.results:
            return
        self._take(result)
        self._write(type(result).__name__, _fields_of(result))

    def _take(self, result: Result) -> None:
        if isinstance(result, TrialResult):
            key = key_of(result)
            if key in self.done:
                raise ValueError(f"{key} is recorded twice")
            self.done.add(key)
        self.results.append(result)

    def _write(self, kind: str, fields: dict[str, Any]) -> None:
        line = json.dumps({"type": kind, **fields}) + "\n"
        with _usage_errors(self.path), self.path.open("ab") as file:
            file.write(line.encode("ascii"))
            file.flush()
            os.fsync(file.fileno())

    def _read(self, number: int, line: bytes) -> None:
        try:
            record = current_record(json.loads(line))
            kind = record.pop("type")
            if kind == "Settings":
                self.settings.append(dict(record["settings"]))
            elif self.settings:
                self._take(_BUILD[kind](record))
            else:
                raise ValueError("the settings must come first")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(
                f"Line {number} of {self.path} is not a record of an evaluation.", _HINT
            ) from error

    def check(self, wanted: Mapping[str, Any]) -> None:
        """Raises `UsageError` if the file is one of a run with other settings."""
        found = self.settings[0]
        for name in [*wanted, *found]:
            if name not in ENVIRONMENT and found.get(name) != wanted.get(name):
                raise UsageError(
                    f"{self.path} holds a run with {name} {_shown(found.get(name))}, "
                    f"not {_shown(wanted.get(name))}.",
                    _HINT,
                )


def as_json(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as they are read back from a file."""
    found: dict[str, Any] = json.loads(json.dumps(settings))
    return found


def part_name(number: int, parts: int) -> str:
    """The file of part `number`, from 1, of a run that is shared among so many processes."""
    return RECORDS if parts == 1 else f"results-{number}-of-{parts}.jsonl"


def read_parts(
    folder: Path, wanted: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], list[Result]]:
    """The different settings and all results of a run, of every part that was begun.

    Raises `UsageError` for damaged files, and for those of a run with other settings than `wanted`.
    """
    settings: list[dict[str, Any]] = []
    results: dict[object, Result] = {}
    for path in sorted(folder.glob("results*.jsonl")):
        part = RecordFile(path)
        part.read()
        if part.settings:
            part.check(as_json(wanted))
        settings += [each for each in part.settings if each not in settings]
        for result in part.results:
            key = result if isinstance(result, NotRun) else key_of(result)
            results.setdefault(key, result)
    return settings, list(results.values())


def key_of(result: TrialResult) -> tuple[str, str]:
    """The trial's key and the configuration's label: each such pair is run once."""
    return result.trial, result.configuration.label


def _fields_of(result: Result) -> dict[str, Any]:
    """The fields as JSON values; heads as lists of their figures, and only where there are some."""
    fields = asdict(result)
    heads = fields.pop("heads", ())
    if heads:
        fields["heads"] = [[_rounded(value) for value in head.values()] for head in heads]
    return fields


def _rounded(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.4g}")


def current_record(record: dict[str, Any]) -> dict[str, Any]:
    """A line of a results file, with the names of earlier versions replaced by current ones.

    Raises `ValueError`, `KeyError`, `TypeError` or `AttributeError` for what is not such a line.
    """
    current = {_FORMER_FIELDS.get(name, name): value for name, value in record.items()}
    if len(current) != len(record):
        raise ValueError("a field is given under two names")
    current["type"] = _FORMER_TYPES.get(record["type"], record["type"])
    if current["type"] == "TrialResult":
        method = current_method(record["configuration"]["method"])
        current["configuration"] = {**record["configuration"], "method": method}
    elif current["type"] == "Settings" and "configurations" in record["settings"]:
        labels = [_current_label(label) for label in record["settings"]["configurations"]]
        current["settings"] = {**record["settings"], "configurations": labels}
    return current


def _current_label(label: str) -> str:
    """`Configuration.label` with the current name of its method."""
    method, *alpha = label.split(" ")
    return " ".join([current_method(method), *alpha])


def _trial_result(record: dict[str, Any]) -> TrialResult:
    record["configuration"] = Configuration(**record["configuration"])
    record["density_by_head"] = tuple(map(tuple, record["density_by_head"]))
    record["answers"] = tuple(
        AnswerResult(**{**answer, "expected": tuple(answer["expected"])})
        for answer in record["answers"]
    )
    record["heads"] = tuple(HeadFigures(*head) for head in record.get("heads", ()))
    return TrialResult(**record)


_BUILD: dict[str, Callable[[dict[str, Any]], Result]] = {
    "TrialResult": _trial_result,
    "NotRun": lambda record: NotRun(**record),
}


def _shown(value: object) -> str:
    return "unset" if value is None else json.dumps(value, ensure_ascii=False)


@contextmanager
def _usage_errors(path: Path) -> Iterator[None]:
    """Raises `UsageError` if the file cannot be used."""
    try:
        yield
    except (FileExistsError, NotADirectoryError) as error:
        raise UsageError(f"{path.parent} is not a folder.", _HINT) from error
    except OSError as error:
        raise UsageError(f"{path} cannot be used: {error.strerror}.", _HINT) from error
