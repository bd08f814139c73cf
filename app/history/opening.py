"""Opens or creates the history file.  An unusable file is renamed, never deleted."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import platformdirs

from .coding import unpacked
from .errors import DAMAGED, primary_code, sentence
from .schema import APPLICATION_ID, STEPS, migrate
from .search import make_index
from .store import History

BUSY_S = 1.0  # time to wait for another sa-chat
_BESIDE = ("", "-wal", "-shm", "-journal")  # the files of one database


class _Unusable(Exception):
    """The file exists and cannot be used: it is "damaged" or "newer"."""


def default_path() -> Path:
    return platformdirs.user_data_path("sa-chat", appauthor=False) / "history.db"


def open_history(path: Path | None = None) -> tuple[History | None, str]:
    """The history, and one sentence for the user if something is wrong.

    None if nothing can be kept.  Only the user may read what is made here.
    """
    path = path or default_path()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(path.parent):
            return _opened(path)
    except OSError as error:
        return None, f"This conversation is not kept: {path}: {error.strerror or error}."
    except sqlite3.Error as error:
        return None, f"This conversation is not kept. {sentence(error)} It is {path}."


def _opened(path: Path) -> tuple[History, str]:
    try:
        return _connected(path), ""
    except _Unusable as error:
        word = str(error)
    aside = _set_aside(path, word)
    why = {
        "damaged": "The history could not be read",
        "newer": "The history is of a newer sa-chat",
    }[word]
    return _connected(path), f"{why}: it is kept as {aside}, and a new one begins."


def _connected(path: Path) -> History:
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    elif path.stat().st_mode & 0o077:
        path.chmod(0o600)
    _check_header(path)
    db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
    try:
        _prepare(db)
        return History(db, path, full_text=make_index(db))
    except (_Unusable, sqlite3.Error):
        db.close()
        raise


def _prepare(db: sqlite3.Connection) -> None:
    """Check and configure the connection.  Raises `_Unusable`, or `sqlite3.Error` if the reason may
    pass."""
    db.text_factory = unpacked
    try:
        _check(db)
    except sqlite3.DatabaseError as error:
        if primary_code(error) in DAMAGED:
            raise _Unusable("damaged") from error
        raise
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA secure_delete = ON")
    migrate(db)


def _check_header(path: Path) -> None:
    """Check the file without its write-ahead log, which opening would apply or discard, so that a
    foreign file is not changed at all.  Raises as `_prepare` does."""
    db = sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)
    try:
        _check_version(db)
    except sqlite3.DatabaseError as error:
        if primary_code(error) == sqlite3.SQLITE_NOTADB:
            raise _Unusable("damaged") from error
        if primary_code(error) != sqlite3.SQLITE_CORRUPT:  # it may be valid together with its log
            raise
    finally:
        db.close()


def _check_version(db: sqlite3.Connection) -> None:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and (version or tables):
        raise _Unusable("damaged")
    if version > len(STEPS):
        raise _Unusable("newer")


def _check(db: sqlite3.Connection) -> None:
    _check_version(db)
    if db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
        raise _Unusable("damaged")


def _set_aside(path: Path, word: str) -> Path:
    """Rename the files of the database to the first free name.  Raises `OSError`."""
    for number in count(1):
        aside = path.with_name(f"{path.stem}.{word}-{number}{path.suffix}")
        if not any(os.path.lexists(f"{aside}{end}") for end in _BESIDE):
            break
    for end in _BESIDE:
        if os.path.lexists(f"{path}{end}"):
            os.rename(f"{path}{end}", f"{aside}{end}")
    return aside


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Only one sa-chat at a time.  Raises `OSError`; `TimeoutError` after `BUSY_S`."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        until = time.monotonic() + BUSY_S
        while not _locked(handle):
            if time.monotonic() > until:
                raise TimeoutError("another sa-chat is opening it")
            time.sleep(0.01)
        yield
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
