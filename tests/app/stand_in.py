"""A client without a process, and ready-made events, for tests of the screen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from textual.pilot import Pilot

from sa_chat.app.session.recorder import Recorder
from sa_chat.app.session.state import ChatState
from sa_chat.app.settings.launch import Launch
from sa_chat.app.tui.app import SaChatApp
from sa_chat.protocol import events, values
from sa_chat.protocol.config import EngineConfig, OpenOptions
from sa_chat.protocol.errors import EngineError
from sa_chat.protocol.events import Event
from sa_chat.protocol.requests import Compare, Count, Open, Request

GIB = 2**30
_PATIENCE_S = 20.0
DEVICES = (values.DeviceUse("cpu", 3 * GIB // 4, GIB, 16 * GIB, 4 * GIB, GIB // 16, GIB // 2),)
DENSITY = tuple(
    tuple(round(1.0 - 0.09 * layer - 0.02 * (head % 3), 3) for head in range(8))
    for layer in range(10)
)
TTFT = values.Ttft(0.4, 0.2, 4.0, 29.6, 0.0)
DOCUMENT = events.DocumentReady(
    title="A [bold]short[/bold] book",
    paths=("book.pdf",),
    sections=(
        values.Section("A short book", "book.pdf", 0, "i", 1, 131_002),
        values.Section("One", "book.pdf", 1, "1", 1, 70_000),
    ),
    left_out=(values.LeftOut("cover.png", "a picture has no text"),),
    prompt_tokens=131_002,
    context_tokens=139_264,
    reserve_tokens=2_048,
)
MODEL = events.ModelReady("sa-chat reader", 32_600_000, 10, 8, 139_264, "bfloat16", "cpu", 0.8)
DONE = events.PrefillDone(
    131_002, TTFT, values.AttentionFigures("sparse", 0.95, 0.208, 0.975), DENSITY, DEVICES
)
LAUNCH = Launch(OpenOptions(("book.pdf",)), EngineConfig())
VERIFIED = values.Citation("Call me Ishmael.", "book.pdf", "12", 3, True)
INVENTED = values.Citation("Nobody wrote this.", "", None, 0, False)


def progress(tokens: int, seconds: float) -> events.PrefillProgress:
    return events.PrefillProgress(tokens, 131_002, seconds, 0.215, DENSITY, DEVICES)


def answer(
    request_id: str,
    text: str,
    citations: tuple[values.Citation, ...] = (),
    stop_reason: str = "stop",
    question: str = "?",
) -> events.Answer:
    ttft = values.Ttft(0.4, 0.2, 4.0, 29.6, 0.25)
    return events.Answer(
        question, text, citations, 9, 33.3, 0.25, stop_reason, ttft, request_id=request_id
    )


class StandInClient:
    """Yields what a test says, remembers what the screen sends."""

    def __init__(self) -> None:
        self.sent: list[Request] = []  # tests may clear it
        self._requests: list[Request] = []
        self.stopped = False
        self.deaf = False  # as a process that has just died
        self._events: asyncio.Queue[Event] = asyncio.Queue()

    async def start(self) -> None:
        pass

    async def send(self, request: Request) -> None:
        if self.deaf:
            raise EngineError("The engine process does not run.", "See the log.")
        self.sent.append(request)
        self._requests.append(request)

    async def events(self) -> AsyncIterator[Event]:
        while True:
            yield self._named(await self._events.get())

    async def stop(self) -> None:
        self.stopped = True

    def say(self, *said: Event) -> None:
        for event in said:
            self._events.put_nowait(event)

    def _named(self, event: Event) -> Event:
        """Where the test names no request, that which an engine would: the newest reading."""
        kinds: tuple[type, ...] = (Open, Count, Compare)
        match event:
            case events.Failed(fatal=True) | events.DeviceStats() | events.Closed():
                return event
            case events.Failed() | events.Cancelled(what="prefill" | "count"):
                kinds = (Open, Count)
        asked = [request.request_id for request in self._requests if isinstance(request, kinds)]
        if event.request_id is not None or not asked:
            return event
        return replace(event, request_id=asked[-1])


class StandInApp(SaChatApp):
    """The real screen on stand-in clients; `clients[-1]` is the one in use."""

    def __init__(self, launch: Launch = LAUNCH, recorder: Recorder | None = None) -> None:
        self.clients: list[StandInClient] = []
        super().__init__(launch, self._client, recorder or Recorder(None))
        self.animation_level = "none"

    def _client(self, config: EngineConfig) -> StandInClient:
        self.clients.append(StandInClient())
        return self.clients[-1]

    async def say(self, pilot: Pilot[None], *said: Event) -> None:
        """Let the engine say these events, and wait until they are drawn."""
        for event in said:
            self.clients[-1].say(event)
        await pilot.pause(0.2)


async def until(
    pilot: Pilot[None], condition: Callable[[ChatState], object], *, drawn: bool = True
) -> None:
    """Wait until the state of the app meets `condition`, and with `drawn` the screen shows it."""
    app = pilot.app
    assert isinstance(app, SaChatApp)
    async with asyncio.timeout(_PATIENCE_S):
        while not condition(app.session.state):
            await asyncio.sleep(0.02)
    if drawn:
        await pilot.pause(0.15)


def screen_text(app: SaChatApp) -> str:
    """What a person reads on the screen."""
    width, height = app.size
    lines = app.screen._compositor.render_strips()
    assert len(lines) == height
    return "\n".join(line.text[:width] for line in lines)
