"""Encoding of values in the file.

Text is UTF-8.  A lone surrogate (paths that are not UTF-8 have them) is written as the three
bytes that UTF-8 would have for it, as on the wire between screen and engine, and comes back as it
was.  SQLite accepts such text only as bytes, hence `TEXT` in the statements.
"""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from typing import Any

from sa_chat.protocol.codec import build, encode
from sa_chat.protocol.config import OpenOptions
from sa_chat.protocol.events import Answer

from ..report.text import one_line
from .errors import HistoryError
from .values import Document, Info

TEXT = "CAST(? AS TEXT)"  # placeholder of a `packed` text in a statement
INFO = """
    SELECT s.id, s.name, s.paths, s.options, s.title, s.tokens, s.opened, s.model, s.attention,
           s.updated, (SELECT count(*) FROM turn WHERE session_id = s.id),
           (SELECT substr(question, 1, 400) FROM turn WHERE session_id = s.id
            ORDER BY position LIMIT 1)
    FROM session s
"""  # the columns for `info`
NEWEST_FIRST = "ORDER BY s.updated DESC, s.id DESC"
_NAME_CHARACTERS = 80
_FORMER_NAMES = {"ask_id": "request_id"}  # of the fields of `Answer` in version 0.1


def packed(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def unpacked(data: bytes) -> str:
    """The text of a column.  Invalid bytes, of a damaged file, become U+FFFD."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")


def pack_time(time: datetime) -> str:
    """ISO 8601 in UTC, always of one length, so that it sorts by time."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def pack_paths(paths: tuple[str, ...]) -> bytes:
    return packed(json.dumps(paths, ensure_ascii=False))


def pack_options(options: OpenOptions) -> bytes:
    """All options that differ from their defaults, without paths and password.  An option added
    by a later version thus does not change the identity of older documents."""
    unusual = {
        field.name: getattr(options, field.name)
        for field in fields(options)
        if field.default is not MISSING and getattr(options, field.name) != field.default
    }
    unusual.pop("password", None)
    return packed(json.dumps(unusual, ensure_ascii=False, sort_keys=True))


def pack_answer(answer: Answer | None) -> bytes | None:
    return None if answer is None else packed(encode(answer))


def unpack_answer(line: str | None) -> Answer | None:
    """The saved answer; None also if a later version wrote it and this one cannot read it."""
    if line is None:
        return None
    try:
        fields = {_FORMER_NAMES.get(name, name): each for name, each in json.loads(line).items()}
        answer: Answer | None = build(Answer, fields) if fields.pop("type") == "Answer" else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return answer


def document(paths: str, options: str, title: str, tokens: int, opened: str) -> Document:
    """The document in five columns.  Options of later versions are ignored.

    Raises `HistoryError` if the content is invalid.
    """
    known = {field.name for field in fields(OpenOptions)} - {"paths", "password"}
    try:
        data = {name: value for name, value in json.loads(options).items() if name in known}
        built: OpenOptions = build(OpenOptions, {"paths": json.loads(paths), **data})
        return Document(built, title, tokens, datetime.fromisoformat(opened))
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise HistoryError("The history has a document that cannot be read.") from error


def info(row: tuple[Any, ...]) -> Info:
    """The conversation in one row of `INFO`.  Raises `HistoryError` if the content is invalid."""
    number, name, paths, options, title, tokens, opened, model, attention, updated, turns, first = (
        row
    )
    opened_document = document(paths, options, title, tokens, opened)
    return Info(
        id=number,
        name=name or _short(first or "") or _short(title),
        document=opened_document,
        model=model,
        attention=attention,
        updated=datetime.fromisoformat(updated),
        turns=turns,
    )


def _short(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= _NAME_CHARACTERS else line[: _NAME_CHARACTERS - 1].rstrip() + "…"
