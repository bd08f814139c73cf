"""The client of the engine process, with real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from sa_chat.app.client.engine_process import EngineProcess
from sa_chat.app.client.log import MAX_BYTES, default_log_path, open_log
from sa_chat.protocol import events
from sa_chat.protocol.arguments import Parser, add_config_arguments, config_arguments, config_from
from sa_chat.protocol.config import EngineConfig, OpenOptions
from sa_chat.protocol.errors import EngineError
from sa_chat.protocol.requests import Ask, Cancel, Open, Stats

WriteScript = Callable[..., str]
WriteProgram = Callable[[str], str]
OPEN = Open("o1", OpenOptions(("moby.txt",)))
LONG = [{"question": "", "text": "word " * 5_000}]


@pytest.fixture
def write_program(tmp_path: Path) -> WriteProgram:
    def write(commands: str) -> str:
        path = tmp_path / "program"
        path.write_text(f"#!/bin/sh\n{commands}\n")
        path.chmod(0o755)
        return str(path)

    return write


def run(script: str, body: Callable[[EngineProcess], Awaitable[None]]) -> None:
    async def main() -> None:
        engine = EngineProcess(EngineConfig(), script)
        try:
            async with asyncio.timeout(20):
                await engine.start()
                await body(engine)
        finally:
            await engine.stop()
        assert not engine.running

    asyncio.run(main())


async def until(engine: EngineProcess, kind: type) -> events.Event:
    async for event in engine.events():
        if isinstance(event, kind):
            return event
    raise AssertionError(f"no {kind.__name__}")


async def rest(engine: EngineProcess) -> list[events.Event]:
    return [event async for event in engine.events()]


def test_conversation_and_stop(write_script: WriteScript) -> None:
    async def body(engine: EngineProcess) -> None:
        await engine.send(OPEN)
        await engine.send(Ask("q1", "the whale?"))
        answer = await until(engine, events.Answer)
        assert isinstance(answer, events.Answer)
        assert answer.text == "> Call me Ishmael.\n"
        await engine.stop()
        assert await rest(engine) == [events.Closed(request_id="end")]

    run(write_script(), body)


def test_stop_is_quick_in_the_middle_of_work(write_script: WriteScript) -> None:
    async def body(engine: EngineProcess) -> None:
        await engine.send(OPEN)
        await until(engine, events.ModelReady)
        async with asyncio.timeout(2):
            await engine.stop()

    run(write_script(pace=1.0, load_s=0, chunk_s=60.0), body)


def test_crash_in_an_answer_is_told_once_and_a_new_start_works(write_script: WriteScript) -> None:
    async def body(engine: EngineProcess) -> None:
        await engine.send(OPEN)
        await engine.send(Ask("q1", "crash"))
        said = await rest(engine)
        assert [e.text for e in said if isinstance(e, events.TextDelta)] == ["one", " two"]
        (failed,) = [event for event in said if isinstance(event, events.Failed)]
        assert failed is said[-1]
        assert failed.message == "The engine process ended unexpectedly (exit code 70)."
        assert (type(failed), failed.fatal) == (events.EngineFailed, True)
        assert str(engine.log_path) in failed.hint
        with pytest.raises(EngineError, match="does not run"):
            await engine.send(Stats("s1"))
        await engine.start()
        await engine.send(OPEN)
        await engine.send(Ask("q2", "the whale?"))
        await until(engine, events.Answer)

    run(write_script(), body)


def test_killed_engine_names_the_signal(write_script: WriteScript) -> None:
    async def body(engine: EngineProcess) -> None:
        await engine.send(OPEN)
        await engine.send(Ask("q1", "?"))
        await until(engine, events.TextDelta)
        assert engine.pid is not None
        os.kill(engine.pid, signal.SIGKILL)
        failed = (await rest(engine))[-1]
        assert isinstance(failed, events.Failed)
        assert "signal 9" in failed.message
        assert "memory" in failed.hint

    run(write_script(pace=1.0, chunk_s=0, load_s=0, replies=LONG), body)


def play(
    script: str, body: Callable[[EngineProcess], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a shell script in place of the engine."""
    monkeypatch.setattr(sys, "executable", script)
    run("", body)


def test_death_in_the_middle_of_a_line_is_a_death(
    write_program: WriteProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(engine: EngineProcess) -> None:
        (failed,) = await rest(engine)
        assert isinstance(failed, events.Failed)
        assert "ended unexpectedly (signal 9" in failed.message
        await engine.stop()

    play(write_program("""printf '{"type": "Clo'; kill -9 $$"""), body, monkeypatch)


def test_line_that_is_no_message_ends_the_process(
    write_program: WriteProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(engine: EngineProcess) -> None:
        (failed,) = await rest(engine)
        assert isinstance(failed, events.Failed)
        assert "is no message: 'nonsense" in failed.message
        assert failed.fatal
        await engine.stop()

    async def after_its_end(engine: EngineProcess) -> None:
        (process,) = started
        await process.wait()
        monkeypatch.setattr(process, "kill", _gone)  # as asyncio does once it is reaped
        await body(engine)

    async def remembered(*program: str, **how: Any) -> Process:
        started.append(await create(*program, **how))
        return started[-1]

    play(write_program("echo nonsense; exec sleep 60"), body, monkeypatch)
    started: list[Process] = []
    create = asyncio.create_subprocess_exec
    monkeypatch.setattr(asyncio, "create_subprocess_exec", remembered)
    play(write_program("echo nonsense"), after_its_end, monkeypatch)


def _gone() -> None:
    raise ProcessLookupError


def test_cancel_answer(write_script: WriteScript) -> None:
    async def body(engine: EngineProcess) -> None:
        await engine.send(OPEN)
        await engine.send(Ask("q1", "?"))
        await until(engine, events.TextDelta)
        await engine.send(Cancel("x1"))
        answer = await until(engine, events.Answer)
        assert isinstance(answer, events.Answer)
        assert answer.stop_reason == "cancelled"

    run(write_script(pace=1.0, chunk_s=0, load_s=0, replies=LONG), body)


def test_long_lines_both_ways(write_script: WriteScript) -> None:
    async def body(engine: EngineProcess) -> None:
        await engine.send(OPEN)
        await engine.send(Ask("q1", "x" * 1_000_000))
        answer = await until(engine, events.Answer)
        assert isinstance(answer, events.Answer)
        assert len(answer.question) == 1_000_000

    run(write_script(), body)


def test_ctrl_c_in_the_terminal_does_not_reach_the_engine(write_script: WriteScript) -> None:
    async def body(engine: EngineProcess) -> None:
        assert engine.pid is not None
        assert os.getpgid(engine.pid) != os.getpgid(0)

    run(write_script(), body)


def test_file_named_like_a_module_is_not_run(
    write_script: WriteScript, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('shadowed')")
    monkeypatch.chdir(tmp_path)

    async def body(engine: EngineProcess) -> None:
        await engine.send(OPEN)
        done = await until(engine, events.PrefillDone)
        assert isinstance(done, events.PrefillDone)
        assert done.tokens > 0

    run(write_script(), body)


def test_no_orphan_when_the_parent_is_killed(write_script: WriteScript) -> None:
    code = (
        "import asyncio\n"
        "from sa_chat.app.client.engine_process import EngineProcess\n"
        "from sa_chat.protocol.config import EngineConfig, OpenOptions\n"
        "from sa_chat.protocol.requests import Open\n"
        "async def main():\n"
        f"    engine = EngineProcess(EngineConfig(), {write_script(pace=1.0, chunk_s=60.0)!r})\n"
        "    await engine.start()\n"
        "    await engine.send(Open('o1', OpenOptions(('a',))))\n"
        "    print(engine.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        engine = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    _, alive = psutil.wait_procs([engine], timeout=10)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


def test_stderr_goes_to_the_log(write_script: WriteScript) -> None:
    async def body(engine: EngineProcess) -> None:
        await engine.send(OPEN)
        await until(engine, events.PrefillDone)
        assert engine.log_path == default_log_path()
        assert "careless" in default_log_path().read_text()

    run(write_script(noise="careless"), body)


def test_folder_that_cannot_be_written_means_no_log(
    write_script: WriteScript, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()

    async def main() -> None:
        engine = EngineProcess(EngineConfig(), write_script(), tmp_path / "file" / "engine.log")
        await engine.start()
        await engine.send(OPEN)
        await engine.send(Ask("q1", "crash"))
        failed = (await rest(engine))[-1]
        assert isinstance(failed, events.Failed)
        assert failed.hint == ""
        await engine.stop()

    asyncio.run(main())


def test_long_log_moves_aside(tmp_path: Path) -> None:
    path = tmp_path / "engine.log"
    path.write_bytes(b"x" * (MAX_BYTES + 1))
    open_log(path).close()
    assert path.stat().st_size < 200
    assert (tmp_path / "engine.old.log").stat().st_size == MAX_BYTES + 1


@pytest.mark.parametrize(
    "config",
    [
        EngineConfig(),
        EngineConfig("-odd name", "cpu", "dense", 0.5, 4_096),
    ],
)
def test_config_survives_the_command_line(config: EngineConfig) -> None:
    parser = Parser()
    add_config_arguments(parser)
    known = [line for line in config_arguments(config) if "answer" not in line]
    assert config_from(parser.parse_args(known)) == config
