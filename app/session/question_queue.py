"""Which questions the engine has been sent, and which still wait here.

The engine keeps the queue; the text of the questions stays in the state, so that a new engine, or
a new reading, can be asked what the old one owed.
"""

from __future__ import annotations

from sa_chat.protocol.requests import Ask, RequestIds

from .reducer import asked, asked_again, renamed
from .state import ChatState, TurnStatus


class QuestionQueue:
    """Follows the questions of one conversation."""

    def __init__(self, ids: RequestIds) -> None:
        self._ids = ids
        self._sent: set[str] = set()  # what the engine holds or has answered
        self._replacing: set[str] = set()  # what takes the place of the engine's last question

    @property
    def any_sent(self) -> bool:
        return bool(self._sent)

    def add(self, state: ChatState, question: str, *, replaces_last: bool) -> ChatState:
        """The state with one more question; `replaces_last` has no effect while the last one is
        open."""
        request_id = self._ids(Ask)
        last = state.last_turn
        if not replaces_last or last is None or last.status.open:
            return asked(state, request_id, question)
        if last.request_id in self._sent:
            self._replacing.add(request_id)
        return asked_again(state, request_id, question)

    def next(self, state: ChatState) -> Ask | None:
        """The request for the first question that waits here; it counts as sent from now on."""
        for turn in state.turns:
            if turn.status is TurnStatus.QUEUED and turn.request_id not in self._sent:
                self._sent.add(turn.request_id)
                return Ask(turn.request_id, turn.question, turn.request_id in self._replacing)
        return None

    def take_back(self, state: ChatState) -> ChatState:
        """The questions that the engine holds wait here again, under new ids, so that what it
        still says to the old ones is not heard.  The same state if there are none."""
        held = {
            turn.request_id: self._ids(Ask)
            for turn in state.turns
            if turn.status.open and turn.request_id in self._sent
        }
        self._sent -= held.keys()
        return renamed(state, held) if held else state

    def begin_reading(self) -> None:
        """A reading from the beginning has nothing to replace."""
        self._replacing.clear()

    def clear(self) -> None:
        """The engine holds and knows nothing any more."""
        self._sent.clear()
        self._replacing.clear()
