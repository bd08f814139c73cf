"""Questions and answers: dense attention over everything in the cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from ..attention import Run
from ..attention.context import never
from ..cache import KVCache
from ..model import LoadedModel
from .chunks import chunk_spans
from .forward import check_room, forward, on_device


def extend(
    loaded: LoadedModel,
    cache: KVCache,
    ids: Sequence[int],
    *,
    chunk: int | None = None,
    cancelled: Callable[[], bool] = never,
) -> Tensor:
    """Append `ids` with dense attention; returns the logits [vocabulary] after the last.

    Raises `ContextOverflow` before anything is computed, and `Stopped` with the cache as it
    was before the call.
    """
    assert len(ids) > 0, "nothing to extend by"
    check_room(cache, len(ids))
    before = cache.length
    run = Run(cancelled=cancelled)
    logits: Tensor | None = None
    try:
        tokens = on_device(ids, loaded)
        for start, end in chunk_spans(0, len(ids), loaded.device, chunk):
            logits = forward(loaded, cache, tokens[start:end], run, logits=int(end == len(ids)))
    except BaseException:
        cache.truncate(before)
        raise
    assert logits is not None
    return logits[-1]
