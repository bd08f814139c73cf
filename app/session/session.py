"""A conversation with one engine process: what to send when, and how to begin again.

The session owns the client and the state, and knows no widget.  The engine keeps the queue of
questions; the session keeps their text, so that a new engine can be asked what an old one owed,
and the answers, so that an engine that reads the document again knows what was said.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Protocol

from sa_chat.protocol.config import EngineConfig, OpenOptions
from sa_chat.protocol.errors import SaChatError
from sa_chat.protocol.events import (
    DeviceStats,
    DocumentCounted,
    DocumentReady,
    DocumentText,
    DroppedPartsFailed,
    Event,
    PrefillDone,
    PrefillProgress,
    TextDelta,
    failed,
)
from sa_chat.protocol.requests import Ask, Cancel, Compare, Count, Open, Request, RequestIds
from sa_chat.protocol.values import Drop, PastTurn

from ..history import Saved
from .comparison import Comparison
from .part_tree import Budget
from .recorder import Keeper, restored
from .reducer import apply, asked, asked_again, renamed, reopened
from .state import ChatState, Phase, Turn, TurnStatus

_PASSING = (TextDelta, PrefillProgress, DeviceStats, DocumentText)  # nothing to keep in them
_SAID = (TurnStatus.DONE, TurnStatus.STOPPED)


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


ClientFactory = Callable[[EngineConfig], EngineClient]


class Session:
    """Drives one engine at a time and holds the state of the conversation.

    With `choose` the document is counted first, and read after `accept_choice`.
    """

    def __init__(
        self,
        options: OpenOptions,
        config: EngineConfig,
        client_factory: ClientFactory,
        *,
        choose: bool = False,
        keeper: Keeper | None = None,
        saved: Saved | None = None,
    ) -> None:
        self.state = ChatState()
        self.budget: Budget | None = None  # over all that there is; what is chosen is out of it
        self.proposal: tuple[Drop, ...] = ()  # of the last opening
        self.config = config
        self.keeper = keeper or Keeper(None)
        self._choose = choose
        self._options = options
        self._attention: str | None = None  # of the reading, where it is not the configured one
        self._client_factory = client_factory
        self._client: EngineClient | None = None
        self._ids = RequestIds()
        self._ready = False  # the engine runs and has been sent `Open`
        self._sent: set[str] = set()  # the questions that the engine holds or has answered
        self._replacing: set[str] = set()  # those in the place of what the engine was asked last
        self._go_on_with(saved)

    @property
    def busy(self) -> bool:
        """Whether there is an answer or a prefill to stop."""
        working = (Phase.LOADING, Phase.PREFILLING)
        state = self.state
        comparing = self._comparing is not None
        return state.phase in working or state.writing is not None or comparing

    @property
    def attention(self) -> str:
        """The mode in which the document is read."""
        return self._attention or self.config.attention

    @property
    def options(self) -> OpenOptions:
        """What is open."""
        return self._options

    async def run(self) -> AsyncIterator[Event]:
        """Start an engine, open the document, ask what waits, and yield all events.

        Every call starts a new engine; a failure to start one is a fatal `Failed`.
        """
        await self.stop()
        client = self._client = self._client_factory(self.config)
        try:
            await client.start()
        except SaChatError as error:
            yield failed(error, fatal=True)
            return
        self._sent.clear()
        await self._open()
        async for event in client.events():
            if client is not self._client:
                return  # another one has taken its place
            yield event

    def take(self, event: Event) -> None:
        """Move the state on by one event."""
        comparing = self._comparing
        self.state = apply(self.state, event)
        if comparing is not None and not comparing.beside and self._comparing is None:
            self._compared_in_place()
        match event:
            case DocumentCounted():
                self._counted(event)
            case DocumentReady():
                self._fits(event)
                self.keeper.opened(self._options, event)
            case DroppedPartsFailed(request_id=self.state.opening_id):
                self._options = replace(self._options, drop=())
            case PrefillDone():
                self._learn(event)
        if not isinstance(event, _PASSING):
            self._expect()
            self.keeper.keep(self._options, self.config, self.state)

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

    async def ask(self, question: str, *, replaces_last: bool = False) -> None:
        """Put `question` in the queue, and send it if the engine can take it.

        An engine that starts is sent it after `Open`; one that is gone, after its restart.
        A document that was not read to its end is opened again.  With `replaces_last` it takes
        the place of the last turn, if that is over.
        """
        request_id = self._ids("q")
        last = self.last_turn
        if replaces_last and last is not None and not last.status.open:
            self.state = asked_again(self.state, request_id, question)
            if last.request_id in self._sent:
                self._replacing.add(request_id)
        else:
            self.state = asked(self.state, request_id, question)
        if self.state.phase in (Phase.PAUSED, Phase.FAILED):
            await self.reopen()
        else:
            await self._ask_what_waits()
        self.keeper.keep(self._options, self.config, self.state)

    @property
    def last_turn(self) -> Turn | None:
        return self.state.turns[-1] if self.state.turns else None

    @property
    def comparable(self) -> Turn | None:
        """The last turn, if it can be asked again in the other mode."""
        last = self.last_turn
        whole = last is not None and last.status is TurnStatus.DONE and last.answer is not None
        return last if whole and self.state.prefill is not None and not self.busy else None

    async def compare(self, *, beside: bool) -> None:
        """Ask the last question again, of the document read in the other mode.

        `beside`: the first reading stays in memory; else the other one takes its place.
        """
        turn, prefill = self.comparable, self.state.prefill
        assert turn is not None
        assert turn.answer is not None
        assert prefill is not None
        other = "sparse" if prefill.attention.mode == "dense" else "dense"
        request_id = self._ids("c")
        before = _said(self.state.turns[:-1])
        reading_id = request_id if beside else self._ids("o")
        comparison = Comparison(
            request_id, reading_id, turn.request_id, other, beside, turn.answer, prefill
        )
        if beside:
            self.state = replace(self.state, comparison=comparison)
            await self._send(Compare(request_id, turn.question, other, before))
            return
        self._attention = other
        self.state = replace(
            reopened(self.state),
            phase=Phase.LOADING,
            opening_id=reading_id,
            comparison=comparison,
        )
        await self._send(Open(reading_id, self._options, other, before, text=True))
        await self._send(Ask(request_id, turn.question))

    def _compared_in_place(self) -> None:
        """The next reading is in the first mode again, unless the second one is whole."""
        comparison = self.state.comparison
        if comparison is not None and comparison.prefill is None:
            self._attention = comparison.first_prefill.attention.mode

    async def cancel(self) -> None:
        """Stop the answer being written, else the prefill, else nothing."""
        if not self.busy:
            return
        # A reading in the place of the first one has its question in the queue behind it.
        in_place = self._comparing is not None and not self._comparing.beside
        if in_place:
            self._take_back()
        await self._send(Cancel(self._ids("x"), queued=in_place))

    @property
    def _comparing(self) -> Comparison | None:
        """The comparison that goes on now."""
        comparison = self.state.comparison
        return comparison if comparison is not None and comparison.status.open else None

    async def reopen(self) -> None:
        """Read the document again with the engine that runs.

        What waits is asked of the new reading, and of no other.
        """
        failed = self.state.phase is Phase.FAILED  # then the engine has refused what waited
        busy = self.busy
        stops = (self._take_back() and not failed) or busy
        self._sent.clear()
        self.state = replace(reopened(self.state), phase=Phase.LOADING)
        if stops:
            await self._send(Cancel(self._ids("x"), queued=True))
        await self._open()

    def _take_back(self) -> bool:
        """Questions that the engine holds wait here again, under new ids; False if there are
        none."""
        held = [
            turn.request_id
            for turn in self.state.turns
            if turn.status.open and turn.request_id in self._sent
        ]
        self.state = renamed(self.state, {request_id: self._ids("q") for request_id in held})
        self._sent.difference_update(held)
        return bool(held)

    async def switch(self, options: OpenOptions, saved: Saved | None = None) -> None:
        """Open other documents, or go on with a kept conversation, with the engine that runs.

        If none does, `run` has to follow.
        """
        runs = self.state.phase is not Phase.DEAD
        stops = self.busy or bool(self._sent)
        self._sent.clear()
        self.state = ChatState(
            phase=Phase.LOADING if runs else Phase.STARTING,
            model=self.state.model,
            devices=self.state.devices,
        )
        self.budget, self.proposal, self._choose = None, (), False
        self._options, self._attention = options, None
        self._go_on_with(saved)
        if not runs:
            return
        if stops:
            await self._send(Cancel(self._ids("x"), queued=True))
        await self._open()

    def draft(self, text: str) -> None:
        """Keep the question that is being typed."""
        self.keeper.draft(text, self._options, self.config, self.state.document)

    def leave(self, text: str) -> None:
        """Keep what was asked and what is being typed, before this conversation is left."""
        self.keeper.keep(self._options, self.config, self.state, last=True)
        document = self.state.document
        self.keeper.draft(text, self._options, self.config, document, last=True)

    def begin_again(self, config: EngineConfig | None = None) -> None:
        """Forget what the old engine had read; the conversation stays.  `run` follows."""
        self._ready = False
        self._replacing.clear()
        if config is not None:
            self.config, self._attention = config, None
        self.state = reopened(self.state)

    async def stop(self) -> None:
        """End the engine process, if there is one."""
        self._ready = False
        client, self._client = self._client, None
        if client is not None:
            await client.stop()

    def _go_on_with(self, saved: Saved | None) -> None:
        self.keeper.begin(saved)
        if saved is not None:
            self.state = replace(
                self.state, entries=restored(saved, lambda: self._ids("q")), comparison=None
            )

    async def _open(self) -> None:
        """Send `Open`, then what waits; questions asked meanwhile wait too.

        Before the choice it is `Count`, and everything waits for `Open`.
        """
        self._ready = False
        self._replacing.clear()
        if self._choose:
            await self._send(Count(self._opening_id("n"), replace(self._options, fit=False)))
            return
        said = _said(self.state.turns)
        opening_id = self._opening_id("o")
        await self._send(Open(opening_id, self._options, self._attention, said, text=True))
        self._ready = True
        await self._ask_what_waits()

    def _opening_id(self, letter: str) -> str:
        """The id of the request that opens the document from now on."""
        opening_id = self._ids(letter)
        self.state = replace(self.state, opening_id=opening_id)
        return opening_id

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

    def _learn(self, done: PrefillDone) -> None:
        read_now = self.state.progress is not None  # what was open already is not read again
        if self.state.model is not None and read_now:
            self.keeper.read(self.config, self.state.model, done)

    def _expect(self) -> None:
        """How long the reading will take, as soon as model and document are known."""
        state = self.state
        known = state.model is not None and state.document is not None
        if known and state.expected_s is None and state.prefill is None:
            self.state = replace(state, expected_s=self.expected_s(self.attention))

    def expected_s(self, attention: str) -> float | None:
        """Seconds of reading the document in this mode, learned from earlier readings."""
        model, document = self.state.model, self.state.document
        if model is None or document is None:
            return None
        return self.keeper.expected_s(self.config, model, attention, document.prompt_tokens)

    async def _ask_what_waits(self) -> None:
        """Send each waiting question once, in order, also those asked while others are sent."""
        while self._ready and self.state.phase is not Phase.DEAD:
            turn = next((turn for turn in self.state.turns if self._unsent(turn)), None)
            if turn is None:
                return
            self._sent.add(turn.request_id)
            await self._send(
                Ask(turn.request_id, turn.question, turn.request_id in self._replacing)
            )

    def _unsent(self, turn: Turn) -> bool:
        return turn.status is TurnStatus.QUEUED and turn.request_id not in self._sent

    async def _send(self, request: Request) -> None:
        if self._client is None:
            return
        try:
            await self._client.send(request)
        except SaChatError as error:
            self.take(failed(error, fatal=True))


def whole(document: DocumentReady) -> DocumentCounted:
    """The count of a document that was opened with all its parts."""
    return DocumentCounted(**vars(document))


def _said(turns: tuple[Turn, ...]) -> tuple[PastTurn, ...]:
    """What a reading from the beginning has to be told of the conversation."""
    return tuple(PastTurn(t.question, t.text) for t in turns if t.status in _SAID and t.text)
