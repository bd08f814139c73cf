"""A history file that is new, old, damaged, of somebody else, or cannot be."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from history_values import begun, opened, turn

from sa_chat.app.history import default_path, open_history
from sa_chat.app.history.schema import APPLICATION_ID, STEPS, migrate


def pragma(path: Path, name: str) -> object:
    db = sqlite3.connect(path)
    (value,) = db.execute(f"PRAGMA {name}").fetchone()
    db.close()
    return value


def test_a_new_history_is_version_1_and_private(tmp_path: Path) -> None:
    path = tmp_path / "data" / "sa-chat" / "history.db"
    history = opened(path)
    begun(history, turn())
    for beside in ("", "-wal", "-shm"):
        assert os.stat(f"{path}{beside}").st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    history.close()
    assert pragma(path, "user_version") == len(STEPS) == 1
    assert pragma(path, "application_id") == APPLICATION_ID
    assert pragma(path, "journal_mode") == "wal"
    assert os.listdir(path.parent) == ["history.db"]


def test_a_file_that_others_may_read_becomes_private(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    opened(path).close()
    path.chmod(0o644)
    opened(path).close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_it_stands_in_the_users_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_path() == tmp_path / "sa-chat" / "history.db"
    history, _ = open_history()
    assert history is not None
    assert history.path == default_path()
    history.close()


def test_what_was_kept_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    history = opened(path)
    number = begun(history, turn())
    history.close()
    history = opened(path)
    assert [info.id for info in history.sessions()] == [number]
    history.close()


def torn(path: Path) -> None:
    """A history whose middle was overwritten."""
    history = opened(path)
    for _ in range(20):
        begun(history, turn("x" * 500, "y" * 5_000))
    history.close()
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 8192] = b"\xa5" * 8192
    path.write_bytes(data)


def foreign(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE session (id, secret)")
    db.execute("PRAGMA user_version = 1")
    db.commit()
    db.close()


def cut_off(path: Path) -> None:
    opened(path).close()
    path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.parametrize(
    "spoil",
    [lambda path: path.write_text("Dear diary, " * 400), torn, foreign, cut_off],
    ids=["text", "torn", "foreign", "cut off"],
)
def test_a_damaged_file_is_set_aside(tmp_path: Path, spoil: object) -> None:
    path = tmp_path / "history.db"
    assert callable(spoil)
    spoil(path)
    before = path.read_bytes()
    history, sentence = open_history(path)
    assert history is not None
    aside = tmp_path / "history.damaged-1.db"
    assert sentence == (
        f"The history could not be read: it is kept as {aside}, and a new one begins."
    )
    assert aside.read_bytes() == before
    number = begun(history, turn())
    assert history.load(number).turns == (turn(),)
    history.close()
    opened(path).close()


def test_nothing_that_was_set_aside_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    for number in (1, 2, 3):
        path.write_text(f"damage {number}" * 100)
        Path(f"{path}-wal").write_text(f"what belongs to damage {number}")
        history, _ = open_history(path)
        assert history is not None
        history.close()
    for number in (1, 2, 3):
        aside = tmp_path / f"history.damaged-{number}.db"
        assert aside.read_text() == f"damage {number}" * 100
        assert Path(f"{aside}-wal").read_text() == f"what belongs to damage {number}"


def test_a_newer_file_is_set_aside_whole(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    history = opened(path)
    number = begun(history, turn())
    history.close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 2")
    db.close()
    history_or_none, sentence = open_history(path)
    assert history_or_none is not None
    assert history_or_none.sessions() == []
    history_or_none.close()
    aside = tmp_path / "history.newer-1.db"
    assert "newer sa-chat" in sentence
    assert str(aside) in sentence
    db = sqlite3.connect(aside)
    db.execute("PRAGMA user_version = 1")
    db.close()
    history = opened(aside)
    assert history.load(number).turns == (turn(),)
    history.close()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    history, sentence = open_history(tmp_path / "file" / "history.db")
    assert history is None
    assert sentence.startswith("This conversation is not kept: ")
    assert sentence.endswith("Not a directory." if "Not a" in sentence else "File exists.")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    history, sentence = open_history(tmp_path / "history.db")
    assert history is None
    assert sentence.endswith("Permission denied.")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_can_only_be_read(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    opened(path).close()
    path.chmod(0o400)
    history, sentence = open_history(path)
    assert history is None
    assert "The history file cannot be written." in sentence


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "history.db").mkdir(mode=0o700)
    history, sentence = open_history(tmp_path / "history.db")
    assert history is None
    assert sentence.startswith("This conversation is not kept. ")


NO_ROOM = """
import resource, signal, sys
from pathlib import Path
from sa_chat.app.history import open_history
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
history, sentence = open_history(Path(sys.argv[1]))
assert history is None
print(sentence)
"""


def test_no_room_for_a_new_file(tmp_path: Path) -> None:
    command = [sys.executable, "-c", NO_ROOM, str(tmp_path / "history.db")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout.startswith("This conversation is not kept. ")
    assert done.stdout.count("\n") == 1


def test_a_file_that_others_lock_is_not_waited_for_long(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    folder = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    history, sentence = open_history(path)
    os.close(folder)
    assert history is None
    assert "another sa-chat is opening it" in sentence
    opened(path).close()


def test_a_later_version_adds_a_step(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    opened(path).close()
    db = sqlite3.connect(path, isolation_level=None)
    migrate(db, (*STEPS, ("ALTER TABLE run ADD COLUMN note TEXT",)))
    assert db.execute("SELECT note FROM run").fetchall() == []
    assert db.execute("PRAGMA user_version").fetchone() == (2,)
    db.close()


def test_a_step_that_fails_leaves_nothing(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "history.db", isolation_level=None)
    with pytest.raises(sqlite3.OperationalError):
        migrate(db, (("CREATE TABLE one (id)", "CREATE TABLE one (id)"),))
    assert db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    assert db.execute("PRAGMA user_version").fetchone() == (0,)
    db.close()


OPEN_AND_WRITE = """
import sys
from pathlib import Path
from history_values import begun, opened, turn
history = opened(Path(sys.argv[1]))
number = begun(history)
for position in range(30):
    history.save_turn(number, position, turn(f"question {position} of {sys.argv[2]}"))
history.close()
"""


def test_processes_that_begin_and_write_at_the_same_time(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    here = Path(__file__).parent
    running = [
        subprocess.Popen([sys.executable, "-c", OPEN_AND_WRITE, str(path), str(n)], cwd=here)
        for n in range(3)
    ]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    history = opened(path)
    asked = [[t.question for t in history.load(i.id).turns] for i in history.sessions()]
    expected = [[f"question {position} of {n}" for position in range(30)] for n in range(3)]
    assert sorted(asked) == expected
    history.close()
