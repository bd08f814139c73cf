"""What is kept comes back as it was; what fails is one kind of error."""

from __future__ import annotations

import sqlite3
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import old_answers
import pytest
from history_values import BOOK, OPENED, answered, begun, opened, turn
from hypothesis import given, settings
from hypothesis import strategies as st

from sa_chat.app.history import Document, History, HistoryError, Run, SavedTurn
from sa_chat.app.history.coding import unpacked
from sa_chat.app.session.state import TurnStatus
from sa_chat.protocol.config import OpenOptions
from sa_chat.protocol.events import Answer
from sa_chat.protocol.values import Citation, Ttft

SIGNS = st.characters(codec=None, exclude_categories=())  # lone surrogates and zero bytes, too
TEXTS = st.text(SIGNS)
NUMBERS = st.floats(0.0, 1e6, allow_nan=False)
CITATIONS = st.builds(
    Citation,
    TEXTS,
    TEXTS,
    st.none() | TEXTS,
    st.integers(0, 10**9),
    st.booleans(),
)
ANSWERS = st.builds(
    Answer,
    TEXTS,
    TEXTS,
    st.lists(CITATIONS, max_size=3).map(tuple),
    st.integers(0, 10**9),
    NUMBERS,
    NUMBERS,
    st.sampled_from(["stop", "length", "cancelled"]),
    st.builds(Ttft, NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS),
    st.booleans(),
    request_id=st.none() | TEXTS,
)
TURNS = st.builds(
    SavedTurn,
    TEXTS,
    st.sampled_from([status.value for status in TurnStatus]),
    TEXTS,
    st.none() | ANSWERS,
    st.none() | ANSWERS,
)
TUPLES = st.lists(TEXTS, max_size=3).map(tuple)
OPTIONS = st.builds(
    OpenOptions,
    TUPLES,
    pages=st.none() | TEXTS,
    include=TUPLES,
    exclude=TUPLES,
    drop=TUPLES,
    fit=st.booleans(),
    ocr=st.booleans(),
)
TIMES = st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
DOCUMENTS = st.builds(Document, OPTIONS, TEXTS, st.integers(0, 10**9), TIMES)


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    history = opened(tmp_path / "history.db")
    yield history
    history.close()


@pytest.fixture
def connected(tmp_path: Path) -> Iterator[tuple[History, sqlite3.Connection]]:
    """A history, and the connection that it has."""
    path = tmp_path / "history.db"
    opened(path).close()
    db = sqlite3.connect(path, isolation_level=None)
    db.text_factory = unpacked
    history = History(db, path, full_text=True)
    yield history, db
    history.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """One for all examples of a test."""
    history = opened(tmp_path_factory.mktemp("history") / "history.db")
    yield history
    history.close()


@given(DOCUMENTS, TEXTS, st.lists(TURNS, max_size=3), TEXTS)
@settings(deadline=None)
def test_everything_comes_back_as_it_was(
    shared: History, document: Document, text: str, turns: list[SavedTurn], draft: str
) -> None:
    number = shared.begin(document, text, text[::-1])
    for position, each in enumerate(turns):
        shared.save_turn(number, position, each)
    shared.save_draft(number, draft)
    saved = shared.load(number)
    assert saved.turns == tuple(turns)
    assert saved.draft == draft
    assert saved.info.document == document
    assert (saved.info.model, saved.info.attention) == (text, text[::-1])
    assert saved.info.turns == len(turns)
    assert saved.info == shared.newest(document.options.paths)


@given(DOCUMENTS)
@settings(deadline=None)
def test_documents_come_back_as_they_were(shared: History, document: Document) -> None:
    shared.note_document(document)
    assert document in shared.recent_documents(limit=10_000)
    shared.forget_document(document.options)
    assert document not in shared.recent_documents(limit=10_000)


def test_two_lone_halves_do_not_become_one_character(history: History) -> None:
    halves = "\ud83d\ude00"
    number = begun(history, turn(halves, halves))
    assert history.load(number).turns[0].question == halves
    assert len(history.load(number).turns[0].text) == 2


def test_a_time_comes_back_in_utc(history: History) -> None:
    zone = timezone(timedelta(hours=-7))
    document = replace(BOOK, opened=OPENED.astimezone(zone))
    number = begun(history, document=document)
    back = history.load(number).info.document.opened
    assert back == OPENED
    assert back.tzinfo is UTC


def test_a_turn_is_replaced_and_the_newest_comes_first(history: History) -> None:
    first, second = begun(history, turn("One?")), begun(history, turn("Two?"))
    assert [info.id for info in history.sessions()] == [second, first]
    history.save_turn(first, 0, turn("One!"))
    assert [info.id for info in history.sessions()] == [first, second]
    assert [info.id for info in history.sessions(limit=1)] == [first]
    assert history.load(first).turns == (turn("One!"),)
    newest = history.newest()
    assert newest is not None
    assert newest.id == first


def test_a_draft_and_a_name_do_not_move_a_conversation(history: History) -> None:
    first, second = begun(history, turn()), begun(history, turn())
    history.save_draft(first, "And then")
    history.rename(first, "Whales")
    assert [info.id for info in history.sessions()] == [second, first]
    assert history.load(first).draft == "And then"
    assert history.load(second).draft == ""


def test_newest_of_the_same_paths(history: History) -> None:
    other = replace(BOOK, options=OpenOptions(("/books/moby.txt", "/books/notes.md")))
    first = begun(history, turn())
    begun(history, turn(), document=other)
    of_book = history.newest(BOOK.options.paths)
    assert of_book is not None
    assert of_book.id == first
    assert history.newest(("/books/notes.md", "/books/moby.txt")) is None
    assert history.newest(()) is None


def test_an_edited_question_cuts_what_followed(history: History) -> None:
    number = begun(history, turn("One?"), turn("Two?"), turn("Three?"))
    history.cut(number, 1)
    history.save_turn(number, 1, turn("Another?"))
    assert [t.question for t in history.load(number).turns] == ["One?", "Another?"]


def test_names(history: History) -> None:
    number = begun(history)
    assert history.load(number).info.name == "Moby-Dick"
    history.save_turn(number, 0, turn("  Who\n is \x1b[31mthis?  "))
    assert history.load(number).info.name == "Who is this?"
    history.save_turn(number, 0, turn("long " * 100))
    name = history.load(number).info.name
    assert len(name) <= 80
    assert name.endswith("long…")
    history.rename(number, " Whales ")
    assert history.sessions()[0].name == "Whales"
    history.rename(number, "  ")
    assert history.sessions()[0].name == name


def test_a_deleted_conversation_is_gone_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    history = opened(path)
    secret = turn("Where is the treasure?", "Under the crooked palm " * 50)
    number = begun(history, secret)
    kept = begun(history, turn())
    assert len(history.search("treasure")) == 1
    history.delete(number)
    history.delete(number)
    assert history.search("treasure") == []
    with pytest.raises(HistoryError, match="no longer in the history"):
        history.load(number)
    assert [info.id for info in history.sessions()] == [kept]
    history.close()
    data = path.read_bytes()
    assert b"treasure" not in data
    assert b"crooked" not in data
    assert b"Ishmael" in data
    history = opened(path)
    assert begun(history) > kept
    history.close()


def test_the_id_of_a_deleted_conversation_is_not_given_again(history: History) -> None:
    number = begun(history, turn())
    history.delete(number)
    assert begun(history) > number


def test_a_password_is_never_written(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    history = opened(path)
    options = replace(BOOK.options, password="hunter2")
    document = replace(BOOK, options=options)
    assert document.options.password is None
    number = begun(history, turn(), document=document)
    history.note_document(document)
    assert history.load(number).info.document.options == BOOK.options
    assert b"hunter2" not in path.read_bytes() + Path(f"{path}-wal").read_bytes()
    history.close()
    assert b"hunter2" not in path.read_bytes()


def test_an_unreadable_answer_leaves_its_text(history: History) -> None:
    number = begun(history, turn(), turn("And then?"))
    db = sqlite3.connect(history.path)
    later = '{"type": "Answer", "mood": "cheerful"}'
    db.execute("UPDATE turn SET answer = ? WHERE position = 0", (later,))
    db.execute("""UPDATE turn SET answer = '{"type": "Stats"}' WHERE position = 1""")
    db.commit()
    db.close()
    for kept in history.load(number).turns:
        assert kept.answer is None
        assert kept.text == "> Call me Ishmael.\n"


def test_answers_of_the_version_before_are_read(history: History) -> None:
    number = begun(history, turn())
    db = sqlite3.connect(history.path)
    row = (old_answers.ANSWER, old_answers.COMPARED, old_answers.OPTIONS)
    db.execute("UPDATE turn SET answer = CAST(? AS TEXT), compared = CAST(? AS TEXT)", row[:2])
    db.execute("UPDATE session SET options = CAST(? AS TEXT)", row[2:])
    db.commit()
    db.close()
    saved = history.load(number)
    (kept,) = saved.turns
    found = Citation("Call me Ishmael.", "/books/moby.txt", "3", 7, True, "Call me\nIshmael.")
    missing = Citation("Nobody said this.", "", None, 0, False)
    assert kept.answer == replace(answered(), citations=(found, missing))
    path = b"caf\xe9.txt".decode("utf-8", "surrogateescape")
    quote = "Appelez-moi Ismaël."
    assert kept.compared == Answer(
        "Qui\u2028 parle ? \U0001f40b",
        f"> {quote}\n",
        (Citation(quote, path, None, 3, True, quote),),
        0,
        0.0,
        0.0,
        "cancelled",
        Ttft(),
        True,
        request_id="cq12",
    )
    options = replace(BOOK.options, pages="1-3", include=("*.py",), drop=("a#x@1:2",), ocr=True)
    assert saved.info.document.options == options
    history.save_turn(number, 0, kept)
    assert history.load(number).turns == (kept,)


def test_an_option_of_a_later_version_is_left_out(history: History) -> None:
    number = begun(history, turn())
    db = sqlite3.connect(history.path)
    db.execute("""UPDATE session SET options = '{"ocr": true, "language": "la"}'""")
    db.commit()
    db.close()
    assert history.load(number).info.document.options == replace(BOOK.options, ocr=True)


@pytest.mark.parametrize("broken", ["", "[]", '{"ocr": 3}', "[" * 100_000])
def test_options_that_no_version_wrote(history: History, broken: str) -> None:
    begun(history, turn())
    db = sqlite3.connect(history.path)
    db.execute("UPDATE session SET options = ?", (broken,))
    db.commit()
    db.close()
    with pytest.raises(HistoryError, match="cannot be read"):
        history.sessions()


def test_recent_documents(history: History) -> None:
    later = replace(BOOK, tokens=5, opened=OPENED + timedelta(days=1))
    scanned = replace(BOOK, options=replace(BOOK.options, ocr=True))
    history.note_document(BOOK)
    history.note_document(scanned)
    history.note_document(later)
    assert history.recent_documents() == [later, scanned]
    assert history.recent_documents(limit=1) == [later]
    number = begun(history, turn())
    history.forget_document(replace(BOOK.options, password="not part of it"))
    assert history.recent_documents() == [scanned]
    assert history.load(number).info.document == BOOK


def test_only_so_many_recent_documents(history: History) -> None:
    for number in range(205):
        options = OpenOptions((f"/books/{number}.txt",))
        history.note_document(Document(options, "", 1, OPENED + timedelta(seconds=number)))
    kept = history.recent_documents(limit=1000)
    assert [document.options.paths[0] for document in kept] == [
        f"/books/{number}.txt" for number in range(204, 4, -1)
    ]


def test_two_histories_of_one_file(tmp_path: Path) -> None:
    one, two = opened(tmp_path / "history.db"), opened(tmp_path / "history.db")
    first, second = begun(one, turn("One?")), begun(two, turn("Two?"))
    two.save_turn(first, 1, turn("From the other?"))
    assert [t.question for t in one.load(first).turns] == ["One?", "From the other?"]
    assert one.sessions() == two.sessions()
    one.delete(second)
    with pytest.raises(HistoryError, match="no longer in the history"):
        two.save_turn(second, 1, turn())
    one.close()
    assert len(two.search("who OR other")) == 0
    assert len(two.search("other")) == 1
    two.close()


CALLS: dict[str, Callable[[History], object]] = {
    "begin": lambda history: history.begin(BOOK, "embedded", "sparse"),
    "save_turn": lambda history: history.save_turn(1, 0, turn("Again?" * 10_000)),
    "cut": lambda history: history.cut(1, 0),
    "save_draft": lambda history: history.save_draft(1, "x" * 50_000),
    "rename": lambda history: history.rename(1, "x" * 50_000),
    "delete": lambda history: history.delete(1),
    "note_document": lambda history: history.note_document(replace(BOOK, title="x" * 50_000)),
    "forget_document": lambda history: history.forget_document(BOOK.options),
    "note_run": lambda history: history.note_run(Run("m" * 50_000, "cpu", "sparse", 1000, 1.0)),
}
LOOKS: dict[str, Callable[[History], object]] = {
    "sessions": lambda history: history.sessions(),
    "search": lambda history: history.search("whale"),
    "load": lambda history: history.load(1),
    "newest": lambda history: history.newest(),
    "recent_documents": lambda history: history.recent_documents(),
    "expected_s": lambda history: history.expected_s("m", "cpu", "sparse", 1000),
}


def test_everything_that_can_be_called_is_called_here() -> None:
    public = {name for name in vars(History) if not name.startswith("_")}
    assert public == {*CALLS, *LOOKS, "close"}


@pytest.mark.parametrize("call", [*CALLS, *LOOKS])
def test_after_the_end_every_call_is_one_kind_of_error(tmp_path: Path, call: str) -> None:
    history = opened(tmp_path / "history.db")
    begun(history, turn())
    history.close()
    history.close()
    with pytest.raises(HistoryError):
        {**CALLS, **LOOKS}[call](history)


@pytest.mark.parametrize("call", [*CALLS, *LOOKS])
@pytest.mark.parametrize("another", [False, True], ids=["removed", "replaced"])
def test_a_file_that_was_removed(tmp_path: Path, call: str, another: bool) -> None:
    path = tmp_path / "history.db"
    history = opened(path)
    begun(history, turn())
    path.rename(tmp_path / "elsewhere.db")
    if another:
        path.touch()
    with pytest.raises(HistoryError, match="no longer where it was"):
        {**CALLS, **LOOKS}[call](history)
    history.close()


@pytest.mark.parametrize(
    "call", ["begin", "save_turn", "save_draft", "rename", "note_document", "note_run"]
)
def test_a_full_disk(connected: tuple[History, sqlite3.Connection], call: str) -> None:
    history, db = connected
    number = begun(history, turn())
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(HistoryError, match="disk is full"):  # noqa: PT012
        for _ in range(100):
            CALLS[call](history)
    assert history.load(number).turns  # nothing is lost, and looking is still possible
    db.execute("PRAGMA max_page_count = 1000000")
    history.save_turn(number, 1, turn("And now?"))
    assert history.load(number).turns[1] == turn("And now?")


@pytest.mark.parametrize("call", list(CALLS))
def test_another_process_that_writes_for_too_long(
    connected: tuple[History, sqlite3.Connection], call: str
) -> None:
    history, db = connected
    number = begun(history, turn())
    db.execute("PRAGMA busy_timeout = 20")
    other = sqlite3.connect(history.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(HistoryError, match="Another sa-chat"):
        CALLS[call](history)
    assert history.load(number).turns == (turn(),)
    other.execute("COMMIT")
    other.close()
    CALLS[call](history)


def test_a_short_wait_is_waited(history: History) -> None:
    number = begun(history, turn())
    other = sqlite3.connect(history.path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.3, other.execute, ["COMMIT"])
    timer.start()
    began = time.perf_counter()
    history.rename(number, "later")
    assert time.perf_counter() - began > 0.2
    timer.join()
    other.close()
    assert history.load(number).info.name == "later"


def test_a_page_that_goes_bad_later(connected: tuple[History, sqlite3.Connection]) -> None:
    history, db = connected
    path = history.path
    for _ in range(50):
        begun(history, turn("x" * 500, "y" * 5_000))
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.execute("PRAGMA cache_size = 0")
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))
    other = History(sqlite3.connect(path, isolation_level=None), path, full_text=True)
    with pytest.raises(HistoryError, match="damaged"):
        other.sessions()
    other.close()
    history.close()


@pytest.mark.parametrize("call", ["save_turn", "cut", "save_draft", "rename", "load"])
def test_a_conversation_that_is_not_there(history: History, call: str) -> None:
    with pytest.raises(HistoryError, match="no longer in the history"):
        {**CALLS, **LOOKS}[call](history)
    assert history.sessions() == []


def test_a_save_takes_less_than_5_ms(history: History) -> None:
    words = "It was the whiteness of the whale that above all things appalled me. "
    number = begun(history)
    took = []
    for position in range(200):
        each = SavedTurn(words, "done", words * 30, answered(words * 30, words))
        begin = time.perf_counter()
        history.save_turn(number, position, each)
        took.append(time.perf_counter() - begin)
    assert statistics.median(took) < 0.005
