"""Which questions have been sent to the engine, and which still wait.

The engine has a queue of its own.  The text of the questions stays in the state, so that open
questions can be sent again to a new engine or after a new prefill.
"""

from __future__ import annotations

from sa_chat.protocol.requests import Ask, RequestIds

from .reducer import asked, asked_again, renamed
from .state import ChatState, TurnStatus


class QuestionQueue:
    """Bookkeeping of the questions of one conversation."""

    def __init__(self, ids: RequestIds) -> None:
        self._ids = ids
        self._sent: set[str] = set()  # what the engine has queued or answered
        self._replacing: set[str] = set()  # questions that replace the engine's last one

    @property
    def any_sent(self) -> bool:
        return bool(self._sent)

    def add(self, state: ChatState, question: str, *, replaces_last: bool) -> ChatState:
        """The state with another question; `replaces_last` has no effect while the last one is
        open."""
        request_id = self._ids(Ask)
        last = state.last_turn
        if not replaces_last or last is None or last.status.open:
            return asked(state, request_id, question)
        if last.request_id in self._sent:
            self._replacing.add(request_id)
        return asked_again(state, request_id, question)

    def next(self, state: ChatState) -> Ask | None:
        """The request for the first waiting question, which counts as sent from now on."""
        for turn in state.turns:
            if turn.status is TurnStatus.QUEUED and turn.request_id not in self._sent:
                self._sent.add(turn.request_id)
                return Ask(turn.request_id, turn.question, turn.request_id in self._replacing)
        return None

    def take_back(self, state: ChatState) -> ChatState:
        """The state in which the questions that the engine has queued wait again, under new ids, so
        that late events for the old ids are ignored.  The same object if there are none."""
        held = {
            turn.request_id: self._ids(Ask)
            for turn in state.turns
            if turn.status.open and turn.request_id in self._sent
        }
        self._sent -= held.keys()
        return renamed(state, held) if held else state

    def begin_prefill(self) -> None:
        """A new prefill follows, after which there is no last question to replace."""
        self._replacing.clear()

    def clear(self) -> None:
        """The engine's queue is empty, and a new prefill follows."""
        self._sent.clear()
        self._replacing.clear()
