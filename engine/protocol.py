"""The wire: one JSON object a line.  Requests go down, events come up.

A line is `{"type": "<class name>", ...fields}`.  Unknown fields are an error, so that two
versions never misunderstand each other in silence.
"""

from __future__ import annotations

import functools
import json
import types
import typing
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any

from . import events
from .config import OpenOptions
from .errors import EngineError


@dataclass(frozen=True)
class Open:
    """Read the documents, count them, prefill them."""

    options: OpenOptions
    attention: str | None = None  # in place of the configured mode
    recall: tuple[events.PastTurn, ...] = ()  # earlier turns; the newest that fit are known again
    text: bool = False  # send what the model reads, too, after `DocumentReady`


@dataclass(frozen=True)
class Count:
    """Read the documents and count them, and no more: ends in `DocumentCounted`, or, with
    `text`, in the last `DocumentText`."""

    options: OpenOptions
    text: bool = False  # send what the model would read, too


@dataclass(frozen=True)
class Ask:
    """Answer one question.  Waits for the prefill; several wait in order."""

    ask_id: str
    question: str
    replaces_last: bool = False  # question and answer, which are forgotten


@dataclass(frozen=True)
class Compare:
    """Answer one question of the open document read in the other attention mode.

    That reading has a cache of its own, kept until the next `Open`.  The open reading stays as it
    is, whatever happens.  Ends in `Answer`, `Cancelled("compare")` or `Failed`.
    """

    ask_id: str
    question: str
    attention: str
    recall: tuple[events.PastTurn, ...] = ()


@dataclass(frozen=True)
class Cancel:
    """Stop the work in hand: the answer being written, else the prefill.
    Questions that wait stay in the queue unless `queued` is set."""

    queued: bool = False


@dataclass(frozen=True)
class Stats:
    """Send a `DeviceStats` now."""


@dataclass(frozen=True)
class Close:
    """Finish: the engine says `Closed` and its process ends with 0."""


Request = Open | Count | Ask | Compare | Cancel | Stats | Close

_TYPES: dict[str, type] = {
    cls.__name__: cls for cls in (*typing.get_args(Request), *typing.get_args(events.Event))
}


def encode(message: Request | events.Event) -> str:
    """One line of JSON, without the line end."""
    return json.dumps({"type": type(message).__name__, **asdict(message)}, ensure_ascii=False)


def decode(line: str) -> Any:
    """The request or event in `line`.  Raises `EngineError` if it is none."""
    try:
        data = json.loads(line)
        cls = _TYPES[data.pop("type")]
        return build(cls, data)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise EngineError(
            f"The engine protocol carried a line that is no message: {line[:80]!r}",
            "Screen and engine are of different versions; install sa-chat again.",
        ) from error


def to_line(message: Request | events.Event) -> bytes:
    """The bytes that go into the pipe.  Paths that are not UTF-8 survive the way."""
    return (encode(message) + "\n").encode("utf-8", "surrogatepass")


def from_line(line: bytes) -> Any:
    """The request or event in `line`.  Raises `EngineError` if it is none."""
    try:
        text = line.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        text = line.decode("utf-8", "replace")
    return decode(text)


_hints = functools.cache(typing.get_type_hints)


def build(cls: type, data: dict[str, Any]) -> Any:
    """The dataclass `cls` from what `asdict` and JSON made of it.  Raises `TypeError`."""
    hints = _hints(cls)
    unknown = data.keys() - hints.keys()
    if unknown:
        raise TypeError(f"unknown fields {sorted(unknown)}")
    return cls(**{name: _convert(hints[name], value) for name, value in data.items()})


def _convert(hint: Any, value: Any) -> Any:
    """JSON has lists and objects where the dataclasses have tuples and dataclasses."""
    if isinstance(value, dict) and is_dataclass(hint):
        return build(typing.cast(type, hint), value)
    if typing.get_origin(hint) is tuple and isinstance(value, list):
        inner = typing.get_args(hint)[0]
        return tuple(_convert(inner, item) for item in value)
    if isinstance(hint, types.UnionType) and value is not None:
        (inner,) = [arg for arg in typing.get_args(hint) if arg is not type(None)]
        return _convert(inner, value)
    if hint is float and isinstance(value, int):
        return float(value)
    if not isinstance(value, type(None) if isinstance(hint, types.UnionType) else hint):
        raise TypeError(f"{value!r} is no {hint}")
    return value
