"""The engine on this machine: documents to tokens to cache, then the conversation.

torch is imported only when the document is read and fits, so that bad input is told at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from .base import Emit
from .budget import check_budget, reserve_for
from .citations import CitationFinder
from .config import EMBEDDED_MODEL, EngineConfig, OpenOptions
from .counting import Counted, count, fitted
from .devices import device_use
from .documents import DocumentSet, open_documents
from .errors import UsageError
from .events import (
    AttentionFigures,
    Cancelled,
    DeviceUse,
    Drop,
    LoadProgress,
    ModelReady,
    PrefillDone,
    PrefillProgress,
    Ttft,
)
from .model import check_model, local_folder, reader_folder
from .model.context import context_of, vocabulary_of
from .stopping import Stopped
from .tokens import Tokenizer, load_tokenizer
from .tokens.prompt import TokenizedPrompt
from .tokens.tiktoken_tokenizer import TiktokenTokenizer

if TYPE_CHECKING:
    from .cache import KVCache
    from .conversation import Conversation
    from .model import LoadedModel
    from .pipeline import ChunkReport

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
        self._cache: KVCache | None = None  # that of the conversation, or being filled for it
        self._conversation: Conversation | None = None

    def open(self, options: OpenOptions) -> None:
        """See `base.Engine`.  Whatever can fail cheaply fails before the weights are loaded.

        Raises DocumentError, ContextOverflow, ModelError or UsageError.
        """
        self._stop.clear()
        self._conversation = self._cache = None
        try:
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
            capacity = min(counted.context_tokens, len(counted.prompt.ids) + counted.reserve_tokens)
            self._prefill(self._load_model(capacity), counted.prompt, capacity)
        except Stopped:
            self._emit(Cancelled("prefill"))
        finally:
            if self._conversation is None:
                self._cache = None

    def count(self, options: OpenOptions, text: bool = False) -> None:
        """See `base.Engine`.  Raises DocumentError, ModelError or UsageError."""
        self._stop.clear()
        try:
            counted = self._count(options)
            proposal = counted.proposal()
            if proposal and options.fit:
                counted, proposal = fitted(counted, proposal, self.tokenizer), ()
            self._emit(counted.event(proposal))
            for event in counted.texts() if text else ():
                self._check_cancelled()
                self._emit(event)
        except Stopped:
            self._emit(Cancelled("count"))

    def ask(self, ask_id: str, question: str, replaces_last: bool = False) -> None:
        """See `base.Engine`.  Raises UsageError or ContextOverflow."""
        self._stop.clear()
        if not question.strip():
            raise UsageError("The question is empty.", "Write what you want to know.")
        assert self._conversation is not None, "asked before a document was open"
        self._conversation.ask(ask_id, question, self._emit, self._stop.is_set, replaces_last)

    def forget_turns(self) -> None:
        """The next question is the first again; the document stays in the cache."""
        assert self._conversation is not None, "no document is open"
        self._conversation.forget_turns()

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
        return device_use(self._loaded, self._cache)

    def close(self) -> None:
        self._conversation = self._cache = None
        self._loaded = None
        self._resources.close()

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
            from .model import load_model

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

    def _report_chunk(self, report: ChunkReport) -> None:
        self._emit(
            PrefillProgress(
                tokens_done=report.tokens_done,
                tokens_total=report.tokens_total,
                seconds=report.seconds,
                density=report.density,
                density_by_head=report.density_by_head,
                devices=self.stats(),
            )
        )

    def _prefill(self, loaded: LoadedModel, prompt: TokenizedPrompt, capacity: int) -> None:
        from .cache import KVCache
        from .conversation import Conversation
        from .decode import Sampling, VerbatimDocument
        from .pipeline import prefill
        from .selection import SelectionSettings

        config, tokenizer = self._config, self.tokenizer
        self._check_cancelled()
        cache = self._cache = KVCache(loaded.layers, capacity, config.kv_cache_dtype)
        result = prefill(
            loaded,
            cache,
            prompt.ids.tolist(),
            mode=config.attention,
            alpha=config.alpha,
            on_chunk=self._report_chunk,
            cancelled=self._stop.is_set,
            settings=SelectionSettings(config.alpha, config.method),
            likelihood=config.document_nll,
        )
        documents = prompt.documents
        ttft = Ttft(documents.parse_s, prompt.tokenize_s, result.select_s, result.prefill_s)
        coverage = result.coverage
        figures = AttentionFigures(
            config.attention,
            config.alpha,
            result.density,
            coverage.mean,
            coverage.p5,
            coverage.minimum,
        )
        verbatim = None
        if isinstance(tokenizer, TiktokenTokenizer):  # the reader's, which quotes and no more
            by_path = groupby(documents.parts, attrgetter("path"))
            files = ((path, " ".join(part.text for part in parts)) for path, parts in by_path)
            verbatim = VerbatimDocument(files, tokenizer.token_bytes)
        self._conversation = Conversation(
            loaded,
            tokenizer,
            cache,
            CitationFinder(documents),
            ttft,
            config.max_answer_tokens,
            verbatim,
            Sampling(config.temperature, config.top_p, config.repetition_penalty, config.seed),
        )
        self._emit(
            PrefillDone(
                result.tokens, ttft, figures, result.density_by_head, self.stats(), result.nll
            )
        )
