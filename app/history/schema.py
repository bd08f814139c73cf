"""The tables, version by version.  `PRAGMA user_version` says how many steps a file has taken.

A step is never changed once it was released; the next version appends one.

`stale` lists the rows of the search index (`search.py`) that are out of date: the id of a turn, or
minus the id of a session.  Triggers fill it, whoever writes, so that a file written by a SQLite
without full-text search can be used by one that has it.  They check what is listed: the conflict
rule of the statement that fires a trigger would override an `OR IGNORE` in it.
"""

from __future__ import annotations

import sqlite3

APPLICATION_ID = 0x73614368  # "saCh"

_FIRST = (
    """CREATE TABLE session (
        id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice, also after a deletion
        name TEXT NOT NULL DEFAULT '',
        paths TEXT NOT NULL,
        options TEXT NOT NULL,
        title TEXT NOT NULL,
        tokens INTEGER NOT NULL,
        opened TEXT NOT NULL,
        model TEXT NOT NULL,
        attention TEXT NOT NULL,
        updated TEXT NOT NULL,
        draft TEXT NOT NULL DEFAULT ''
    )""",
    "CREATE INDEX session_updated ON session (updated)",
    """CREATE TABLE turn (
        id INTEGER PRIMARY KEY,
        session_id INTEGER NOT NULL REFERENCES session (id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        status TEXT NOT NULL,
        question TEXT NOT NULL,
        text TEXT NOT NULL,
        answer TEXT,
        compared TEXT,
        UNIQUE (session_id, position)
    )""",
    """CREATE TABLE recent (
        paths TEXT NOT NULL,
        options TEXT NOT NULL,
        title TEXT NOT NULL,
        tokens INTEGER NOT NULL,
        opened TEXT NOT NULL,
        PRIMARY KEY (paths, options)
    ) WITHOUT ROWID""",
    """CREATE TABLE run (
        id INTEGER PRIMARY KEY,
        model TEXT NOT NULL,
        device TEXT NOT NULL,
        attention TEXT NOT NULL,
        bucket INTEGER NOT NULL,
        tokens INTEGER NOT NULL,
        seconds REAL NOT NULL
    )""",
    "CREATE INDEX run_kind ON run (model, device, attention, bucket)",
    "CREATE TABLE stale (row INTEGER PRIMARY KEY)",
    """CREATE TRIGGER session_begun AFTER INSERT ON session BEGIN
        INSERT INTO stale SELECT -new.id WHERE -new.id NOT IN (SELECT row FROM stale);
    END""",
    """CREATE TRIGGER session_renamed AFTER UPDATE OF name, title ON session BEGIN
        INSERT INTO stale SELECT id FROM turn
            WHERE session_id = new.id AND id NOT IN (SELECT row FROM stale);
        INSERT INTO stale SELECT -new.id WHERE -new.id NOT IN (SELECT row FROM stale);
    END""",
    """CREATE TRIGGER session_deleted AFTER DELETE ON session BEGIN
        INSERT INTO stale SELECT -old.id WHERE -old.id NOT IN (SELECT row FROM stale);
    END""",
    """CREATE TRIGGER turn_saved AFTER INSERT ON turn BEGIN
        INSERT INTO stale SELECT new.id WHERE new.id NOT IN (SELECT row FROM stale);
    END""",
    """CREATE TRIGGER turn_changed AFTER UPDATE OF question, text ON turn BEGIN
        INSERT INTO stale SELECT new.id WHERE new.id NOT IN (SELECT row FROM stale);
    END""",
    """CREATE TRIGGER turn_deleted AFTER DELETE ON turn BEGIN
        INSERT INTO stale SELECT old.id WHERE old.id NOT IN (SELECT row FROM stale);
    END""",
    f"PRAGMA application_id = {APPLICATION_ID}",
)

STEPS: tuple[tuple[str, ...], ...] = (_FIRST,)


def migrate(db: sqlite3.Connection, steps: tuple[tuple[str, ...], ...] = STEPS) -> None:
    """Take the steps that the file has not taken, all of them or none.

    It writes in any case: raises `sqlite3.Error` also for a file that can only be read.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        for step in steps[version:]:
            for statement in step:
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {len(steps)}")
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")
