"""A conversation with one engine: which requests to send, and when.

The session owns the client and the state, and knows no widget.  Questions and answers stay in the
state, so that earlier turns can be replayed and open questions sent again after a restart of the
engine or another prefill.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from sa_chat.protocol import events
from sa_chat.protocol.config import EngineConfig, OpenOptions
from sa_chat.protocol.errors import SaChatError
from sa_chat.protocol.events import Event
from sa_chat.protocol.requests import Ask, Cancel, Compare, Open, Request, RequestIds
from sa_chat.protocol.values import PastTurn

from ..history import Saved
from .client import ClientFactory, EngineClient
from .comparison import Comparison, other_mode
from .opening import Opening
from .question_queue import QuestionQueue
from .recorder import Recorder, restored
from .reducer import apply, concerns, reopened
from .state import ChatState, Phase, Turn, TurnStatus

_NOTHING_TO_SAVE = (
    events.TextDelta,
    events.PrefillProgress,
    events.DeviceStats,
    events.DocumentText,
)
_SAID = (TurnStatus.DONE, TurnStatus.STOPPED)


class Session:
    """Drives one engine at a time and holds the state of the conversation.

    With `choose` the document is first only counted, and read after `Opening.accept_choice`.
    """

    def __init__(
        self,
        options: OpenOptions,
        config: EngineConfig,
        client_factory: ClientFactory,
        *,
        choose: bool = False,
        recorder: Recorder | None = None,
        saved: Saved | None = None,
    ) -> None:
        self.state = ChatState()
        self.config = config
        self.recorder = recorder or Recorder(None)
        self.opening = Opening(options, choosing=choose)
        self._client_factory = client_factory
        self._client: EngineClient | None = None
        self._ids = RequestIds()
        self._queue = QuestionQueue(self._ids)
        self._ready = False  # `Open` has been sent
        self._continue(saved)

    @property
    def busy(self) -> bool:
        """Whether there is an answer or a prefill to cancel."""
        working = self.state.phase in (Phase.LOADING, Phase.PREFILLING)
        return working or self.state.writing is not None or self.state.comparing is not None

    @property
    def attention(self) -> str:
        """The mode in which the document is read."""
        return self.opening.attention or self.config.attention

    @property
    def comparable(self) -> Turn | None:
        """The last turn, if it can be compared with the other attention mode."""
        last = self.state.last_turn
        whole = last is not None and last.status is TurnStatus.DONE and last.answer is not None
        return last if whole and self.state.prefill is not None and not self.busy else None

    async def run(self) -> AsyncIterator[Event]:
        """Start a new engine, open the document, send the waiting questions, yield all events.

        A failure to start the engine is a fatal `Failed`.
        """
        await self.stop()
        client = self._client = self._client_factory(self.config)
        try:
            await client.start()
        except SaChatError as error:
            yield events.failed(error, fatal=True)
            return
        self._queue.clear()
        await self._open()
        async for event in client.events():
            if client is not self._client:
                return  # another one has replaced it
            yield event

    def take(self, event: Event) -> bool:
        """Update the state by an event; False for a late event of a prefill that was replaced,
        which changes nothing."""
        if not concerns(self.state, event):
            return False
        comparing = self.state.comparing
        self.state = apply(self.state, event)
        if comparing is not None and not comparing.beside and self.state.comparing is None:
            self._end_in_place()
        match event:
            case events.DocumentCounted():
                self.opening.counted(event)
            case events.DocumentReady():
                self.opening.ready(event, self.state.counted)
                self.recorder.opened(self.opening.options, event)
            case events.DroppedPartsFailed(request_id=self.state.opening_id):
                self.opening.forget_choice()
            case events.PrefillDone():
                self.recorder.read(self.config, self.state, event)
        if not isinstance(event, _NOTHING_TO_SAVE):
            self._expect()
            self.recorder.keep(self.opening.options, self.config, self.state)
        return True

    async def unlock(self, password: str) -> None:
        """Open the document again with its password."""
        self.opening.unlock(password)
        await self.reopen()

    async def ask(self, question: str, *, replaces_last: bool = False) -> None:
        """Queue `question`, and send it as soon as `Open` has been sent.

        If the prefill was stopped or failed, the document is opened again.  With `replaces_last`
        the question replaces the last turn, if that has ended.
        """
        self.state = self._queue.add(self.state, question, replaces_last=replaces_last)
        if self.state.phase in (Phase.PAUSED, Phase.FAILED):
            await self.reopen()
        else:
            await self._send_waiting()
        self.recorder.keep(self.opening.options, self.config, self.state)

    async def compare(self, *, beside: bool) -> None:
        """Ask the last question again after a prefill in the other attention mode.

        With `beside` the first prefill stays in memory; else the second one replaces it.
        """
        turn, prefill = self.comparable, self.state.prefill
        assert turn is not None
        assert turn.answer is not None
        assert prefill is not None
        other = other_mode(prefill.attention.mode)
        request_id = self._ids(Compare)
        prefill_id = request_id if beside else self._ids(Open)
        comparison = Comparison(
            request_id, prefill_id, turn.request_id, other, beside, turn.answer, prefill
        )
        said = _said(self.state.turns[:-1])
        if beside:
            self.state = replace(self.state, comparison=comparison)
            await self._send(Compare(request_id, turn.question, other, said))
            return
        self.opening.attention = other
        self.state = replace(
            reopened(self.state, prefill_id), phase=Phase.LOADING, comparison=comparison
        )
        await self._send(Open(prefill_id, self.opening.options, other, said, text=True))
        await self._send(Ask(request_id, turn.question))

    def _end_in_place(self) -> None:
        """Return to the first mode unless the second prefill is complete."""
        comparison = self.state.comparison
        if comparison is not None and comparison.prefill is None:
            self.opening.attention = comparison.first_prefill.attention.mode

    async def cancel(self) -> None:
        """Cancel the current answer, else the prefill."""
        if not self.busy:
            return
        # In place of the first prefill, the question waits in the queue behind `Open`.
        in_place = self.state.comparing is not None and not self.state.comparing.beside
        if in_place:
            self.state = self._queue.take_back(self.state)
        await self._send(Cancel(self._ids(Cancel), queued=in_place))

    async def reopen(self) -> None:
        """Open the document again with the running engine.

        Waiting questions are sent again after it.
        """
        refused = self.state.phase is Phase.FAILED  # then the engine has failed all questions
        stops, before = self.busy, self.state
        self.state = self._queue.take_back(before)
        stops = stops or (self.state is not before and not refused)
        self.state = replace(reopened(self.state), phase=Phase.LOADING)
        await self._restart(stops)

    async def switch(self, options: OpenOptions, saved: Saved | None = None) -> None:
        """Open other documents, or continue a saved conversation, with the running engine.

        If the engine has ended, `run` has to follow.
        """
        runs = self.state.phase is not Phase.DEAD
        stops = self.busy or self._queue.any_sent
        self.state = ChatState(
            phase=Phase.LOADING if runs else Phase.STARTING,
            model=self.state.model,
            devices=self.state.devices,
        )
        self.opening = Opening(options)
        self._continue(saved)
        if runs:
            await self._restart(stops)

    def draft(self, text: str) -> None:
        """Save the question that is being typed."""
        self.recorder.draft(text, self.opening.options, self.config, self.state.document)

    def leave(self, text: str) -> None:
        """Save all turns and the draft, before another conversation is opened."""
        self.recorder.keep(self.opening.options, self.config, self.state, last=True)
        self.recorder.draft(text, self.opening.options, self.config, self.state.document, last=True)

    def begin_again(self, config: EngineConfig | None = None) -> None:
        """Prepare for a new engine, perhaps of another configuration; `run` has to follow."""
        self._ready = False
        self._queue.begin_prefill()
        if config is not None:
            self.config, self.opening.attention = config, None
        self.state = reopened(self.state)

    async def stop(self) -> None:
        """Stop the engine, if there is one."""
        self._ready = False
        client, self._client = self._client, None
        if client is not None:
            await client.stop()

    def _expect(self) -> None:
        """Estimate the time of the prefill as soon as model and document are known."""
        if self.state.expected_s is None and self.state.prefill is None:
            expected_s = self.recorder.expected_s(self.config, self.state, self.attention)
            self.state = replace(self.state, expected_s=expected_s)

    def _continue(self, saved: Saved | None) -> None:
        self.recorder.begin(saved)
        if saved is not None:
            entries = restored(saved, self._ids)
            self.state = replace(self.state, entries=entries, comparison=None)

    async def _restart(self, stops: bool) -> None:
        """Open the document with the running engine; with `stops`, cancel all requests first."""
        self._queue.clear()
        if stops:
            await self._send(Cancel(self._ids(Cancel), queued=True))
        await self._open()

    async def _open(self) -> None:
        """Send `Open`, then the waiting questions.

        Before the choice, send `Count`; questions then wait for `Open`.
        """
        self._ready = False
        self._queue.begin_prefill()
        request = self.opening.request(self._ids, _said(self.state.turns))
        self.state = replace(self.state, opening_id=request.request_id)
        await self._send(request)
        if isinstance(request, Open):
            self._ready = True
            await self._send_waiting()

    async def _send_waiting(self) -> None:
        """Send each waiting question once, in order, including those asked meanwhile."""
        while self._ready and self.state.phase is not Phase.DEAD:
            request = self._queue.next(self.state)
            if request is None:
                return
            await self._send(request)

    async def _send(self, request: Request) -> None:
        if self._client is None:
            return
        try:
            await self._client.send(request)
        except SaChatError as error:
            self.take(events.failed(error, fatal=True))


def _said(turns: tuple[Turn, ...]) -> tuple[PastTurn, ...]:
    """The turns to replay after a prefill."""
    return tuple(PastTurn(t.question, t.text) for t in turns if t.status in _SAID and t.text)
