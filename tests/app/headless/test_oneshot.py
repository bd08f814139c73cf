"""One-shot and plain modes: real processes from end to end, with the fake engine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from sa_chat.app.headless.dialogue import Dialogue
from sa_chat.app.settings.launch import Launch
from sa_chat.protocol.config import DEFAULT_ALPHA, EngineConfig, OpenOptions
from sa_chat.protocol.errors import EXIT_CODES, EngineError

WriteScript = Callable[..., str]
COMMAND = [sys.executable, "-c", "import sys; from sa_chat.app.cli import main; sys.exit(main())"]
SLOW = [{"question": "", "text": "word " * 5_000}]


def sa_chat(*argv: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *argv], input=stdin, capture_output=True, text=True, timeout=30
    )


def test_json_has_every_field(write_script: WriteScript) -> None:
    done = sa_chat(
        "moby.txt", "--json", "--ask", "the whale?", "--ask", "the moon?",
        "--fake-engine", write_script(),
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stderr == ""
    data: dict[str, Any] = json.loads(done.stdout)
    assert data.keys() == {
        "model", "documents", "prompt_tokens", "dropped_tokens", "answers", "ttft", "attention",
        "devices",
    }  # fmt: skip
    assert (data["model"], data["documents"]) == ("fake reader", ["moby.txt"])
    assert (data["prompt_tokens"], data["dropped_tokens"]) == (4_000, 0)
    first, second = data["answers"]
    assert first.keys() == {
        "question", "text", "citations", "tokens", "tokens_per_s", "question_ttft_s",
        "stop_reason",
    }  # fmt: skip
    assert first["question"] == "the whale?"
    assert first["citations"] == [
        {
            "quote": "Call me Ishmael.",
            "path": "moby.txt",
            "page": None,
            "line": 7,
            "verified": True,
        }
    ]
    assert (second["text"], second["citations"]) == (
        "I could not find that in the document.\n",
        [],
    )
    parts = ("parse_s", "tokenize_s", "select_s", "prefill_s", "first_token_s")
    assert data["ttft"].keys() == {*parts, "total_s"}
    assert all(data["ttft"][part] > 0 for part in parts)
    assert data["ttft"]["total_s"] == pytest.approx(sum(data["ttft"][part] for part in parts))
    attention = data["attention"]
    shares = {"density", "sparsity", "recall", "recall_p5", "recall_min", "coverage"}
    assert attention.keys() == {"mode", "alpha", *shares}
    assert 0.0 < attention["recall_min"] <= attention["recall_p5"] <= attention["recall"]
    assert attention["coverage"] == attention["recall"] == pytest.approx((1 + DEFAULT_ALPHA) / 2)
    assert (attention["mode"], attention["alpha"]) == ("sparse", DEFAULT_ALPHA)
    assert attention["sparsity"] == pytest.approx(1 - attention["density"])
    (device,) = data["devices"]
    assert device.keys() == {
        "name", "used_bytes", "peak_bytes", "total_bytes", "driver_bytes", "weights_bytes",
        "kv_bytes", "workspace_bytes",
    }  # fmt: skip
    assert 0 < device["used_bytes"] <= device["peak_bytes"] < device["total_bytes"]
    assert device["used_bytes"] <= device["driver_bytes"] < device["total_bytes"]
    parts = ("weights_bytes", "kv_bytes", "workspace_bytes")
    assert all(device[part] > 0 for part in parts)
    assert sum(device[part] for part in parts) == device["used_bytes"]


def test_json_tells_what_was_left_out(write_script: WriteScript) -> None:
    left_out = [
        {"path": "torn.pdf", "reason": "not a readable PDF"},
        {"path": "book.pdf", "reason": "page ii cannot be read: torn"},
    ]
    done = sa_chat("fold", "--json", "--fake-engine", write_script(left_out=left_out))
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        "left out: torn.pdf (not a readable PDF)",
        "left out: book.pdf (page ii cannot be read: torn)",
    ]
    json.loads(done.stdout)


def test_json_without_a_question_measures_the_prefill(write_script: WriteScript) -> None:
    done = sa_chat("a", "--json", "--attention", "dense", "--fake-engine", write_script())
    data = json.loads(done.stdout)
    assert done.returncode == 0
    assert data["answers"] == []
    assert (data["attention"]["mode"], data["attention"]["density"]) == ("dense", 1.0)


def test_measuring_the_machine_is_told_on_stderr(write_script: WriteScript) -> None:
    script = write_script(calibrate_s=3.0)
    said = "measuring this machine, once: 3 s"
    answered = sa_chat("moby.txt", "--ask", "whale", "--fake-engine", script)
    assert answered.returncode == 0
    assert answered.stderr.count(said) == 1
    assert said not in answered.stdout
    measured = sa_chat("moby.txt", "--json", "--fake-engine", script)
    assert measured.stderr.count(said) == 1
    assert json.loads(measured.stdout)["ttft"]["total_s"] < 3.0
    dense = sa_chat("moby.txt", "--json", "--attention", "dense", "--fake-engine", script)
    assert said not in dense.stderr


def test_ask_prints_answers_to_stdout_and_figures_to_stderr(write_script: WriteScript) -> None:
    done = sa_chat("moby.txt", "--ask", "whale", "--ask", "moon", "--fake-engine", write_script())
    assert done.returncode == 0
    assert done.stdout == "> Call me Ishmael.\n\nI could not find that in the document.\n"
    assert done.stderr.count("read in") == 1
    for words in ("4,000 tokens", "density", "recall", "memory: cpu", "tok/s", "first token"):
        assert words in done.stderr
    assert 'verified: "Call me Ishmael." moby.txt, line 7' in done.stderr
    memory = "weights 62 MiB, KV 20 MiB, workspace 706 MiB; in use by all 3.8 GiB"
    assert done.stderr.rstrip().endswith(memory)
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize("mode", [(), ("--json",)])
@pytest.mark.parametrize(("kind", "code"), sorted(EXIT_CODES.items()))
def test_every_failure_has_its_exit_code(
    write_script: WriteScript, mode: tuple[str, ...], kind: str, code: int
) -> None:
    script = write_script(open_failure={"kind": kind, "message": "It failed.", "hint": "Try on."})
    done = sa_chat("a.txt", "--ask", "x", *mode, "--fake-engine", script)
    assert done.returncode == code
    assert done.stdout == ""
    sentence, hint = done.stderr.splitlines()
    assert sentence == "sa-chat: It failed."
    assert hint.startswith("Try on.")


def test_overflow_names_numbers(write_script: WriteScript) -> None:
    done = sa_chat("a", "--ask", "x", "--max-context", "3000", "--fake-engine", write_script())
    assert done.returncode == 4
    assert "it has 4,000, and 952 fit" in done.stderr


def test_crash_is_one_sentence_and_names_the_log(write_script: WriteScript) -> None:
    for mode in ((), ("--json",)):
        done = sa_chat("a", "--ask", "crash", *mode, "--fake-engine", write_script())
        assert done.returncode == 5
        assert "ended unexpectedly (exit code 70)" in done.stderr
        assert "engine.log" in done.stderr
        assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_failed_question_leaves_the_others(write_script: WriteScript) -> None:
    done = sa_chat("a", "--ask", "impossible", "--ask", "whale", "--fake-engine", write_script())
    assert done.returncode == 4
    assert done.stdout == "> Call me Ishmael.\n"
    assert "sa-chat: Too long.\nAsk less.\n" in done.stderr


def test_answer_after_a_torn_one_begins_anew(write_script: WriteScript) -> None:
    failure = {"kind": "engine", "message": "Torn.", "hint": ""}
    script = write_script(
        replies=[
            {"question": "torn", "text": "half an", "failure": failure},
            {"question": "", "text": "A whole one.\n"},
        ]
    )
    asked = sa_chat("a", "--ask", "torn", "--ask", "whole", "--fake-engine", script)
    plain = sa_chat("a", "--plain", "--fake-engine", script, stdin="torn\nwhole\n")
    for done in (asked, plain):
        assert done.returncode == 5
        assert done.stdout == "half an\n\nA whole one.\n"
        assert "sa-chat: Torn.\n" in done.stderr


def test_plain_takes_questions_from_stdin(write_script: WriteScript) -> None:
    done = sa_chat("a", "--plain", "--fake-engine", write_script(), stdin="whale\n\n  moon  \n")
    assert done.returncode == 0
    assert done.stdout == "> Call me Ishmael.\n\nI could not find that in the document.\n"
    assert "?" not in done.stderr


def test_plain_ends_when_the_engine_dies(write_script: WriteScript) -> None:
    done = sa_chat("a", "--plain", "--fake-engine", write_script(), stdin="crash\nwhale\n")
    assert done.returncode == 5
    assert "Ishmael" not in done.stdout


def test_engine_that_died_between_questions(write_script: WriteScript) -> None:
    async def main() -> None:
        launch = Launch(OpenOptions(("a",)), EngineConfig(), write_script())
        dialogue = Dialogue(launch, lambda event: None)
        await dialogue.open()
        (engine,) = psutil.Process().children()
        engine.kill()
        for _ in range(2):
            with pytest.raises(EngineError, match="ended"):
                await dialogue.ask("whale")
            assert dialogue.ended
        await dialogue.close()

    asyncio.run(main())


def on_terminal(*argv: str, typed: bytes = b"") -> tuple[int, str]:
    """Exit code and everything that is drawn."""
    main_end, terminal = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, *argv], stdin=terminal, stdout=terminal, stderr=terminal
    ) as process:
        os.close(terminal)
        os.write(main_end, typed)
        drawn = b""
        with contextlib.suppress(OSError):  # EIO: the other end is closed
            while part := os.read(main_end, 65_536):
                drawn += part
        code = process.wait(10)
    os.close(main_end)
    return code, drawn.decode()


def test_terminal_gets_progress_and_no_escapes_of_the_model(write_script: WriteScript) -> None:
    replies = [{"question": "", "text": "a \x1b[31mred\x07 word\n"}]
    code, drawn = on_terminal("a", "--ask", "x", "--fake-engine", write_script(replies=replies))
    assert code == 0
    assert "reading: 50.0% of 4,000 tokens" in drawn
    assert "a red word" in drawn
    assert "\x1b[31m" not in drawn
    assert "\x07" not in drawn


def test_plain_prompts_on_a_terminal(write_script: WriteScript) -> None:
    code, drawn = on_terminal("a", "--plain", "--fake-engine", write_script(), typed=b"whale\n\x04")
    assert code == 0
    assert drawn.count("Question: ") == 2
    assert "Call me Ishmael." in drawn


def test_ctrl_c_while_it_waits_for_a_question(write_script: WriteScript) -> None:
    with subprocess.Popen(
        [*COMMAND, "a", "--plain", "--fake-engine", write_script()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        while not process.stderr.readline().startswith(b"attention:"):
            pass
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert b"Traceback" not in err


@pytest.mark.parametrize("mode", ["--ask=x", "--plain"])
def test_ctrl_c_ends_cleanly(write_script: WriteScript, mode: str) -> None:
    script = write_script(pace=1.0, chunk_s=0, load_s=0, parse_s=0, tokenize_s=0, replies=SLOW)
    with subprocess.Popen(
        [*COMMAND, "a", mode, "--fake-engine", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"a question\n")
        process.stdin.flush()
        assert process.stdout.read(4) == b"word"
        children = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
        assert process.returncode == 130
        assert b"Traceback" not in err
    assert len(children) == 1
    assert psutil.wait_procs(children, timeout=5)[1] == []


def test_closed_pipe_ends_quietly(write_script: WriteScript) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [*COMMAND, "a", "--ask", "whale", "--fake-engine", write_script()],
        stdout=write_end,
        stderr=subprocess.PIPE,
        timeout=20,
    )
    os.close(write_end)
    assert done.returncode == 141
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr
