"""The client side of the engine process: asyncio, JSON lines over pipes.

The engine runs in a process session of its own, so that Ctrl+C in the terminal does not reach it.
It ends when its stdin ends, so that it never outlives this process.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from sa_chat.protocol.arguments import config_arguments
from sa_chat.protocol.codec import from_line, to_line
from sa_chat.protocol.config import EngineConfig
from sa_chat.protocol.errors import EngineError
from sa_chat.protocol.events import Closed, EngineFailed, Event, Failed
from sa_chat.protocol.requests import Cancel, Close, Request

from .log import default_log_path, open_log

LINE_LIMIT = 64 * 2**20  # bytes of one event
STOP_GRACE_S = 3.0
_LAST_ID = "end"  # id of the requests that end the process
EXIT_GRACE_S = 5.0  # from the end of its output to the end of the process


class EngineProcess:
    """Starts the engine, sends requests and yields events; can be started again."""

    def __init__(
        self, config: EngineConfig, fake_script: str | None = None, log_path: Path | None = None
    ) -> None:
        self._config = config
        self._fake_script = fake_script
        self.log_path: Path | None = log_path or default_log_path()
        self._process: Process | None = None
        self._pump: asyncio.Task[None] | None = None
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._stopping = False

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        """Process id of the current or last process."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start the process, after stopping a running one.  Raises `EngineError`."""
        await self.stop()
        self._stopping = False
        self._events = asyncio.Queue()
        log = self._log()
        try:
            # -P: never import a file of the current folder that is named like a module.
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                "sa_chat.engine",
                *config_arguments(self._config),
                *([] if self._fake_script is None else [f"--fake={self._fake_script}"]),
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL if log is None else log,
                limit=LINE_LIMIT,
                start_new_session=True,
            )
        except OSError as error:
            raise EngineError(
                f"The engine process cannot be started: {error.strerror}.",
                "Close other programs and try again.",
            ) from error
        finally:
            if log is not None:
                log.close()
        self._pump = asyncio.create_task(self._read(self._process, self._events))

    async def send(self, request: Request) -> None:
        """Send one request.  Raises `EngineError` if the process does not run."""
        stdin = None if self._process is None else self._process.stdin
        try:
            if stdin is None or stdin.is_closing() or not self.running:
                raise ConnectionResetError
            stdin.write(to_line(request))
            await stdin.drain()
        except (ConnectionResetError, BrokenPipeError) as error:
            raise EngineError("The engine process does not run.", self._log_hint()) from error

    async def events(self) -> AsyncIterator[Event]:
        """All events of the running process, from its start to its end.

        The last event is `Closed`, or a fatal `Failed` if the process ended in any other way;
        after `stop` there may be neither.
        """
        queue = self._events
        while (event := await queue.get()) is not None:
            yield event
        queue.put_nowait(None)  # a second iteration ends at once

    async def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """End the process: send `Close`, and kill it after `grace_s` seconds."""
        process, pump = self._process, self._pump
        if process is None or pump is None:
            return
        self._stopping = True
        try:
            with contextlib.suppress(EngineError):  # it may have ended already
                async with asyncio.timeout(grace_s):
                    await self.send(Cancel(_LAST_ID, queued=True))
                    await self.send(Close(_LAST_ID))
            assert process.stdin is not None
            process.stdin.close()
            async with asyncio.timeout(grace_s):
                await asyncio.shield(pump)
        except TimeoutError:
            pass
        finally:
            if process.returncode is None:
                _kill(process)
            await pump
            self._pump = None

    async def _read(self, process: Process, queue: asyncio.Queue[Event | None]) -> None:
        """Move events into the queue until the process has ended."""
        assert process.stdout is not None
        last: Event | None = None
        try:
            try:
                # An incomplete line means that the process died while writing it.
                while (line := await process.stdout.readline()).endswith(b"\n"):
                    last = self._with_log(from_line(line))
                    queue.put_nowait(last)
            except (EngineError, ValueError) as error:  # no message, or longer than LINE_LIMIT
                last = EngineFailed(str(error), self._log_hint(), fatal=True)
                queue.put_nowait(last)
                _kill(process)
            code = await _end_of(process)
            ended = isinstance(last, Closed) or (isinstance(last, Failed) and last.fatal)
            if not ended and not self._stopping:
                queue.put_nowait(self._unexpected_end(code))
        finally:
            queue.put_nowait(None)

    def _unexpected_end(self, code: int) -> EngineFailed:
        how = f"exit code {code}"
        hint = self._log_hint()
        if code < 0:
            how = f"signal {-code}, {signal.strsignal(-code)}"
        if code == -signal.SIGKILL:
            hint = f"Perhaps memory ran out: open less, or close other programs. {hint}".strip()
        return EngineFailed(f"The engine process ended unexpectedly ({how}).", hint, fatal=True)

    def _with_log(self, event: Event) -> Event:
        if isinstance(event, EngineFailed):
            return replace(event, hint=f"{event.hint} {self._log_hint()}".strip())
        return event

    def _log(self) -> BinaryIO | None:
        if self.log_path is None:
            return None
        try:
            return open_log(self.log_path)
        except OSError:
            self.log_path = None  # the folder is read-only: hints name no log
            return None

    def _log_hint(self) -> str:
        return "" if self.log_path is None else f"The engine's log is {self.log_path}."


async def _end_of(process: Process) -> int:
    """Exit code of a process whose output has ended; killed if it does not exit in time."""
    try:
        async with asyncio.timeout(EXIT_GRACE_S):
            return await process.wait()
    except TimeoutError:
        _kill(process)
        return await process.wait()


def _kill(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has ended already
        process.kill()
