"""The engine on this machine: documents to tokens to cache, then the conversation.

torch is imported only when the document is read and fits, so that bad input is reported at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from sa_chat.protocol.config import EngineConfig, OpenOptions
from sa_chat.protocol.errors import UsageError
from sa_chat.protocol.events import Answer, Cancelled, Event, LoadProgress
from sa_chat.protocol.values import DeviceUse, Drop, PastTurn

from ..budget import check_budget, reserve_for
from ..cancellation import Stopped
from ..documents import DocumentSet, open_documents
from ..tokens import Tokenizer
from .base import Emit, in_other_mode
from .counting import CountedDocument, count, fitted
from .memory import device_use
from .model_handle import ModelHandle

if TYPE_CHECKING:
    from .prefilled import PrefilledDocument

_PROGRESS_PERIOD_S = 0.1


class LocalEngine:
    """Implements `base.Engine`.  Model and tokenizer are loaded once and kept."""

    def __init__(self, config: EngineConfig, emit: Emit, model: ModelHandle | None = None) -> None:
        self._config = config
        self._emit = emit
        self._stop = threading.Event()
        self.model = model or ModelHandle(config)
        # What was counted last and not read: opened next, it is not parsed again.
        self._parsed: tuple[OpenOptions, DocumentSet] | None = None
        self.opened: PrefilledDocument | None = None  # that is open or being opened
        self.second: PrefilledDocument | None = None  # the same in the other mode, to compare with

    def open(
        self,
        options: OpenOptions,
        attention: str | None = None,
        replay_turns: tuple[PastTurn, ...] = (),
        text: bool = False,
    ) -> None:
        """See `base.Engine`.  Whatever can fail cheaply fails before the weights are loaded.

        Raises DocumentError, ContextOverflow, ModelError or UsageError.
        """
        self._stop.clear()
        config = self._config if attention is None else replace(self._config, attention=attention)
        self.second = None
        try:
            document = self._document(self._fitting(options, text), config)
            if not document.whole:
                document.prefill(self._emit, self._stop.is_set, self.stats)
            document.conversation.replay_turns(replay_turns, self._stop.is_set)
        except Stopped:
            self.opened = None
            self._emit(Cancelled("prefill"))
        except BaseException:
            self.opened = None
            raise
        else:
            self._emit(document.done)

    def count(self, options: OpenOptions, text: bool = False) -> None:
        """See `base.Engine`.  Raises DocumentError, ModelError or UsageError."""
        self._stop.clear()
        try:
            counted = self._count(options)
            proposal = counted.proposal()
            if proposal and options.fit:
                counted, proposal = fitted(counted, proposal, self.tokenizer), ()
            self._emit(counted.event(proposal))
            if text:
                self._emit_text(counted)
        except Stopped:
            self._emit(Cancelled("count"))

    def ask(self, question: str, replaces_last: bool = False) -> None:
        """See `base.Engine`.  Raises UsageError or ContextOverflow."""
        self._stop.clear()
        _check_question(question)
        assert self.opened is not None, "asked before a document was open"
        conversation = self.opened.conversation
        conversation.ask(question, self._emit, self._stop.is_set, replaces_last)

    def compare(
        self, question: str, attention: str, replay_turns: tuple[PastTurn, ...] = ()
    ) -> None:
        """See `base.Engine`.  The second document is kept for the next time, unless it fails.

        Raises UsageError, ContextOverflow or EngineError.
        """
        self._stop.clear()
        _check_question(question)
        assert self.opened is not None, "compared before a document was open"
        config = in_other_mode(self._config, attention, self.opened.attention)
        try:
            second = self.second or self._prefilled_again(self.opened, config)
            self._emit(second.done)
            second.conversation.reset_turns()
            second.conversation.replay_turns(replay_turns, self._stop.is_set)
            second.conversation.ask(question, self._emit_compared, self._stop.is_set)
        except Stopped:
            self._emit(Cancelled("compare"))
        except (MemoryError, RuntimeError):  # there may be no room for both
            self.second = None
            raise

    def reset_turns(self) -> None:
        """The next question is the first again; the document stays in the cache."""
        assert self.opened is not None, "no document is open"
        self.opened.conversation.reset_turns()

    def reconfigured(self, config: EngineConfig) -> LocalEngine:
        """An engine of another configuration over the same model, loaded now if it was not.

        Only what concerns attention, budget and answers may differ.
        """
        self.model.load(self._emit, self._progress("model"))
        return LocalEngine(config, self._emit, self.model.reconfigured(config))

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's; loaded now if it was not.  Raises ModelError."""
        return self.model.tokenizer

    @property
    def context_tokens(self) -> int:
        """What the model reads, or fewer if so configured.  Raises ModelError or UsageError."""
        return self.model.context_tokens

    def cancel(self) -> None:
        self._stop.set()

    def stats(self) -> tuple[DeviceUse, ...]:
        documents = (self.opened, self.second)
        caches = (each.runner.cache for each in documents if each is not None)
        return device_use(self.model.loaded, *caches)

    def close(self) -> None:
        self.opened = self.second = None
        self.model.close()

    def _fitting(self, options: OpenOptions, text: bool) -> CountedDocument:
        """The document, counted and told, if it fits."""
        self.model.check()
        counted = self._count(options)
        proposal: tuple[Drop, ...] = ()
        if counted.excess_tokens > 0:
            proposal = counted.proposal()
            self._emit(counted.event(proposal))
        if proposal and options.fit:
            counted, proposal = fitted(counted, proposal, self.tokenizer), ()
        check_budget(
            len(counted.prompt.ids), counted.context_tokens, counted.reserve_tokens, proposal
        )
        self._parsed = None
        self._check_cancelled()
        self._emit(counted.ready())
        self._check_cancelled()
        if text:
            self._emit_text(counted)
        return counted

    def _emit_text(self, counted: CountedDocument) -> None:
        for event in counted.texts():
            self._check_cancelled()
            self._emit(event)

    def _count(self, options: OpenOptions) -> CountedDocument:
        """All that the options name, parsed and counted."""
        self.model.check()
        what = replace(options, drop=(), fit=False)
        if self._parsed is None or self._parsed[0] != what:
            self._parsed = (what, open_documents(what, self._progress("parse")))
        self._check_cancelled()
        context = self.model.context_tokens
        progress = self._progress("tokenize")
        reserve = self._reserve(context)
        documents = self._parsed[1]
        return count(documents, options, self.tokenizer, context, reserve, progress)

    def _reserve(self, context: int) -> int:
        wanted = self._config.reserve_tokens
        return reserve_for(context) if wanted is None else wanted

    def _check_cancelled(self) -> None:
        if self._stop.is_set():
            raise Stopped

    def _progress(self, stage: str) -> Callable[[float], None]:
        """A listener that says how far a stage is, a few times a second and at its end."""
        began = time.perf_counter()
        last = 0.0

        def report(part: float) -> None:
            nonlocal last
            self._check_cancelled()
            now = time.perf_counter()
            if part >= 1.0 or now - last >= _PROGRESS_PERIOD_S:
                last = now
                self._emit(LoadProgress(stage, part, now - began))

        return report

    def _document(self, counted: CountedDocument, config: EngineConfig) -> PrefilledDocument:
        """The counted document with a cache of its own, `opened` from now on.

        What is open already, token for token, is not read again.
        """
        capacity = min(counted.context_tokens, len(counted.prompt.ids) + counted.reserve_tokens)
        before, self.opened = self.opened, None
        if before is not None and before.holds(counted.prompt, capacity, config):
            before.conversation.reset_turns()
            self.opened = before
            return before
        del before  # before there is another cache
        loaded = self.model.load(self._emit, self._progress("model"), capacity)
        from .prefilled import PrefilledDocument, PromptContext

        self._check_cancelled()
        context = PromptContext(loaded, self.tokenizer, counted.prompt, capacity)
        self.opened = PrefilledDocument(context, config)
        return self.opened

    def _prefilled_again(self, first: PrefilledDocument, config: EngineConfig) -> PrefilledDocument:
        """The same document beside the first; none is kept where this fails."""
        from .prefilled import PrefilledDocument

        self.second = PrefilledDocument(first.context, config)
        try:
            self.second.prefill(self._emit, self._stop.is_set, self.stats)
        except BaseException:
            self.second = None
            raise
        return self.second

    def _emit_compared(self, event: Event) -> None:
        stopped = isinstance(event, Answer) and event.stop_reason == "cancelled"
        self._emit(Cancelled("compare") if stopped else event)


def _check_question(question: str) -> None:
    if not question.strip():
        raise UsageError("The question is empty.", "Write what you want to know.")
