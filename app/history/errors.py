"""Errors of an open history."""

from __future__ import annotations

import sqlite3

from sa_chat.protocol.errors import SaChatError

_SENTENCES = {
    sqlite3.SQLITE_BUSY: "Another sa-chat kept the history busy for too long.",
    sqlite3.SQLITE_CORRUPT: "The history file is damaged.",
    sqlite3.SQLITE_FULL: "The disk is full, so the history cannot be written.",
    sqlite3.SQLITE_NOTADB: "The history file is damaged.",
    sqlite3.SQLITE_READONLY: "The history file cannot be written.",
}
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class HistoryError(SaChatError):
    """Something could not be saved or loaded; the conversation on the screen goes on."""

    kind = "history"


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 if Python's own module raised `error`."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def sentence(error: sqlite3.Error) -> str:
    """The error as a sentence for the user."""
    return _SENTENCES.get(primary_code(error), f"The history cannot be used: {error}.")
