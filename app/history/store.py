"""The open history: conversations and their turns, recent documents, prefill times."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sa_chat.protocol.config import OpenOptions

from . import recent, runs, search
from .coding import (
    INFO,
    NEWEST_FIRST,
    TEXT,
    info,
    pack_answer,
    pack_options,
    pack_paths,
    pack_time,
    packed,
    unpack_answer,
)
from .errors import HistoryError, sentence
from .values import Document, Hit, Info, Run, Saved, SavedTurn


class History:
    """A connection to the file, to be used in the thread that opened it (`opening.open_history`).

    Every method takes milliseconds; over a thousand conversations deleting one takes some tenths
    of a second, as does a search that has to go letter by letter.  Every method raises
    `HistoryError` if the file cannot be used: the disk is full, another sa-chat wrote for too
    long, somebody removed the file or the conversation.  Either all of a call is in the file or
    nothing.
    """

    def __init__(self, db: sqlite3.Connection, path: Path, *, full_text: bool) -> None:
        self.path = path
        self.full_text = full_text  # without it, a search reads everything
        self._db = db
        self._file = self._identity()

    def begin(self, document: Document, model: str, attention: str) -> int:
        """Begin a conversation over `document`; its id."""
        options = document.options
        with self._use(write=True) as db:
            if self.full_text:
                search.refresh(db)  # so that a later search has little to do
            cursor = db.execute(
                "INSERT INTO session"
                " (paths, options, title, tokens, opened, model, attention, updated)"
                f" VALUES ({TEXT}, {TEXT}, {TEXT}, ?, ?, {TEXT}, {TEXT}, ?)",
                (
                    pack_paths(options.paths),
                    pack_options(options),
                    packed(document.title),
                    document.tokens,
                    pack_time(document.opened),
                    packed(model),
                    packed(attention),
                    _now(),
                ),
            )
            assert cursor.lastrowid is not None
            return cursor.lastrowid

    def save_turn(self, session_id: int, position: int, turn: SavedTurn) -> None:
        """Save `turn` at `position` (from 0), replacing the one there."""
        with self._use(write=True) as db:
            _touch(db, session_id)
            db.execute(
                "INSERT INTO turn"
                " (session_id, position, status, question, text, answer, compared)"
                f" VALUES (?, ?, {TEXT}, {TEXT}, {TEXT}, {TEXT}, {TEXT})"
                " ON CONFLICT (session_id, position) DO UPDATE SET status = excluded.status,"
                " question = excluded.question, text = excluded.text,"
                " answer = excluded.answer, compared = excluded.compared",
                (
                    session_id,
                    position,
                    packed(turn.status),
                    packed(turn.question),
                    packed(turn.text),
                    pack_answer(turn.answer),
                    pack_answer(turn.compared),
                ),
            )

    def cut(self, session_id: int, position: int) -> None:
        """Delete the turns from `position` on."""
        with self._use(write=True) as db:
            _touch(db, session_id)
            db.execute(
                "DELETE FROM turn WHERE session_id = ? AND position >= ?", (session_id, position)
            )

    def save_draft(self, session_id: int, text: str) -> None:
        """Save the question being typed; the order of the list does not change."""
        with self._use(write=True) as db:
            _set(db, session_id, f"draft = {TEXT}", packed(text))

    def rename(self, session_id: int, name: str) -> None:
        """Set the name; a blank one is replaced by the first question."""
        with self._use(write=True) as db:
            _set(db, session_id, f"name = {TEXT}", packed(name.strip()))

    def delete(self, session_id: int) -> None:
        """Delete a conversation; its content is overwritten in the file."""
        with self._use(write=True) as db:
            db.execute("DELETE FROM session WHERE id = ?", (session_id,))
            if self.full_text:
                search.forget_deleted(db)

    def sessions(self, limit: int = 200) -> list[Info]:
        """All conversations, newest first."""
        with self._use() as db:
            return [info(row) for row in db.execute(f"{INFO} {NEWEST_FIRST} LIMIT ?", (limit,))]

    def newest(self, paths: tuple[str, ...] | None = None) -> Info | None:
        """The conversation with the latest turn, of exactly these `paths` if given."""
        where, values = "", []
        if paths is not None:
            where, values = f"WHERE s.paths = {TEXT}", [pack_paths(paths)]
        with self._use() as db:
            row = db.execute(f"{INFO} {where} {NEWEST_FIRST} LIMIT 1", values).fetchone()
            return None if row is None else info(row)

    def load(self, session_id: int) -> Saved:
        """A whole conversation.  Raises `HistoryError` also if it does not exist."""
        with self._use() as db:
            row = db.execute(f"{INFO} WHERE s.id = ?", (session_id,)).fetchone()
            if row is None:
                raise _gone()
            (draft,) = db.execute(
                "SELECT draft FROM session WHERE id = ?", (session_id,)
            ).fetchone()
            turns = db.execute(
                "SELECT question, status, text, answer, compared FROM turn"
                " WHERE session_id = ? ORDER BY position",
                (session_id,),
            )
            saved = tuple(
                SavedTurn(question, status, text, unpack_answer(answer), unpack_answer(compared))
                for question, status, text, answer, compared in turns
            )
            return Saved(info(row), saved, draft)

    def search(self, words: str, limit: int = 100) -> list[Hit]:
        """Conversations with all these words, newest first; `search.py` says what a word is.

        The last one counts as the beginning of a word as long as no blank follows it.
        """
        wanted = search.terms(words)
        if not wanted:
            return []
        if not self.full_text or search.needs_scan(wanted):
            with self._use() as db:
                return search.by_scan(db, wanted, limit)
        self._refresh_index()
        with self._use() as db:
            prefix = not words[-1].isspace()
            return search.by_index(db, wanted, prefix=prefix, limit=limit)

    def note_document(self, document: Document) -> None:
        with self._use(write=True) as db:
            recent.note(db, document)

    def recent_documents(self, limit: int = 20) -> list[Document]:
        """Recent documents, one for each combination of paths and options, newest first."""
        with self._use() as db:
            return recent.newest(db, limit)

    def forget_document(self, options: OpenOptions) -> None:
        """Remove a document from the recent ones; conversations about it stay."""
        with self._use(write=True) as db:
            recent.forget(db, options)

    def note_run(self, run: Run) -> None:
        with self._use(write=True) as db:
            runs.note(db, run)

    def expected_s(self, model: str, device: str, attention: str, tokens: int) -> float | None:
        """Expected seconds of a prefill, from earlier ones with the same model, device and
        attention (`runs.estimate`).  None if no length within a factor of 4 is known."""
        with self._use() as db:
            points = runs.lengths(db, model, device, attention, tokens)
        return runs.estimate(points, tokens)

    def close(self) -> None:
        """Close the file.  Later calls raise `HistoryError`; closing again has no effect."""
        try:
            self._db.close()
        except sqlite3.Error as error:
            raise HistoryError(sentence(error), self._hint()) from error

    def _refresh_index(self) -> None:
        with self._use() as db:
            stale = search.is_stale(db)
        if stale:
            with self._use(write=True) as db:
                search.refresh(db)

    @contextmanager
    def _use(self, *, write: bool = False) -> Iterator[sqlite3.Connection]:
        """The connection, in a transaction that is rolled back on errors."""
        if self._identity() != self._file:
            raise HistoryError("The history file is no longer where it was.", self._hint())
        try:
            try:
                self._db.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                yield self._db
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise HistoryError(sentence(error), self._hint()) from error

    def _identity(self) -> tuple[int, int] | None:
        """Device and inode of the file; SQLite would go on writing to a removed file."""
        try:
            stat = os.stat(self.path)
        except OSError:
            return None
        return stat.st_dev, stat.st_ino

    def _hint(self) -> str:
        return f"The conversation goes on; what is kept is in {self.path}."


def _now() -> str:
    return pack_time(datetime.now(UTC))


def _gone() -> HistoryError:
    return HistoryError("This conversation is no longer in the history.", "It was deleted.")


def _touch(db: sqlite3.Connection, session_id: int) -> None:
    _set(db, session_id, "updated = ?", _now())


def _set(db: sqlite3.Connection, session_id: int, change: str, value: str | bytes) -> None:
    """Update the row of a conversation.  Raises `HistoryError` if it does not exist."""
    cursor = db.execute(f"UPDATE session SET {change} WHERE id = ?", (value, session_id))
    if cursor.rowcount == 0:
        raise _gone()
