"""Saves a conversation in the history: turns as they end, the draft, the times of prefills.

A `Recorder` writes only what has changed.  If writing fails, that is reported once and the
conversation goes on without being saved.
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
    """Saves one conversation after another; without a history it saves nothing."""

    def __init__(self, history: History | None, trouble: str = "") -> None:
        """`trouble` is why there is no history, or only a new one; to be shown once."""
        self.history = history
        self.trouble = trouble
        self._session: int | None = None
        self._kept: list[SavedTurn] = []
        self._draft = ""

    def begin(self, saved: Saved | None = None) -> None:
        """Begin a new conversation, or continue a saved one."""
        self._session = saved.info.id if saved is not None else None
        self._kept = list(saved.turns) if saved is not None else []
        self._draft = saved.draft if saved is not None else ""

    @property
    def session(self) -> int | None:
        """Id of the conversation in the history; None before its first question."""
        return self._session

    def opened(self, options: OpenOptions, document: DocumentReady) -> None:
        """Add the document to the recent ones, unless it came through a pipe."""
        if any(map(is_spooled, options.paths)):
            return
        kept = _document(options, document)
        self._try(lambda history: history.note_document(kept))

    def read(self, config: EngineConfig, state: ChatState, done: PrefillDone) -> None:
        """Save the time of a prefill, for later estimates.  A document that was open already was
        not prefilled again, and is ignored."""
        model = state.model
        if model is None or state.progress is None:
            return
        seconds = done.ttft.select_s + done.ttft.prefill_s
        run = Run(config.model, model.device, done.attention.mode, done.tokens, seconds)
        self._try(lambda history: history.note_run(run))

    def expected_s(self, config: EngineConfig, state: ChatState, attention: str) -> float | None:
        """Expected seconds of a prefill in this mode, from earlier ones on this machine; None if
        unknown, or before model and document are known."""
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
        """Save the turns that are new or have changed.

        Nothing is saved before the document is counted, unless this is the `last` call.
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
        """Save the question that is being typed; see `keep` for `last`."""
        blank = not text.strip()
        early = document is None and not last
        if text == self._draft or early or (blank and self._session is None):
            return
        session = self._begun(options, config, document)
        if session is None:
            return
        self._draft = text
        if blank and not self._kept:  # a conversation without any question is not kept
            self._session = None
            self._try(lambda history: history.delete(session))
        else:
            self._try(lambda history: history.save_draft(session, text))

    def _begun(
        self, options: OpenOptions, config: EngineConfig, document: DocumentReady | None
    ) -> int | None:
        """Id of the conversation, created if necessary; None if it cannot be saved."""
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
    """The document to save; before it is counted, with its file names as the title."""
    now = datetime.now().astimezone()
    if document is None:
        names = ", ".join(os.path.basename(path.rstrip("/")) for path in options.paths)
        return Document(absolute(options), names, 0, now)
    return Document(absolute(options), document.title, document.prompt_tokens, now)


def absolute(options: OpenOptions) -> OpenOptions:
    """The options with absolute paths; unchanged if the current folder no longer exists."""
    try:
        return replace(options, paths=tuple(map(os.path.abspath, options.paths)))
    except FileNotFoundError:
        return options


def _saved(turn: Turn) -> SavedTurn:
    """The turn to save; while its answer is being written, it is saved as queued."""
    if turn.status is TurnStatus.WRITING:
        return SavedTurn(turn.question, TurnStatus.QUEUED.value, "", None)
    return SavedTurn(turn.question, turn.status.value, turn.text, turn.answer, turn.compared)


def restored(saved: Saved, ids: RequestIds) -> tuple[Turn, ...]:
    """The turns of a saved conversation, under new ids."""
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
