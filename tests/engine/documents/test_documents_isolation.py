"""Hostile files cost their reader's process, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from hostile_readers import HostileReader

from sa_chat.engine.documents import isolation
from sa_chat.engine.documents.isolation import IsolatedReaders
from sa_chat.engine.documents.pages import PageSelection
from sa_chat.engine.documents.readers import Source
from sa_chat.protocol.errors import DocumentError, UsageError

COMMAND = (sys.executable, str(Path(__file__).with_name("hostile_readers.py")))


@pytest.fixture
def readers() -> Iterator[IsolatedReaders]:
    with IsolatedReaders(stall_s=3.0, total_s=5.0, command=COMMAND) as readers:
        yield readers
    assert not psutil.Process().children()


def source(folder: Path, content: str, **options: Any) -> Source:
    path = folder / "a.hostile"
    path.write_text(content)
    return Source(path, "a.hostile", **options)


def text(readers: IsolatedReaders, folder: Path, content: str) -> str:
    return readers.read(HostileReader(), source(folder, content)).parts[0].text


def test_one_process_reads_one_file_after_another(readers: IsolatedReaders, tmp_path: Path) -> None:
    first, second = text(readers, tmp_path, "hello"), text(readers, tmp_path, "again")
    assert first.startswith("hello \ud83d ")
    assert second.startswith("again \ud83d ")
    assert first.split()[-1] == second.split()[-1]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("crash", r"crashes its parser \(Segmentation fault\)"),
        ("leave", r"crashes its parser \(exit code 3\)"),
        ("hang", r"takes too long to read: stopped after [34] s, at 0%"),
        ("fill", "needs more than 1,024 MiB of memory"),
        ("raise", "cannot be read: '/Pages'"),
    ],
)
def test_each_fault_is_one_message_and_the_next_file_is_read(
    readers: IsolatedReaders, tmp_path: Path, content: str, words: str
) -> None:
    with pytest.raises(DocumentError, match=words) as raised:
        text(readers, tmp_path, content)
    assert raised.value.message.startswith("a.hostile ")
    assert raised.value.hint
    assert text(readers, tmp_path, "hello").startswith("hello")


def test_a_crash_is_followed_by_a_careful_attempt(readers: IsolatedReaders, tmp_path: Path) -> None:
    assert text(readers, tmp_path, "crash-unless-careful").startswith("crash-unless-careful")


def test_errors_keep_their_kind(readers: IsolatedReaders, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such page") as raised:
        text(readers, tmp_path, "refuse")
    assert raised.value.hint == "Choose another."


def test_progress_does_not_extend_the_total_time(readers: IsolatedReaders, tmp_path: Path) -> None:
    shares: list[float] = []
    with pytest.raises(DocumentError, match="stopped after 5 s"):
        readers.read(HostileReader(), source(tmp_path, "crawl", progress=shares.append))
    assert max(shares) > 0.005
    assert shares == sorted(shares)


def test_what_listens_to_progress_can_cancel(readers: IsolatedReaders, tmp_path: Path) -> None:
    def stop(share: float) -> None:
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        readers.read(HostileReader(), source(tmp_path, "hang", progress=stop))
    assert time.monotonic() - began < 2.0
    assert not psutil.Process().children()


def test_a_process_that_ended_between_two_files_is_replaced(
    readers: IsolatedReaders, tmp_path: Path
) -> None:
    first = text(readers, tmp_path, "hello")
    (child,) = psutil.Process().children()
    child.kill()
    child.wait()
    second = text(readers, tmp_path, "crash-unless-careful hello")
    assert first.split()[-1] != second.split()[-1]


def test_a_request_that_nobody_takes(tmp_path: Path) -> None:
    """The process has ended when it is written."""

    class Late(PageSelection):
        """Takes so long to be written down that the process is gone by then."""

        def __str__(self) -> str:
            time.sleep(1.0)
            return super().__str__()

    command = (sys.executable, "-c", "import os; os._exit(7)")
    with (
        IsolatedReaders(command=command) as readers,
        pytest.raises(DocumentError, match=r"crashes its parser \(exit code 7\)"),
    ):
        readers.read(HostileReader(), source(tmp_path, "hello", pages=Late(((1, None),))))


@pytest.mark.parametrize(
    "words", ["hello", "3", "{}", '{"parsed": 3}', '{"failed": {}}', '{"progress": "x"}']
)
def test_what_is_no_answer_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.setattr(isolation, "EXIT_S", 0.2)
    code = f"import time; print({words!r}, flush=True); time.sleep(60)"
    with (
        IsolatedReaders(command=(sys.executable, "-c", code)) as readers,
        pytest.raises(DocumentError, match="its output is not an answer"),
    ):
        text(readers, tmp_path, "hello")
    assert not psutil.Process().children()


def test_it_ends_if_its_parent_did_so_before_it_was_ready() -> None:
    strange = str(psutil.Process().ppid())
    with subprocess.Popen(
        [*COMMAND, str(isolation.MEMORY_BYTES), strange], stdin=subprocess.PIPE
    ) as process:
        assert process.wait(timeout=30) == 0


def test_a_long_text_is_sent_in_the_memory_that_there_is(
    readers: IsolatedReaders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written as \\u.... in JSON it would take three times as much."""
    monkeypatch.setattr(isolation, "MEMORY_BYTES", 512 << 20)
    assert text(readers, tmp_path, "emoji 20000000").count("\U0001f600") == 20_000_000


def test_what_a_parser_prints_is_no_answer(readers: IsolatedReaders, tmp_path: Path) -> None:
    assert text(readers, tmp_path, "print").startswith("print")


def test_no_file_can_be_written(readers: IsolatedReaders, tmp_path: Path) -> None:
    target = tmp_path / "written"
    with pytest.raises(DocumentError):
        text(readers, tmp_path, f"write {target}")
    assert not target.exists() or target.stat().st_size == 0
