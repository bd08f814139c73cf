"""Open once, ask often, in order: the way of the modes without a screen."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from itertools import count

from sa_chat.engine.errors import EngineError, error_of_kind
from sa_chat.engine.events import (
    Answer,
    DeviceStats,
    DocumentCounted,
    DocumentText,
    Event,
    Failed,
    PrefillDone,
)
from sa_chat.engine.protocol import Ask, Count, Open, Request, Stats

from .bridge import EngineProcess
from .launch import Launch


class Dialogue:
    """Drives one engine process; `watch` sees every event.

    All methods but `close` raise the `SaChatError` that a `Failed` stands for.
    """

    def __init__(self, launch: Launch, watch: Callable[[Event], None]) -> None:
        self._options = launch.documents
        self._engine = EngineProcess(launch.config, launch.fake_script)
        self._watch = watch
        self._ids = (f"q{number}" for number in count(1))
        self.ended = False  # the engine is gone; nothing more can be asked

    async def open(self) -> None:
        """Start the engine and read the documents."""
        await self._engine.start()
        await self._run(Open(self._options), lambda event: isinstance(event, PrefillDone))

    async def count(self, with_text: bool) -> None:
        """Start the engine and have the documents counted; with their text if wanted."""
        await self._engine.start()

        def last(event: Event) -> bool:
            if with_text:
                return isinstance(event, DocumentText) and event.last
            return isinstance(event, DocumentCounted)

        await self._run(Count(self._options, with_text), last)

    async def ask(self, question: str) -> None:
        """Ask, and wait for the whole answer."""
        ask_id = next(self._ids)
        await self._run(
            Ask(ask_id, question),
            lambda event: isinstance(event, Answer) and event.ask_id == ask_id,
        )

    async def measure(self) -> None:
        """Have the memory in use told once more."""
        await self._run(Stats(), lambda event: isinstance(event, DeviceStats))

    async def close(self) -> None:
        await self._engine.stop()

    async def _run(self, request: Request, last: Callable[[Event], bool]) -> None:
        with contextlib.suppress(EngineError):  # the events of a dead engine say why it died
            await self._engine.send(request)
        async for event in self._engine.events():
            if isinstance(event, Failed):
                self.ended = event.fatal
                raise error_of_kind(event.kind, event.message, event.hint)
            self._watch(event)
            if last(event):
                return
        self.ended = True
        raise EngineError("The engine ended before its answer did.", "Start sa-chat again.")
