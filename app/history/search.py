"""Search for conversations by words, with the full-text index or without it.

A conversation is found if one of its turns, together with its name and the document's title, has
all the words.  With full-text search (SQLite's FTS5) a word is a whole word, without regard to
case and accents, and the last one may be the beginning of a word; punctuation does not count.
Signs alone (emoji) and scripts that put no blanks between words are looked for letter by letter,
without regard to case; so is everything where SQLite was built without FTS5.

The index is a copy of its own, brought up to date before it is asked.  Its text has no control
characters, so that the marks of a snippet are the only ones in it.
"""

from __future__ import annotations

import re
import sqlite3

from sa_chat.protocol.text import clean

from ..report.text import one_line
from .coding import INFO, NEWEST_FIRST, info
from .values import MARK, UNMARK, Hit

_MOST_WORDS = 32
_AROUND = 60  # characters of a snippet before its first word
_SNIPPET = 160  # characters of a snippet, at most, with its marks
_MARKED = re.compile(f"{MARK}([^{UNMARK}]*){UNMARK}")
_NO_BLANKS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"  # Japanese, Chinese
)
_TABLE = """CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (
    session_id UNINDEXED, title, name, question, text,
    tokenize = "unicode61 remove_diacritics 2"
)"""
_FRESH = """
    SELECT t.id, s.id, s.title, s.name, t.question, t.text
    FROM stale JOIN turn t ON t.id = stale.row JOIN session s ON s.id = t.session_id
    UNION ALL
    SELECT -s.id, s.id, s.title, s.name, '', '' FROM stale JOIN session s ON s.id = -stale.row
"""
_FOUND = f"""
    WITH found AS MATERIALIZED (
        SELECT session_id, min(rowid) AS row FROM words WHERE words MATCH ? GROUP BY session_id
    )
    SELECT found.row, i.* FROM found JOIN ({INFO}) i ON i.id = found.session_id
    ORDER BY i.updated DESC, i.id DESC LIMIT ?
"""
_HIGHLIGHTED = f"""
    SELECT rowid, {", ".join(f"highlight(words, {column}, ?1, ?2)" for column in (4, 3, 2, 1))}
    FROM words WHERE words MATCH ?3 AND +rowid IN ({{rows}})
"""  # with the plus, in one pass: every look-up by row would read the lists of a prefix again.
# FTS5's own snippet() takes the square of the number of places in a text.


def make_index(db: sqlite3.Connection) -> bool:
    """Create the index unless it exists; False if SQLite was built without FTS5."""
    try:
        db.execute("SELECT fts5_source_id()")
    except sqlite3.OperationalError:
        return False
    db.execute(_TABLE)
    return True


def terms(words: str) -> list[str]:
    """The distinct words that were typed, without invisible characters, up to a limit.  The last
    one stays last."""
    typed = one_line(words).split()[:_MOST_WORDS]
    return list(dict.fromkeys(reversed(typed)))[::-1]


def needs_scan(wanted: list[str]) -> bool:
    """Whether the index cannot find such words."""
    return any(
        _NO_BLANKS.search(word) or not any(letter.isalnum() for letter in word) for word in wanted
    )


def is_stale(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM stale LIMIT 1").fetchone() is not None


def refresh(db: sqlite3.Connection) -> None:
    """Update the index, in the caller's transaction."""
    db.execute("DELETE FROM words WHERE rowid IN (SELECT row FROM stale)")
    for row, session_id, *texts in db.execute(_FRESH).fetchall():
        values = (row, session_id, *map(clean, texts))
        db.execute(
            "INSERT INTO words (rowid, session_id, title, name, question, text)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            values,
        )
    db.execute("DELETE FROM stale")


def forget_deleted(db: sqlite3.Connection) -> None:
    """Remove deleted text from the index, which otherwise keeps it until its lists are merged."""
    refresh(db)
    db.execute("INSERT INTO words (words) VALUES ('optimize')")


def by_index(db: sqlite3.Connection, wanted: list[str], *, prefix: bool, limit: int) -> list[Hit]:
    """Matching conversations, newest first; the snippet is from the first matching turn."""
    query = " ".join('"' + word.replace('"', '""') + '"' for word in wanted)
    query += "*" if prefix else ""
    found = {row: info(tuple(columns)) for row, *columns in db.execute(_FOUND, (query, limit))}
    statement = _HIGHLIGHTED.format(rows=", ".join(map(str, found)))
    snippets = {
        row: _stretch(texts) for row, *texts in db.execute(statement, (MARK, UNMARK, query))
    }
    return [Hit(about, snippets[row]) for row, about in found.items()]


def by_scan(db: sqlite3.Connection, wanted: list[str], limit: int) -> list[Hit]:
    """Matching conversations, newest first; the snippet is from the first matching turn."""
    patterns = [re.compile(re.escape(word), re.IGNORECASE) for word in wanted]
    hits: list[Hit] = []
    for columns in db.execute(f"{INFO} {NEWEST_FIRST}"):
        if len(hits) == limit:
            break
        found = info(columns)
        snippet = _first_fit(db, found.id, patterns)
        if snippet is not None:
            hits.append(Hit(found, snippet))
    return hits


def _first_fit(
    db: sqlite3.Connection, session_id: int, patterns: list[re.Pattern[str]]
) -> str | None:
    rows = db.execute(
        "SELECT '', '', name, title FROM session WHERE id = :id UNION ALL"
        " SELECT text, question, name, title FROM"
        " (SELECT * FROM turn WHERE session_id = :id ORDER BY position) t"
        " JOIN session s ON s.id = t.session_id",
        {"id": session_id},
    )
    for row in rows:
        texts = [clean(text) for text in row]
        if all(any(pattern.search(text) for text in texts) for pattern in patterns):
            anyone = re.compile("|".join(each.pattern for each in patterns), re.IGNORECASE)
            return _stretch([anyone.sub(f"{MARK}\\g<0>{UNMARK}", text) for text in texts])
    return None


def _stretch(texts: list[str]) -> str:
    """One line around the first word, of the text with the most different words."""
    best = max(texts, key=lambda text: len({word.casefold() for word in _MARKED.findall(text)}))
    line = " ".join(best.split())
    begin = max(0, line.find(MARK) - _AROUND)
    shown = line[begin : begin + _SNIPPET]
    if shown.count(MARK) > shown.count(UNMARK):
        shown += UNMARK
    return ("…" if begin else "") + shown.strip() + ("…" if len(line) > begin + _SNIPPET else "")
