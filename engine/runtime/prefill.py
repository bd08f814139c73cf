"""Read the document: chunks through all layers, sparsely where that is cheaper."""

from __future__ import annotations

import gc
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sa_chat.protocol.errors import EngineError

from ..attention import Coverage, Run
from ..attention.context import Counted, never
from ..cache import KVCache
from ..model import LoadedModel
from ..platform.stopwatch import wait_for
from ..sparsity import SelectionSettings
from .chunks import chunk_spans, even_keys, pipelined_spans
from .document_nll import Likelihood
from .forward import check_room, forward, on_device
from .inflight import Ahead

_SMALLEST_CHUNK = 512  # tokens; one that does not fit is halved down to this
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ChunkReport:
    """One chunk more is in the cache.  Figures are over all chunks so far."""

    tokens_done: int
    tokens_total: int
    seconds: float  # since the prefill began
    density: float  # computed pairs / causal pairs
    density_by_head: tuple[tuple[float, ...], ...]  # [layers][H]
    select_s: float = 0.0  # of `seconds`; on a GPU with what the next chunk had of it by then


@dataclass(frozen=True)
class PrefillResult:
    """The document is in the cache."""

    tokens: int
    last_logits: Tensor  # [vocabulary], after the last token
    prefill_s: float  # without `select_s`
    select_s: float  # sampling and choosing columns
    density: float
    density_by_head: tuple[tuple[float, ...], ...]  # [layers][H]
    coverage: Coverage  # of held-out rows; all 1.0 in dense mode
    nll: float | None = None  # of the document, nats a token; None unless asked for


def prefill(
    loaded: LoadedModel,
    cache: KVCache,
    ids: Sequence[int],
    *,
    mode: str,
    alpha: float,
    chunk: int | None = None,
    on_chunk: Callable[[ChunkReport], None] | None = None,
    cancelled: Callable[[], bool] = never,
    settings: SelectionSettings | None = None,
    likelihood: bool = False,
) -> PrefillResult:
    """Append the document's `ids` to the cache.

    Args:
        mode: "sparse" or "dense"; sparse at alpha >= 1 is dense.
        chunk: tokens a forward pass; None takes `chunks`' own.
        settings: replaces the default sizes of selection, its alpha included.
        likelihood: also measure how well the model predicts the document, at the price of
            logits for all of its tokens.
    Raises:
        ContextOverflow: before anything is computed.
        EngineError: memory ran out, even with the smallest chunks.
        Stopped: the cache then holds all chunks that were complete, and no part of another.
    """
    assert mode in ("sparse", "dense")
    assert len(ids) > 0, "nothing to prefill"
    check_room(cache, len(ids))
    if mode == "sparse" and settings is None:
        settings = SelectionSettings(alpha=alpha)
    run = Run(selection=settings if mode == "sparse" else None, cancelled=cancelled)
    began = time.perf_counter()
    logits: Tensor | None = None
    document = Likelihood(ids) if likelihood else None

    def tell(tokens_done: int, counted: Counted) -> None:
        if on_chunk is not None:
            density, by_head = counted.density, counted.density_by_head
            select_s = run.selecting.ended_seconds
            elapsed = time.perf_counter() - began
            on_chunk(ChunkReport(tokens_done, len(ids), elapsed, density, by_head, select_s))

    ahead = Ahead(loaded.devices, tell)
    tokens = on_device(ids, loaded)
    if chunk is None and len(loaded.devices) == 2:
        whole = settings is None or (settings.density is None and settings.alpha >= 1)
        spans = deque(pipelined_spans(len(ids), even_keys(loaded, dense=whole)))
    else:
        spans = deque(chunk_spans(0, len(ids), loaded.device, chunk))
    while spans:
        start, end = spans.popleft()
        wanted = end - start if document else int(end == len(ids))
        so_far = run.mark()
        try:
            logits = forward(loaded, cache, tokens[start:end], run, logits=wanted)
        except torch.OutOfMemoryError as error:
            spans = deque(_smaller(start, end, len(ids), loaded, error))
        if spans and spans[0][0] == start:  # the error, and with it what it held, is gone
            ahead.wait()
            run.back_to(so_far)
            _release(loaded.devices)
            continue
        if document is not None:
            assert logits is not None
            document.add(start, logits)
        ahead.add(end, run.count())
    ahead.wait()
    assert logits is not None
    counted = run.count()
    for device in loaded.devices:
        wait_for(device)
    total_s, select_s = time.perf_counter() - began, run.selecting.seconds
    return PrefillResult(
        tokens=len(ids),
        last_logits=logits[-1],
        prefill_s=total_s - select_s,
        select_s=select_s,
        density=counted.density,
        density_by_head=counted.density_by_head,
        coverage=run.coverage,
        nll=None if document is None else document.mean,
    )


def _smaller(
    start: int, end: int, total: int, loaded: LoadedModel, error: torch.OutOfMemoryError
) -> list[tuple[int, int]]:
    """What is left of the document in chunks of half the size of [start, end), which did not fit.

    Raises `EngineError` where that would be too small to help.
    """
    half = max((end - start) // 2, _SMALLEST_CHUNK)
    where = " and ".join(map(str, loaded.devices))
    if half >= end - start:
        raise EngineError(
            f"The memory of {where} is used up after {start:,} of {total:,} tokens.",
            "Close what else uses it, read less of the document, or choose a smaller model.",
        ) from error
    _log.warning("out of memory on %s at token %d: chunks of %d tokens now", where, start, half)
    return chunk_spans(start, total, loaded.device, half)


def _release(devices: Sequence[torch.device]) -> None:
    """Give back to the GPUs what nothing holds any more."""
    gc.collect()
    for device in devices:
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.empty_cache()
