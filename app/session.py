"""A conversation with one engine process: what to send when, and how to begin again.

The session owns the client and the state, and knows no widget.  The engine keeps the queue of
questions; the session keeps their text, so that a new engine can be asked what an old one owed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from itertools import count
from typing import Protocol

from sa_chat.engine.config import OpenOptions
from sa_chat.engine.errors import SaChatError
from sa_chat.engine.events import DocumentCounted, DocumentReady, Drop, Event, Failed
from sa_chat.engine.protocol import Ask, Cancel, Count, Open, Request

from .budget import Budget
from .state import ChatState, Phase, Turn, TurnStatus, apply, asked, reopened


class EngineClient(Protocol):
    """The screen's end of an engine process (`bridge.EngineProcess`, or a stand-in in tests)."""

    async def start(self) -> None:
        """Start the process.  Raises `SaChatError` if it cannot be started."""

    async def send(self, request: Request) -> None:
        """Send one request.  Raises `SaChatError` if the process is gone."""

    def events(self) -> AsyncIterator[Event]:
        """Events until the process ends; a death that nobody asked for is a fatal `Failed`."""

    async def stop(self) -> None:
        """End the process, however it is."""


ClientFactory = Callable[[], EngineClient]


class Session:
    """Drives one engine at a time and holds the state of the conversation.

    With `choose` the document is counted first, and read after `accept_choice`.
    """

    def __init__(
        self, options: OpenOptions, client_factory: ClientFactory, *, choose: bool = False
    ) -> None:
        self.state = ChatState()
        self.budget: Budget | None = None  # over all that there is; what is chosen is out of it
        self.proposal: tuple[Drop, ...] = ()  # of the last opening
        self._choose = choose
        self._options = options
        self._client_factory = client_factory
        self._client: EngineClient | None = None
        self._ids = (f"q{number}" for number in count(1))
        self._ready = False  # the engine runs and has been sent `Open`
        self._sent: set[str] = set()  # the questions that the engine holds or has answered

    @property
    def busy(self) -> bool:
        """Whether there is an answer or a prefill to stop."""
        working = (Phase.LOADING, Phase.PREFILLING)
        return self.state.phase in working or self.state.writing is not None

    async def run(self) -> AsyncIterator[Event]:
        """Start an engine, open the document, ask what waits, and yield all events.

        Every call starts a new engine; a failure to start one is a fatal `Failed`.
        """
        await self.stop()
        self._sent.clear()
        client = self._client = self._client_factory()
        try:
            await client.start()
        except SaChatError as error:
            yield _fatal(error)
            return
        await self._open()
        async for event in client.events():
            yield event

    def take(self, event: Event) -> None:
        """Move the state on by one event."""
        self.state = apply(self.state, event)
        match event:
            case DocumentCounted():
                self._counted(event)
            case DocumentReady():
                self._fits(event)
            case Failed(kind="usage", ask_id=None):  # parts that are there no more
                self._options = replace(self._options, drop=())

    @property
    def has_password(self) -> bool:
        """Whether one was given, right or wrong."""
        return self._options.password is not None

    @property
    def choosing(self) -> bool:
        """Whether the engine counts, and nothing is read before it is chosen."""
        return self._choose

    def accept_choice(self) -> None:
        """From the next opening on, only what the budget has in is read."""
        assert self.budget is not None, "chosen before it was counted"
        self._choose = False
        self._options = replace(self._options, drop=self.budget.drop(), fit=False)

    async def unlock(self, password: str) -> None:
        """Open the document again with its password."""
        self._options = replace(self._options, password=password)
        await self.reopen()

    async def ask(self, question: str) -> None:
        """Put `question` in the queue, and send it if the engine can take it.

        An engine that starts is sent it after `Open`; one that is gone, after its restart.
        A document that was not read to its end is opened again.
        """
        phase, ask_id = self.state.phase, next(self._ids)
        if phase is Phase.PAUSED or phase is Phase.FAILED:
            await self.reopen()
        self.state = asked(self.state, ask_id, question)
        await self._ask_what_waits()

    async def cancel(self) -> None:
        """Stop the answer being written, else the prefill, else nothing."""
        if self.busy:
            await self._send(Cancel())

    async def reopen(self) -> None:
        """Read the document again with the engine that runs.

        A stopped engine still has its queue; one that could not open the document has refused it.
        """
        if self.state.phase is Phase.FAILED:
            self._sent.clear()
        self.state = replace(reopened(self.state), phase=Phase.LOADING)
        await self._open()

    def begin_again(self) -> None:
        """Forget what the old engine had read; the conversation stays.  `run` follows."""
        self._ready = False
        self.state = reopened(self.state)

    async def stop(self) -> None:
        """End the engine process, if there is one."""
        self._ready = False
        client, self._client = self._client, None
        if client is not None:
            await client.stop()

    async def _open(self) -> None:
        """Send `Open`, then what waits; questions asked meanwhile wait too.

        Before the choice it is `Count`, and everything waits for `Open`.
        """
        self._ready = False
        if self._choose:
            await self._send(Count(replace(self._options, fit=False)))
            return
        await self._send(Open(self._options))
        self._ready = True
        await self._ask_what_waits()

    def _counted(self, event: DocumentCounted) -> None:
        self.proposal = event.proposal
        if not self._options.drop:
            self.budget = Budget(event)

    def _fits(self, event: DocumentReady) -> None:
        """Keeps the full list: a document without some of its parts is none."""
        if self.state.counted is not None:
            if self._options.fit and self.budget is not None:
                self.budget.accept(self.proposal)
        elif not self._options.drop:
            self.proposal = ()
            self.budget = Budget(whole(event))

    async def _ask_what_waits(self) -> None:
        """Send each waiting question once, in order, also those asked while others are sent."""
        while self._ready and self.state.phase is not Phase.DEAD:
            turn = next((turn for turn in self.state.turns if self._unsent(turn)), None)
            if turn is None:
                return
            self._sent.add(turn.ask_id)
            await self._send(Ask(turn.ask_id, turn.question))

    def _unsent(self, turn: Turn) -> bool:
        return turn.status is TurnStatus.QUEUED and turn.ask_id not in self._sent

    async def _send(self, request: Request) -> None:
        if self._client is None:
            return
        try:
            await self._client.send(request)
        except SaChatError as error:
            self.take(_fatal(error))


def whole(document: DocumentReady) -> DocumentCounted:
    """The count of a document that was opened with all its parts."""
    return DocumentCounted(**vars(document))


def _fatal(error: SaChatError) -> Failed:
    return Failed(error.message, error.hint, error.kind, fatal=True)
