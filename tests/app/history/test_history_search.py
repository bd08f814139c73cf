"""Finding conversations, with and without full-text search."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from history_values import BOOK, begun, opened, turn
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sa_chat.app.history import MARK, UNMARK, History, opening
from sa_chat.app.history.search import make_index
from sa_chat.protocol.text import clean

SIGNS = st.characters(codec=None, exclude_categories=())
QUERIES = st.text(SIGNS) | st.text(st.sampled_from("ab \"'*()^:-+{}NEARANDOR😀\x00\x02é鯨"))


def without_full_text(patch: pytest.MonkeyPatch) -> None:
    """As if SQLite had been built without FTS5: there is no such function, and whoever touches
    the index fails."""
    connect: Callable[..., sqlite3.Connection] = sqlite3.connect

    def poorer(*args: object, **options: object) -> sqlite3.Connection:
        db = connect(*args, **options)
        db.create_function("fts5_source_id", 0, None)
        db.set_authorizer(
            lambda action, first, *rest: (
                sqlite3.SQLITE_DENY
                if action != sqlite3.SQLITE_PRAGMA and str(first).startswith("words")
                else sqlite3.SQLITE_OK
            )
        )
        return db

    patch.setattr(opening.sqlite3, "connect", poorer)


@pytest.fixture(scope="module", params=[True, False], ids=["index", "scan"])
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[History]:
    with pytest.MonkeyPatch.context() as patch:
        if not request.param:
            without_full_text(patch)
        history = opened(tmp_path_factory.mktemp("history") / "history.db")
    assert history.full_text is request.param
    yield history
    history.close()


@pytest.fixture
def history(shared: History) -> History:
    """An empty one."""
    for info in shared.sessions():
        shared.delete(info.id)
    return shared


def found(history: History, words: str) -> list[int]:
    return [hit.info.id for hit in history.search(words)]


def test_an_empty_history(history: History) -> None:
    assert history.search("whale") == []


def test_questions_answers_names_and_titles(history: History) -> None:
    number = begun(history, turn("Who hunts?", "Captain Ahab does."), turn("Why?", "Revenge."))
    begun(history, turn("Which hat?", "A red one."), document=replace(BOOK, title="Fashion"))
    for words in ("hunts", "ahab", "AHAB", "moby", "revenge", "ahab captain", "moby revenge"):
        assert found(history, words) == [number], words
    assert found(history, "ahab hat") == []
    history.rename(number, "Seafaring")
    assert found(history, "seafaring ahab") == [number]
    history.rename(number, "")
    assert found(history, "seafaring") == []


def test_every_conversation_once_and_the_newest_first(history: History) -> None:
    first = begun(history, turn("A whale?"), turn("Another whale?"))
    second = begun(history, turn("One more whale?"))
    assert found(history, "whale") == [second, first]
    history.save_turn(first, 2, turn("And?"))
    assert found(history, "whale") == [first, second]
    assert [hit.info.id for hit in history.search("whale", limit=1)] == [first]
    assert history.search("whale")[0].info == history.sessions()[0]


def test_what_was_changed_is_found_as_it_is_now(history: History) -> None:
    number = begun(history, turn("A whale?", "x"), turn("A shark?", "x"))
    assert found(history, "shark") == [number]
    history.save_turn(number, 0, turn("A squid?", "x"))
    assert found(history, "whale") == []
    assert found(history, "squid") == [number]
    history.cut(number, 1)
    assert found(history, "shark") == []
    history.delete(number)
    assert found(history, "squid") == []


def test_the_last_word_may_be_a_beginning(history: History) -> None:
    number = begun(history, turn("Who is the harpooneer?", "Queequeg."))
    assert found(history, "harp") == [number]
    assert found(history, "who harp") == [number]


def test_a_finished_word_is_whole_in_the_index(history: History) -> None:
    number = begun(history, turn("Who is the harpooneer?", "Queequeg."))
    whole = [] if history.full_text else [number]
    assert found(history, "harp ") == whole
    assert found(history, "harp who") == whole


def test_a_snippet_is_one_line_with_the_words_marked(history: History) -> None:
    text = "word " * 200 + "\n\nthe white\x02 \x1b[31mWhale\x00 swims\n\n" + "word " * 200
    begun(history, turn("What?", text))
    (hit,) = history.search("whale")
    assert f"{MARK}Whale{UNMARK}" in hit.snippet
    assert hit.snippet.count(MARK) == 1
    assert hit.snippet.startswith("…")
    assert hit.snippet.endswith("…")
    assert len(hit.snippet) < 250
    plain = hit.snippet.replace(MARK, "").replace(UNMARK, "")
    assert plain == clean(plain)
    assert "\n" not in plain


@pytest.mark.parametrize(
    "words", ["鯨", "の鯨", "😀", "¿?", "crème", "CRÈME", "don't", "foo_bar()", "naïve 😀"]
)
def test_words_of_all_kinds(history: History, words: str) -> None:
    number = begun(
        history, turn("白い海の鯨は 😀 ¿?", "Crème, don't, foo_bar(x), naïve; foo_bar()")
    )
    begun(history, turn("Nothing", "of that"))
    assert found(history, words) == [number]
    assert MARK in history.search(words)[0].snippet


def test_accents_may_be_left_out_in_the_index(history: History) -> None:
    number = begun(history, turn("La crème?", "Oui."))
    assert found(history, "creme") == ([number] if history.full_text else [])


@pytest.mark.parametrize("words", ["", "  ", "\x00", "\x1b[31m", "\u200f"])
def test_nothing_to_look_for(history: History, words: str) -> None:
    begun(history, turn())
    assert history.search(words) == []


@pytest.mark.parametrize(
    "words",
    [
        "who NEAR speaks",
        "who AND speaks",
        "who*",
        '"who',
        "question:who",
        "NOT",
        "(who",
        "who OR x",
    ],
)
def test_nothing_is_an_operator(history: History, words: str) -> None:
    begun(history, turn("Who speaks?", "Ishmael."))
    number = begun(history, turn(f"I typed {words} once", "So it was."))
    assert number in found(history, words)


@given(QUERIES)
@example('"')
@example('"*')
@example("a" * 100_000)
@example("word " * 5_000)
@example("\ud800")
@settings(deadline=None)
def test_a_search_never_fails(shared: History, words: str) -> None:
    begun(shared, turn(words, words))
    for hit in shared.search(words):
        assert hit.snippet.count(MARK) == hit.snippet.count(UNMARK)


@given(st.lists(st.from_regex(r"[a-z0-9]{1,12}", fullmatch=True), min_size=1, max_size=32))
@settings(deadline=None)
def test_what_was_asked_is_found(shared: History, words: list[str]) -> None:
    number = begun(shared, turn(" ".join(words), ""))
    try:
        assert number in found(shared, " ".join(reversed(words)))
    finally:
        shared.delete(number)


def test_an_sqlite_without_full_text_search() -> None:
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.create_function("fts5_source_id", 0, None)
    assert make_index(db) is False
    assert db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    db.close()


def test_the_index_takes_up_what_was_written_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "history.db"
    history = opened(path)
    kept = begun(history, turn("A whale?", "x"))
    deleted = begun(history, turn("A shark?", "x"))
    assert found(history, "shark") == [deleted]
    history.close()
    with monkeypatch.context() as patch:
        without_full_text(patch)
        history = opened(path)
        assert not history.full_text
        history.save_turn(kept, 0, turn("A squid?", "x"))
        history.delete(deleted)
        new = begun(history, turn("A dolphin?", "x"))
        assert found(history, "squid") == [kept]
        history.close()
    history = opened(path)
    assert history.full_text
    assert found(history, "dolphin") == [new]
    assert found(history, "squid") == [kept]
    assert found(history, "whale") == found(history, "shark") == []
    history.close()
