"""`ModelRunner`: token ids go in, logits and tokens come out.

It alone knows the model, its cache and its graphs.  The document is read sparsely where that is
cheaper; question and answer attend densely to everything before them.
"""

from __future__ import annotations

import gc
import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Generator, Sequence
from typing import Literal

import torch
from torch import Tensor

from sa_chat.protocol.errors import ContextOverflow, EngineError

from ..attention import (
    CONTEXT_KEYWORD,
    AttentionStats,
    DenseBackend,
    ForwardContext,
    HeadProbe,
    PairCounts,
    SparseBackend,
)
from ..cache import KVCache
from ..cancellation import Cancelled, never
from ..model import LoadedModel
from ..model.keywords import cache_keyword
from ..platform.devices import platform_of
from ..sparsity.autotune import Progress, no_progress, resolve
from ..sparsity.prefill_config import PrefillConfig
from .chunks import chunk_spans, smaller_spans, spans_of
from .document_nll import DocumentNll
from .graphs import GraphStep, captured_step
from .inflight import InflightChunks
from .results import ChunkReport, PrefillResult
from .sampling import greedy

StopReason = Literal["stop", "length", "cancelled"]
_log = logging.getLogger(__name__)


class ModelRunner:
    """One model over one cache.

    Whatever is raised on the way, the cache holds whole forward passes: what a pass wrote that
    did not end is forgotten.
    """

    def __init__(self, loaded: LoadedModel, cache: KVCache) -> None:
        self.loaded = loaded
        self.cache = cache
        self._graph: GraphStep | None = None
        self._looked_for_graph = False

    @property
    def length(self) -> int:
        """Tokens in the cache."""
        return self.cache.length

    @property
    def free(self) -> int:
        """Tokens that still fit."""
        return self.cache.free

    @property
    def capacity(self) -> int:
        """Tokens that fit at most."""
        return self.cache.capacity

    def truncate(self, length: int) -> None:
        """Forget all tokens from position `length` on."""
        self.cache.truncate(length)

    def tune(
        self, config: PrefillConfig, tokens: int, progress: Progress = no_progress
    ) -> PrefillConfig:
        """`config` for a prefill of so many tokens, resolved for this machine; see
        `sparsity.autotune.resolve`, which calls `progress` if something has to be measured."""
        shapes, keys = self.loaded.attention_shapes, self.length + tokens
        return resolve(config, shapes, keys, progress=progress)

    def prefill(
        self,
        ids: Sequence[int],
        config: PrefillConfig,
        *,
        on_chunk: Callable[[ChunkReport], None] | None = None,
        cancelled: Cancelled = never,
        measure_heads: bool = False,
    ) -> PrefillResult:
        """Append the document's `ids` to the cache.

        Args:
            config: resolved, see `tune`.
            measure_heads: compare each head with exact attention on some rows, which takes time.
        Raises:
            ContextOverflow: before anything is computed.
            EngineError: memory ran out, even with the smallest chunks.
            Stopped: the cache then holds all chunks that were complete, and no part of another.
        """
        assert len(ids) > 0, "nothing to prefill"
        self._check_room(len(ids))
        backend = DenseBackend() if config.mode == "dense" else SparseBackend(config)
        stats = AttentionStats()
        began = time.perf_counter()
        logits: Tensor | None = None
        document = DocumentNll(ids) if config.document_nll else None

        def report(tokens_done: int, counts: PairCounts) -> None:
            if on_chunk is not None:
                density, by_head = counts.density, counts.density_by_head
                select_s = stats.selecting.ended_seconds
                elapsed = time.perf_counter() - began
                on_chunk(ChunkReport(tokens_done, len(ids), elapsed, density, by_head, select_s))

        inflight = InflightChunks(self.loaded.devices, report)
        tokens = self._on_device(ids)
        probe = HeadProbe(tokens, self.length) if measure_heads else None
        context = ForwardContext(backend, stats, cancelled, probe)
        spans = deque(spans_of(self.loaded, len(ids), config))
        while spans:
            start, end = spans.popleft()
            wanted = end - start if document else int(end == len(ids))
            so_far = stats.mark()
            try:
                logits = self.forward(tokens[start:end], context, logits=wanted)
            except torch.OutOfMemoryError as error:
                spans = deque(self._smaller(start, end, len(ids), error))
            if spans and spans[0][0] == start:  # the error, and with it what it held, is gone
                inflight.wait()
                stats.back_to(so_far)
                self._release()
                continue
            if document is not None:
                assert logits is not None
                document.add(start, logits)
            inflight.add(end, stats.counts())
        inflight.wait()
        assert logits is not None
        counts = stats.counts()
        for device in self.loaded.devices:
            platform_of(device).synchronize(device)
        total_s, select_s = time.perf_counter() - began, stats.selecting.seconds
        return PrefillResult(
            tokens=len(ids),
            last_logits=logits[-1],
            prefill_s=total_s - select_s,
            select_s=select_s,
            density=counts.density,
            density_by_head=counts.density_by_head,
            recall=stats.recall,
            nll=None if document is None else document.mean,
            heads=() if probe is None else probe.figures(),
        )

    def extend(
        self, ids: Sequence[int], *, chunk: int | None = None, cancelled: Cancelled = never
    ) -> Tensor:
        """Append `ids` with dense attention; returns the logits [vocabulary] after the last.

        Raises `ContextOverflow` before anything is computed, and `Stopped` with the cache as it
        was before the call.
        """
        assert len(ids) > 0, "nothing to extend by"
        self._check_room(len(ids))
        before = self.length
        context = ForwardContext(cancelled=cancelled)
        logits: Tensor | None = None
        try:
            tokens = self._on_device(ids)
            for start, end in chunk_spans(0, len(ids), self.loaded.device, chunk):
                logits = self.forward(tokens[start:end], context, logits=int(end == len(ids)))
        except BaseException:
            self.truncate(before)
            raise
        assert logits is not None
        return logits[-1]

    def decode(
        self,
        last_logits: Tensor,
        *,
        stop_ids: Collection[int],
        max_tokens: int,
        cancelled: Cancelled = never,
        choose: Callable[[Tensor], int] = greedy,
    ) -> Generator[int, None, StopReason]:
        """Yield tokens until a stop token, `max_tokens`, a full cache, or cancellation.

        The stop token is neither yielded nor cached.  When the generator has ended by itself,
        every yielded token is in the cache, so that a next question can follow; a consumer that
        leaves earlier truncates the cache.  The generator's return value is the reason why it
        ended.

        Args:
            last_logits: [vocabulary], from `extend` or `prefill`.
            choose: picks the next token from logits [vocabulary]; greedy unless given.
        """
        logits = last_logits
        for _ in range(max_tokens):
            if cancelled():
                return "cancelled"
            token = choose(logits)
            if token in stop_ids:
                return "stop"
            if self.free == 0:
                return "length"
            yield token
            logits = self.step(token)
        return "length"

    def step(self, token: int) -> Tensor:
        """Append one token; the logits [vocabulary] after it, valid until the next call."""
        graph = self.graph
        if graph is not None:
            return graph(token)
        logits = self.forward(self._on_device([token]), ForwardContext(), logits=1)
        assert logits is not None
        return logits[-1]

    @property
    def graph(self) -> GraphStep | None:
        """The captured step, captured when first needed; None where steps go call by call.  The
        cache holds something already."""
        if not self._looked_for_graph:
            self._looked_for_graph = True
            self._graph = captured_step(self.loaded, self.cache)
        return self._graph

    @torch.inference_mode()
    def forward(self, ids: Tensor, context: ForwardContext, *, logits: int) -> Tensor | None:
        """Append `ids` [C] to the cache in one pass; returns the logits [`logits`, vocabulary]
        after the last so many of them, None where none are asked for.

        When anything is raised on the way, also in the middle of the layers, the cache is as it
        was before.
        """
        before = self.length
        module = self.loaded.model if logits else self.loaded.model.base_model
        arguments = {cache_keyword(module): self.cache, "use_cache": True, CONTEXT_KEYWORD: context}
        try:
            if logits == 0:
                module(ids[None], **arguments)
                return None
            output = module(ids[None], logits_to_keep=logits, **arguments)
        except BaseException:
            self.truncate(before)
            raise
        after: Tensor = output.logits[0]
        return after

    def _on_device(self, ids: Sequence[int]) -> Tensor:
        """Token ids where the model takes them, int64 [C].  Waits for the device: copy all at
        once."""
        return torch.tensor(ids, dtype=torch.long, device=self.loaded.device)

    def _check_room(self, tokens: int) -> None:
        if tokens > self.free:
            raise ContextOverflow(
                f"{tokens:,} more tokens do not fit: {self.length:,} of {self.capacity:,} are "
                "used.",
                "Ask a shorter question, start a new conversation, or raise --max-context.",
            )

    def _smaller(
        self, start: int, end: int, total: int, error: torch.OutOfMemoryError
    ) -> list[tuple[int, int]]:
        """What is left of the document in smaller chunks than [start, end), which did not fit.

        Raises `EngineError` where that would be too small to help.
        """
        where = " and ".join(map(str, self.loaded.devices))
        spans = smaller_spans(start, end, total, self.loaded.device)
        if spans is None:
            raise EngineError(
                f"The memory of {where} is used up after {start:,} of {total:,} tokens.",
                "Close what else uses it, read less of the document, or choose a smaller model.",
            ) from error
        half = spans[0][1] - start
        _log.warning("out of memory on %s at token %d: chunks of %d tokens now", where, start, half)
        return spans

    def _release(self) -> None:
        """Give back to the devices what nothing holds any more."""
        gc.collect()
        for device in self.loaded.devices:
            platform_of(device).release(device)
