"""One document and questions in order, for the modes without a screen."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from sa_chat.protocol.errors import EngineError
from sa_chat.protocol.events import Event, Failed
from sa_chat.protocol.requests import Ask, Cancel, Count, Open, Request, RequestIds, Stats, ends

from ..client.engine_process import EngineProcess
from ..settings.launch import Launch


class Dialogue:
    """Drives one engine process; calls `watch` for every event.

    All methods but `close` raise the exception of a `Failed` event.
    """

    def __init__(self, launch: Launch, watch: Callable[[Event], None]) -> None:
        self._options = launch.documents
        self._engine = EngineProcess(launch.config, launch.fake_script)
        self._watch = watch
        self._ids = RequestIds()
        self._asked: Ask | None = None  # the question that is being answered
        self.ended = False  # the engine has ended

    async def open(self) -> None:
        """Start the engine and prefill the documents."""
        await self._engine.start()
        await self._run(Open(self._ids(Open), self._options))

    async def count(self, with_text: bool) -> None:
        """Start the engine and count the documents; `with_text`, also receive their text."""
        await self._engine.start()
        await self._run(Count(self._ids(Count), self._options, with_text))

    async def ask(self, question: str, replaces_last: bool = False) -> None:
        """Ask a question and wait for the whole answer."""
        self._asked = Ask(self._ids(Ask), question, replaces_last)
        await self._run(self._asked)

    async def cancel(self) -> None:
        """Cancel the answer whose `ask` was interrupted, and wait for its end."""
        if self._asked is not None:
            await self._run(Cancel(self._ids(Cancel)), until=self._asked)

    async def measure(self) -> None:
        """Receive the memory in use."""
        await self._run(Stats(self._ids(Stats)))

    async def close(self) -> None:
        await self._engine.stop()

    async def _run(self, request: Request, until: Request | None = None) -> None:
        """Send `request` and wait for its final event, or for that of `until`."""
        with contextlib.suppress(EngineError):  # then the last event says why the engine ended
            await self._engine.send(request)
        async for event in self._engine.events():
            if isinstance(event, Failed):
                self._asked = None
                self.ended = event.fatal
                raise event.exception()
            self._watch(event)
            if ends(until or request, event):
                self._asked = None
                return
        self.ended = True
        raise EngineError("The engine ended before its answer did.", "Start sa-chat again.")
