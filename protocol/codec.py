"""The wire: one JSON object a line.  Requests go down, events come up.

A line is `{"type": "<class name>", ...fields}`.  Unknown fields are an error, so that two
versions never misunderstand each other in silence.  Text is UTF-8; a lone surrogate, which paths
that are not UTF-8 have, is written as the three bytes that UTF-8 would have for it.  Numbers are
finite.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import types
import typing
from typing import Any

from .errors import EngineError
from .events import Event
from .requests import Request

Message = Request | Event

_TYPES: dict[str, type[Message]] = {cls.__name__: cls for cls in typing.get_args(Message)}
_ENCODING = ("utf-8", "surrogatepass")


def to_line(message: Message) -> bytes:
    """The bytes that go into the pipe.  Raises `ValueError` for a number that is not finite."""
    return (encode(message) + "\n").encode(*_ENCODING)


def from_line(line: bytes) -> Any:
    """The request or event in `line`.  Raises `EngineError` if it is none."""
    try:
        text = line.decode(*_ENCODING)
    except UnicodeDecodeError as error:
        raise _no_message(line.decode("utf-8", "replace")) from error
    return decode(text)


def encode(message: Message) -> str:
    """One line of JSON, without the line end.  Raises as `to_line`."""
    fields = {"type": type(message).__name__, **dataclasses.asdict(message)}
    return json.dumps(fields, ensure_ascii=False, allow_nan=False)


def decode(line: str) -> Any:
    """The request or event in `line`.  Raises `EngineError` if it is none."""
    try:
        data = json.loads(line)
        return build(_TYPES[data.pop("type")], data)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _no_message(line) from error


def request_id_of(line: bytes) -> str | None:
    """The request id in a line that is no message; None if none can be read."""
    try:
        data = json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    found = data.get("request_id") if isinstance(data, dict) else None
    return found if isinstance(found, str) else None


def build(cls: type, data: dict[str, Any]) -> Any:
    """The dataclass `cls` from what `asdict` and JSON made of it.

    Raises `TypeError` for unknown and missing fields and values of another type, and
    `ValueError` for numbers that are not finite.
    """
    hints = _field_types(cls)
    unknown = data.keys() - hints.keys()
    if unknown:
        raise TypeError(f"unknown fields {sorted(unknown)}")
    return cls(**{name: _convert(hints[name], value) for name, value in data.items()})


@functools.cache
def _field_types(cls: type) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def _convert(hint: Any, value: Any) -> Any:
    """JSON has lists and objects where the dataclasses have tuples and dataclasses."""
    if isinstance(hint, types.UnionType):  # only `X | None` occurs
        (inner,) = [arg for arg in typing.get_args(hint) if arg is not types.NoneType]
        return None if value is None else _convert(inner, value)
    if isinstance(value, dict) and dataclasses.is_dataclass(hint):
        return build(typing.cast(type, hint), value)
    if typing.get_origin(hint) is tuple and isinstance(value, list):
        inner = typing.get_args(hint)[0]
        return tuple(_convert(inner, item) for item in value)
    if hint is float and type(value) is int:
        value = float(value) if abs(value) < 2**1023 else math.inf
    if type(value) is not hint:  # a bool is no number
        raise TypeError(f"{value!r} is no {hint}")
    if hint is float and not math.isfinite(value):
        raise ValueError(f"{value!r} is not finite")
    return value


def _no_message(line: str) -> EngineError:
    return EngineError(
        f"The engine protocol carried a line that is no message: {line[:80]!r}",
        "Screen and engine are of different versions; install sa-chat again.",
    )
