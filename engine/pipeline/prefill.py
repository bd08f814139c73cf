"""Read the document: chunks through all layers, sparsely where that is cheaper."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from ..attention import Coverage, Run
from ..attention.run import never
from ..attention.stopwatch import wait_for
from ..cache import KVCache
from ..model import LoadedModel
from ..selection import SelectionSettings
from .forward import check_room, chunk_spans, forward
from .likelihood import Likelihood


@dataclass(frozen=True)
class ChunkReport:
    """One chunk more is in the cache.  Figures are over all chunks so far."""

    tokens_done: int
    tokens_total: int
    seconds: float  # since the prefill began
    density: float  # computed pairs / causal pairs
    density_by_head: tuple[tuple[float, ...], ...]  # [layers][H]


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
        chunk: tokens a forward pass; None takes `chunk_spans`' own.
        settings: replaces the default sizes of selection, its alpha included.
        likelihood: also measure how well the model predicts the document, at the price of
            logits for all of its tokens.
    Raises:
        ContextOverflow: before anything is computed.
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
    for start, end in chunk_spans(0, len(ids), loaded.device, chunk):
        wanted = end - start if document else int(end == len(ids))
        logits = forward(loaded, cache, ids[start:end], run, logits=wanted)
        if document is not None:
            assert logits is not None
            document.add(start, logits)
        if on_chunk is not None:
            elapsed = time.perf_counter() - began
            report = ChunkReport(end, len(ids), elapsed, run.density, run.density_by_head)
            on_chunk(report)
    assert logits is not None
    wait_for(logits.device)
    total_s, select_s = time.perf_counter() - began, run.selecting.seconds
    return PrefillResult(
        tokens=len(ids),
        last_logits=logits[-1],
        prefill_s=total_s - select_s,
        select_s=select_s,
        density=run.density,
        density_by_head=run.density_by_head,
        coverage=run.coverage,
        nll=None if document is None else document.mean,
    )
