"""Recently opened documents: one for each combination of paths and options."""

from __future__ import annotations

import sqlite3

from sa_chat.protocol.config import OpenOptions

from .coding import TEXT, document, pack_options, pack_paths, pack_time, packed
from .values import Document

KEPT = 200


def note(db: sqlite3.Connection, opened: Document) -> None:
    """Save a document with the time it was opened, replacing an earlier entry."""
    db.execute(
        "INSERT INTO recent (paths, options, title, tokens, opened)"
        f" VALUES ({TEXT}, {TEXT}, {TEXT}, ?, ?) ON CONFLICT (paths, options) DO UPDATE SET"
        " title = excluded.title, tokens = excluded.tokens, opened = excluded.opened",
        (
            *_key(opened.options),
            packed(opened.title),
            opened.tokens,
            pack_time(opened.opened),
        ),
    )
    db.execute(
        "DELETE FROM recent WHERE opened < (SELECT min(opened) FROM"
        f" (SELECT opened FROM recent ORDER BY opened DESC LIMIT {KEPT}))"
    )


def newest(db: sqlite3.Connection, limit: int) -> list[Document]:
    rows = db.execute(
        "SELECT paths, options, title, tokens, opened FROM recent ORDER BY opened DESC LIMIT ?",
        (limit,),
    )
    return [document(*row) for row in rows]


def forget(db: sqlite3.Connection, options: OpenOptions) -> None:
    db.execute(f"DELETE FROM recent WHERE paths = {TEXT} AND options = {TEXT}", _key(options))


def _key(options: OpenOptions) -> tuple[bytes, bytes]:
    return pack_paths(options.paths), pack_options(options)
