"""The engine on this machine: documents to tokens to cache, then the conversation.

torch is imported only when the document is read and fits, so that bad input is told at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from sa_chat.protocol.config import EMBEDDED_MODEL, EngineConfig, OpenOptions
from sa_chat.protocol.errors import UsageError
from sa_chat.protocol.events import (
    Answer,
    Cancelled,
    DeviceUse,
    Drop,
    Event,
    LoadProgress,
    ModelReady,
    PastTurn,
)

from ..budget import check_budget, reserve_for
from ..cancellation import Stopped
from ..documents import DocumentSet, open_documents
from ..model import check_model, local_folder, reader_folder
from ..model.context import context_of, vocabulary_of
from ..tokens import Tokenizer, load_tokenizer
from .base import Emit, in_other_mode
from .counting import Counted, count, fitted
from .memory import device_use

if TYPE_CHECKING:
    from ..model import LoadedModel
    from .reading import Reading

_PROGRESS_PERIOD_S = 0.1


class LocalEngine:
    """Implements `base.Engine`.  Model and tokenizer are loaded once and kept."""

    def __init__(self, config: EngineConfig, emit: Emit) -> None:
        self._config = config
        self._emit = emit
        self._stop = threading.Event()
        self._resources = ExitStack()
        self._source: str | None = None  # the model's folder or hub id
        self._tokenizer: Tokenizer | None = None
        self._loaded: LoadedModel | None = None
        # What was counted last and not read: opened next, it is not parsed again.
        self._parsed: tuple[OpenOptions, DocumentSet] | None = None
        self._reading: Reading | None = None  # of the document that is open or being opened
        self._second: Reading | None = None  # of the same in the other mode, to compare with

    def open(
        self,
        options: OpenOptions,
        attention: str | None = None,
        recall: tuple[PastTurn, ...] = (),
        text: bool = False,
    ) -> None:
        """See `base.Engine`.  Whatever can fail cheaply fails before the weights are loaded.

        Raises DocumentError, ContextOverflow, ModelError or UsageError.
        """
        self._stop.clear()
        config = self._config if attention is None else replace(self._config, attention=attention)
        self._second = None
        try:
            reading = self._read(self._fitting(options, text), config)
            reading.conversation.recall(recall, self._stop.is_set)
        except Stopped:
            self._reading = None
            self._emit(Cancelled("prefill"))
        except BaseException:
            self._reading = None
            raise
        else:
            self._emit(reading.done)

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
                self._tell(counted)
        except Stopped:
            self._emit(Cancelled("count"))

    def ask(self, ask_id: str, question: str, replaces_last: bool = False) -> None:
        """See `base.Engine`.  Raises UsageError or ContextOverflow."""
        self._stop.clear()
        _check_question(question)
        assert self._reading is not None, "asked before a document was open"
        conversation = self._reading.conversation
        conversation.ask(ask_id, question, self._emit, self._stop.is_set, replaces_last)

    def compare(
        self, ask_id: str, question: str, attention: str, recall: tuple[PastTurn, ...] = ()
    ) -> None:
        """See `base.Engine`.  The second reading is kept for the next time, but where it fails.

        Raises UsageError, ContextOverflow or EngineError.
        """
        self._stop.clear()
        _check_question(question)
        assert self._reading is not None, "compared before a document was open"
        config = in_other_mode(self._config, attention, self._reading.attention)
        try:
            second = self._second or self._read_again(self._reading, config)
            self._emit(second.done)
            second.conversation.forget_turns()
            second.conversation.recall(recall, self._stop.is_set)
            second.conversation.ask(ask_id, question, self._say_compared, self._stop.is_set)
        except Stopped:
            self._emit(Cancelled("compare"))
        except (MemoryError, RuntimeError):  # there may be no room for both readings
            self._second = None
            raise

    def forget_turns(self) -> None:
        """The next question is the first again; the document stays in the cache."""
        assert self._reading is not None, "no document is open"
        self._reading.conversation.forget_turns()

    def reconfigured(self, config: EngineConfig) -> LocalEngine:
        """An engine of another configuration over the same model, loaded now if it was not.

        Only what concerns attention, budget and answers may differ.
        """
        for name in ("model", "device", "gpus", "kv_cache_dtype", "max_context"):
            assert getattr(config, name) == getattr(self._config, name), name
        other = LocalEngine(config, self._emit)
        other._source = self._find_model()
        other._tokenizer = self._load_tokenizer(other._source)
        other._loaded = self._load_model()
        return other

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's; loaded now if it was not.  Raises ModelError."""
        return self._load_tokenizer(self._find_model())

    @property
    def context_tokens(self) -> int:
        """What the model reads, or fewer if so configured.  Raises ModelError or UsageError."""
        return context_of(self._config, self._find_model())

    def cancel(self) -> None:
        self._stop.set()

    def stats(self) -> tuple[DeviceUse, ...]:
        readings = (self._reading, self._second)
        return device_use(self._loaded, *(each.cache for each in readings if each is not None))

    def close(self) -> None:
        self._reading = self._second = None
        self._loaded = None
        self._resources.close()

    def _fitting(self, options: OpenOptions, text: bool) -> Counted:
        """The document, counted and told, if it fits."""
        check_model(self._config)
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
            self._tell(counted)
        return counted

    def _tell(self, counted: Counted) -> None:
        for event in counted.texts():
            self._check_cancelled()
            self._emit(event)

    def _count(self, options: OpenOptions) -> Counted:
        """All that the options name, parsed and counted."""
        check_model(self._config)
        what = replace(options, drop=(), fit=False)
        if self._parsed is None or self._parsed[0] != what:
            self._parsed = (what, open_documents(what, self._progress("parse")))
        self._check_cancelled()
        context = context_of(self._config, self._find_model())
        progress = self._progress("tokenize")
        reserve = self._reserve(context)
        documents = self._parsed[1]
        return count(documents, options, self.tokenizer, context, reserve, progress)

    def _find_model(self) -> str:
        """The model's folder or hub id."""
        if self._source is None:
            if self._config.model == EMBEDDED_MODEL:
                self._source = str(reader_folder(self._resources))
            else:
                self._source = str(local_folder(self._config.model) or self._config.model)
        return self._source

    def _load_tokenizer(self, source: str) -> Tokenizer:
        if self._tokenizer is None:
            self._tokenizer = load_tokenizer(source, vocabulary_of(source))
        return self._tokenizer

    def _load_model(self, tokens: int = 0) -> LoadedModel:
        """With room on its GPUs for a cache of so many tokens."""
        if self._loaded is None:
            began = time.perf_counter()
            self._emit(LoadProgress("model", 0.0, 0.0))
            from ..model import load_model

            report = self._progress("model")
            self._loaded = load_model(
                self._config, progress=lambda _, part: report(part), tokens=tokens
            )
            loaded = self._loaded
            self._emit(
                ModelReady(
                    name=loaded.name,
                    parameters=loaded.parameters,
                    layers=loaded.layers,
                    heads=loaded.heads,
                    context_tokens=loaded.context_tokens,
                    dtype=str(loaded.dtype).removeprefix("torch."),
                    device=", ".join(map(str, loaded.devices)),
                    load_s=time.perf_counter() - began,
                )
            )
        return self._loaded

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

    def _read(self, counted: Counted, config: EngineConfig) -> Reading:
        """The document's own reading; told of while it goes on.

        What is open already, token for token, is not read again.
        """
        capacity = min(counted.context_tokens, len(counted.prompt.ids) + counted.reserve_tokens)
        before, self._reading = self._reading, None
        if before is not None and before.is_of(counted.prompt, capacity, config):
            before.conversation.forget_turns()
            self._reading = before
            return before
        del before  # before there is another cache
        loaded = self._load_model(capacity)
        from .reading import Book, Reading

        self._check_cancelled()
        book = Book(loaded, self.tokenizer, counted.prompt, capacity)
        self._reading = Reading(book, config)
        self._reading.prefill(self._emit, self._stop.is_set, self.stats)
        return self._reading

    def _read_again(self, first: Reading, config: EngineConfig) -> Reading:
        """A second reading of the same, beside the first; none is kept where this fails."""
        from .reading import Reading

        self._second = Reading(first.book, config)
        try:
            self._second.prefill(self._emit, self._stop.is_set, self.stats)
        except BaseException:
            self._second = None
            raise
        return self._second

    def _say_compared(self, event: Event) -> None:
        stopped = isinstance(event, Answer) and event.stop_reason == "cancelled"
        self._emit(Cancelled("compare") if stopped else event)


def _check_question(question: str) -> None:
    if not question.strip():
        raise UsageError("The question is empty.", "Write what you want to know.")
