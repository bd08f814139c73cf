"""`--count`, `--show-text`, `--fit`, `-` and passwords: real processes from end to end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

WriteScript = Callable[..., str]
COMMAND = [sys.executable, "-c", "import sys; from sa_chat.app.cli import main; sys.exit(main())"]


def sa_chat(
    *argv: str, stdin: str | bytes = b"", **environment: str
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*COMMAND, *argv],
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        timeout=60,
        env={**os.environ, **environment},
    )
    return subprocess.CompletedProcess(
        argv, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "tests").mkdir(parents=True)
    (root / "README.md").write_text("# Project\nWhat it is.\n## Use\nHow it is used.\n")
    (root / "main.py").write_text("answer = 42\n" * 30)
    (root / "tests/test_main.py").write_text("".join(f"assert answer == {n}\n" for n in range(300)))
    (root / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    return root


def test_count_prints_a_tree_that_adds_up(project: Path) -> None:
    done = sa_chat(str(project), "--count")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert "fit (131,072 of context less 8,192" in lines[0]
    split = [line.split(maxsplit=1) for line in lines[1:-1]]
    rows = {name.strip(): int(tokens.replace(",", "")) for tokens, name in split}
    assert list(rows) == [
        "project/", "README.md", "Project", "Use", "main.py", "tests/", "test_main.py"
    ]  # fmt: skip
    assert rows["project/"] == rows["README.md"] + rows["main.py"] + rows["tests/"]
    assert rows["tests/"] == rows["test_main.py"]
    assert 0 < int(lines[0].split()[0].replace(",", "")) - rows["project/"] < 10  # head and title
    assert lines[-1].startswith("left out: project/logo.png (")


def test_count_as_json_has_the_proposal_and_exits_with_4(project: Path) -> None:
    done = sa_chat(str(project), "--count", "--json", "--max-context", "1000")
    assert done.returncode == 4
    data = json.loads(done.stdout)
    assert data["excess_tokens"] == data["prompt_tokens"] + data["reserve_tokens"] - 1000 > 0
    assert data["proposal"][0]["flag"] == "--exclude project/tests/"
    assert f"{data['excess_tokens']:,} tokens too many" in done.stderr
    again = sa_chat(
        str(project), "--count", "--json", "--max-context", "1000", "--exclude", "project/tests/"
    )
    assert again.returncode == 0
    assert json.loads(again.stdout)["excess_tokens"] == 0


def test_fit_prints_what_it_left_out_and_answers(project: Path) -> None:
    question = ("--ask", "What is the answer?")
    refused = sa_chat(str(project), *question, "--max-context", "1000")
    assert (refused.returncode, refused.stdout) == (4, "")
    assert "Add --fit to leave out project/tests/ (tests, " in refused.stderr
    done = sa_chat(str(project), *question, "--max-context", "1000", "--fit")
    assert done.returncode == 0
    assert done.stdout
    assert "left out: project/tests/test_main.py (left out to fit (" in done.stderr
    assert "dropped: " in done.stderr


def test_show_text_is_exactly_what_is_read(project: Path) -> None:
    done = sa_chat(str(project), "--show-text", "--exclude", "README.md#Use")
    assert done.returncode == 0
    assert done.stdout.startswith(
        "project\n=== project/README.md ===\n# Project\nWhat it is.\n=== project/main.py ===\n"
    )
    assert done.stdout.endswith("assert answer == 299\n")
    assert "it fits" in done.stderr
    assert "left out: project/README.md (Use: excluded)" in done.stderr


def test_a_document_comes_through_a_pipe(project: Path) -> None:
    done = sa_chat("-", "--show-text", stdin="From a pipe.\n")
    assert (done.returncode, done.stdout) == (0, "stdin\nFrom a pipe.\n")
    both = sa_chat("-", str(project / "main.py"), "--count", "--json", stdin="From a pipe.\n")
    assert [s["path"] for s in json.loads(both.stdout)["sections"]][:1] == ["stdin"]
    assert sa_chat("-", "--show-text", stdin=b"\x00\x01\x02" * 99).returncode == 3
    assert sa_chat("-", "--show-text").returncode == 3


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["-", "-", "--ask", "x"], "read once only"),
        (["-", "--plain"], "--plain and - both read standard input"),
        (["-", "--password-stdin", "--ask", "x"], "--password-stdin and - both"),
        (["a.txt", "--count", "--show-text"], "print different things"),
        (["a.txt", "--password-stdin", "--ask", "x"], "has no password"),
        (["a.txt", "--choose", "--ask", "x"], "--choose needs the screen"),
    ],
)
def test_usage_errors(argv: list[str], words: str) -> None:
    done = sa_chat(*argv)
    assert (done.returncode, done.stdout) == (2, "")
    sentence, hint = done.stderr.splitlines()
    assert words in sentence
    assert hint


def test_passwords_come_from_the_environment_or_a_pipe(write_script: WriteScript) -> None:
    argv = ("a.pdf", "--ask", "whale", "--fake-engine", write_script(password="secret"))
    assert sa_chat(*argv, "--password-stdin", stdin="secret\n").returncode == 0
    assert sa_chat(*argv, SA_CHAT_PASSWORD="secret").returncode == 0
    wrong = sa_chat(*argv, SA_CHAT_PASSWORD="guess")
    assert wrong.returncode == 3
    assert "guess" not in wrong.stderr + wrong.stdout
    missing = sa_chat(*argv)
    assert missing.returncode == 3
    assert "password-protected" in missing.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_piped_document_does_not_stay_behind(
    tmp_path: Path, write_script: WriteScript, number: signal.Signals
) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    script = write_script(pace=1.0, chunk_s=30.0)
    process = subprocess.Popen(
        [*COMMAND, "-", "--ask", "whale", "--fake-engine", script],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(spool)},
    )
    assert process.stdin is not None
    process.stdin.write(b"From a pipe.\n")
    process.stdin.close()
    while not list(spool.glob("*/stdin")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(20) == 128 + number
    assert list(spool.iterdir()) == []
