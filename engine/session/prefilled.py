"""A document in a cache, read in one attention mode, and the conversation over it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from operator import attrgetter

import numpy as np

from sa_chat.protocol.config import EngineConfig
from sa_chat.protocol.events import CalibrationProgress, PrefillDone, PrefillProgress
from sa_chat.protocol.values import AttentionFigures, DeviceUse, Ttft

from ..attention import HeadFigures
from ..cache import KVCache
from ..cancellation import Cancelled, Stopped
from ..citations import CitationFinder
from ..citations.verbatim import VerbatimDocument
from ..model import LoadedModel
from ..runtime import ChunkReport, ModelRunner, PrefillResult, Sampling
from ..sparsity import SelectionSettings
from ..sparsity.prefill_config import PrefillConfig
from ..tokens import Tokenizer
from ..tokens.prompt import TokenizedPrompt
from .base import Emit
from .conversation import Conversation


@dataclass(frozen=True, eq=False)
class PromptContext:
    """What all prefills of one document share."""

    loaded: LoadedModel
    tokenizer: Tokenizer
    prompt: TokenizedPrompt
    capacity: int  # tokens of a cache: the document, and its room for questions and answers

    @cached_property
    def citations(self) -> CitationFinder:
        return CitationFinder(self.prompt.documents)

    @cached_property
    def verbatim(self) -> VerbatimDocument | None:
        """What answers are held to by a model that only quotes; None for other models."""
        token_bytes = self.tokenizer.token_bytes
        if not self.loaded.quotes_only or token_bytes is None:
            return None
        by_path = groupby(self.prompt.documents.parts, attrgetter("path"))
        files = ((path, " ".join(part.text for part in parts)) for path, parts in by_path)
        return VerbatimDocument(files, token_bytes)


class PrefilledDocument:
    """One document in one cache.  `prefill` comes first; while it runs, the cache fills."""

    def __init__(self, context: PromptContext, config: EngineConfig) -> None:
        self.context = context
        cache = KVCache(context.loaded.layers, context.capacity, config.kv_cache_dtype)
        self.runner = ModelRunner(context.loaded, cache)
        self._config = config
        self.heads: tuple[HeadFigures, ...] = ()  # of those measured, if so configured
        self._done: PrefillDone | None = None
        self._conversation: Conversation | None = None

    @property
    def attention(self) -> str:
        """The mode, "sparse" or "dense"."""
        return self._config.attention

    @property
    def whole(self) -> bool:
        """Whether all of it is in the cache."""
        return self._done is not None

    def holds(self, prompt: TokenizedPrompt, capacity: int, config: EngineConfig) -> bool:
        """Whether these very tokens, standing at the same places, are wholly in the cache, read
        in the same way."""
        same_way = (self.context.capacity, self._config) == (capacity, config)
        here = self.context.prompt
        same_places = here.documents.parts == prompt.documents.parts
        return same_way and self.whole and same_places and np.array_equal(here.ids, prompt.ids)

    @property
    def done(self) -> PrefillDone:
        """The result of the prefill."""
        assert self._done is not None, "not read yet"
        return self._done

    @property
    def conversation(self) -> Conversation:
        """Over the document that was read."""
        assert self._conversation is not None, "not read yet"
        return self._conversation

    def prefill(
        self, emit: Emit, cancelled: Cancelled, devices: Callable[[], tuple[DeviceUse, ...]]
    ) -> None:
        """Read the document, with a `PrefillProgress` for each chunk; before it, where this
        machine has to be measured, `CalibrationProgress`.

        Raises what `ModelRunner.prefill` raises; then this object is of no use.
        """
        context, config = self.context, self._config
        ids = context.prompt.ids.tolist()
        began = time.perf_counter()

        def calibrating(fraction: float) -> None:
            if cancelled():
                raise Stopped
            emit(CalibrationProgress(fraction, time.perf_counter() - began))

        def report(chunk: ChunkReport) -> None:
            emit(PrefillProgress(**vars(chunk), devices=devices()))

        policy = self.runner.tune(prefill_config(config), len(ids), calibrating)
        result = self.runner.prefill(
            ids,
            policy,
            on_chunk=report,
            cancelled=cancelled,
            measure_heads=config.measure_heads,
        )
        self.heads = result.heads
        parse_s, tokenize_s = context.prompt.documents.parse_s, context.prompt.tokenize_s
        ttft = Ttft(parse_s, tokenize_s, result.select_s, result.prefill_s)
        self._conversation = Conversation(
            self.runner,
            context.tokenizer,
            context.citations,
            ttft,
            config.max_answer_tokens,
            context.verbatim,
            Sampling(config.temperature, config.top_p, config.repetition_penalty, config.seed),
        )
        figures, by_head = self._figures(result), result.density_by_head
        self._done = PrefillDone(result.tokens, ttft, figures, by_head, devices(), result.nll)

    def _figures(self, result: PrefillResult) -> AttentionFigures:
        recall = result.recall
        return AttentionFigures(
            self._config.attention,
            self._config.alpha,
            result.density,
            recall.mean,
            recall.p5,
            recall.minimum,
        )


def prefill_config(config: EngineConfig) -> PrefillConfig:
    """The policy that the engine's configuration asks for, before it is tuned to a machine."""
    return PrefillConfig(
        mode="dense" if config.attention == "dense" else "sparse",
        selection=SelectionSettings(config.alpha, config.method),
        document_nll=config.document_nll,
    )
