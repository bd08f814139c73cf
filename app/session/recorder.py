"""What of a conversation is kept: turns as they end, the question being typed, how long it took.

A `Recorder` follows the state and writes only what has changed.  A failure to write is told once,
and the conversation goes on without being kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from sa_chat.protocol.config import EngineConfig, OpenOptions
from sa_chat.protocol.events import DocumentReady, PrefillDone
from sa_chat.protocol.requests import Ask, RequestIds

from ..history import Document, History, HistoryError, Run, Saved, SavedTurn
from ..settings.stdin import is_spooled
from .state import ChatState, Turn, TurnStatus

_T = TypeVar("_T")


class Recorder:
    """Keeps one conversation after another; without a history it keeps nothing."""

    def __init__(self, history: History | None, trouble: str = "") -> None:
        """`trouble`: why there is no history, or none of the old one; told once."""
        self.history = history
        self.trouble = trouble
        self._session: int | None = None
        self._kept: list[SavedTurn] = []
        self._draft = ""

    def begin(self, saved: Saved | None = None) -> None:
        """Another conversation: a new one, or one that is gone on with."""
        self._session = saved.info.id if saved is not None else None
        self._kept = list(saved.turns) if saved is not None else []
        self._draft = saved.draft if saved is not None else ""

    @property
    def session(self) -> int | None:
        """The conversation's number in the history, once it has a question."""
        return self._session

    def opened(self, options: OpenOptions, document: DocumentReady) -> None:
        """A document was opened: it is among the recent ones from now on, if it can be again."""
        if any(map(is_spooled, options.paths)):
            return
        kept = _document(options, document)
        self._try(lambda history: history.note_document(kept))

    def read(self, config: EngineConfig, state: ChatState, done: PrefillDone) -> None:
        """A document was read to its end: later estimates learn from it.  What was open already
        was not read again, and teaches nothing."""
        model = state.model
        if model is None or state.progress is None:
            return
        seconds = done.ttft.select_s + done.ttft.prefill_s
        run = Run(config.model, model.device, done.attention.mode, done.tokens, seconds)
        self._try(lambda history: history.note_run(run))

    def expected_s(self, config: EngineConfig, state: ChatState, attention: str) -> float | None:
        """Seconds of reading the document in this mode, as earlier readings took on this machine;
        None before model and document are known."""
        model, document = state.model, state.document
        if model is None or document is None:
            return None
        device, tokens = model.device, document.prompt_tokens
        return self._try(
            lambda history: history.expected_s(config.model, device, attention, tokens)
        )

    def keep(
        self, options: OpenOptions, config: EngineConfig, state: ChatState, *, last: bool = False
    ) -> None:
        """Write the turns that are new or have changed.

        Before the document is counted nothing is, unless this is the `last` time.
        """
        turns = [_saved(turn) for turn in state.turns]
        early = state.document is None and not last
        if turns == self._kept or self.history is None or early:
            return
        session = self._begun(options, config, state.document)
        if session is None:
            return
        for position, turn in enumerate(turns):
            if position >= len(self._kept) or self._kept[position] != turn:
                self._try(_saving(session, position, turn))
        if len(turns) < len(self._kept):
            self._try(lambda history: history.cut(session, len(turns)))
        self._kept = turns

    def draft(
        self,
        text: str,
        options: OpenOptions,
        config: EngineConfig,
        document: DocumentReady | None,
        *,
        last: bool = False,
    ) -> None:
        """The question that is being typed; see `keep`."""
        blank = not text.strip()
        early = document is None and not last
        if text == self._draft or early or (blank and self._session is None):
            return
        session = self._begun(options, config, document)
        if session is None:
            return
        self._draft = text
        if blank and not self._kept:  # nothing was asked, and now nothing is to be
            self._session = None
            self._try(lambda history: history.delete(session))
        else:
            self._try(lambda history: history.save_draft(session, text))

    def _begun(
        self, options: OpenOptions, config: EngineConfig, document: DocumentReady | None
    ) -> int | None:
        """The conversation's number; None where it cannot be kept."""
        if self._session is None:
            kept, mode = _document(options, document), config.attention
            self._session = self._try(lambda history: history.begin(kept, config.model, mode))
        return self._session

    def close(self) -> None:
        self._try(lambda history: history.close())

    def _try(self, write: Callable[[History], _T]) -> _T | None:
        if self.history is None:
            return None
        try:
            return write(self.history)
        except HistoryError as error:
            self.trouble = f"{error.message} {error.hint}".strip()
            self.history = None
            return None


def _saving(session: int, position: int, turn: SavedTurn) -> Callable[[History], None]:
    return lambda history: history.save_turn(session, position, turn)


def _document(options: OpenOptions, document: DocumentReady | None) -> Document:
    """One that was never counted has the names of its files, and no tokens."""
    now = datetime.now().astimezone()
    if document is None:
        names = ", ".join(os.path.basename(path.rstrip("/")) for path in options.paths)
        return Document(absolute(options), names, 0, now)
    return Document(absolute(options), document.title, document.prompt_tokens, now)


def absolute(options: OpenOptions) -> OpenOptions:
    """As they can be opened from any folder; as they are where the folder we are in is gone."""
    try:
        return replace(options, paths=tuple(map(os.path.abspath, options.paths)))
    except FileNotFoundError:
        return options


def _saved(turn: Turn) -> SavedTurn:
    """An answer that is being written is kept when it is whole; until then its question waits."""
    if turn.status is TurnStatus.WRITING:
        return SavedTurn(turn.question, TurnStatus.QUEUED.value, "", None)
    return SavedTurn(turn.question, turn.status.value, turn.text, turn.answer, turn.compared)


def restored(saved: Saved, ids: RequestIds) -> tuple[Turn, ...]:
    """The turns of a kept conversation.  What was not answered then is asked now."""
    return tuple(
        Turn(
            ids(Ask),
            turn.question,
            TurnStatus(turn.status),
            turn.text,
            turn.answer,
            turn.compared,
        )
        for turn in saved.turns
    )
