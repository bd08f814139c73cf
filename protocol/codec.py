"""The wire: one JSON object a line.  Requests go down, events come up.

A line is `{"type": "<class name>", ...fields}`.  Unknown fields are an error, so that two
versions never misunderstand each other in silence.
"""

from __future__ import annotations

import functools
import json
import types
import typing
from dataclasses import asdict, is_dataclass
from typing import Any

from .errors import EngineError
from .events import Event
from .requests import Request

_TYPES: dict[str, type] = {
    cls.__name__: cls for cls in (*typing.get_args(Request), *typing.get_args(Event))
}


def encode(message: Request | Event) -> str:
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


def to_line(message: Request | Event) -> bytes:
    """The bytes that go into the pipe.  Paths that are not UTF-8 survive the way."""
    return (encode(message) + "\n").encode("utf-8", "surrogatepass")


def from_line(line: bytes) -> Any:
    """The request or event in `line`.  Raises `EngineError` if it is none."""
    try:
        text = line.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        text = line.decode("utf-8", "replace")
    return decode(text)


def request_id_of(line: bytes) -> str | None:
    """The request id in a line that may be no message; None if there is none to be read."""
    try:
        data = json.loads(line.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        return None
    found = data.get("request_id") if isinstance(data, dict) else None
    return found if isinstance(found, str) else None


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
