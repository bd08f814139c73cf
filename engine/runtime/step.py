"""One token through the model: as CUDA graphs where that can be, else call by call."""

from __future__ import annotations

import logging
from collections.abc import Callable
from weakref import WeakKeyDictionary, WeakSet

import torch
from torch import Tensor
from transformers import PretrainedConfig, PreTrainedModel

from ..attention import Run
from ..cache import KVCache
from ..kernels.decode_attention import decode_attention_supported
from ..model import LoadedModel
from .forward import forward, on_device
from .graphs import GraphStep

Step = Callable[[KVCache, int], Tensor]
"""Appends a token to the cache; returns the logits [vocabulary] behind it, which are valid until
the next call."""

_WAITING_ROPE = ("dynamic", "longrope")
_log = logging.getLogger(__name__)
_captured: WeakKeyDictionary[KVCache, Step] = WeakKeyDictionary()  # a graph holds the addresses
_uncapturable: WeakSet[PreTrainedModel] = WeakSet()


def step_for(loaded: LoadedModel, cache: KVCache) -> Step:
    """The fastest step for the model and this cache, which holds something already."""
    step = _captured.get(cache)
    if step is None:
        step = _captured[cache] = _graph(loaded, cache) or _Eager(loaded)
    return step


def _graph(loaded: LoadedModel, cache: KVCache) -> Step | None:
    """None where there can be none: without a GPU, for heads that its attention kernel does not
    compute, where memory runs out, and for models that wait for the GPU or whose capture failed
    once."""
    if cache.free < 1 or not all(
        decode_attention_supported(loaded.dtype, *buffers) for buffers in cache.buffers
    ):
        return None
    if loaded.model in _uncapturable or _waits(loaded.model.config):
        return None
    for last in (False, True):
        try:
            return GraphStep(loaded, cache)
        except RuntimeError as error:
            # While it captures, PyTorch gives back none of what it keeps: do that, and try again.
            again = _is_of_memory(error) and not last
            if not again:
                _log.warning("answers are written without a CUDA graph: %s", error)
            if not _is_of_memory(error):  # what the model does cannot be captured
                _uncapturable.add(loaded.model)
        torch.cuda.empty_cache()  # the error, and with it what it held, is gone
        if not again:
            break
    return None


def _is_of_memory(error: RuntimeError) -> bool:
    """Also where the end of the capture failed after it."""
    return any(isinstance(each, torch.OutOfMemoryError) for each in (error, error.__context__))


def _waits(config: PretrainedConfig) -> bool:
    """Whether `transformers` reads the largest position in each pass, for rotary embeddings that
    change with it."""
    told = getattr(config, "rope_parameters", None) or {}
    each = [told, *(part for part in told.values() if isinstance(part, dict))]
    return any(part.get("rope_type") in _WAITING_ROPE for part in each)


class _Eager:
    """Call by call."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded, self._run = loaded, Run()

    def __call__(self, cache: KVCache, token: int) -> Tensor:
        ids = on_device([token], self._loaded)
        logits = forward(self._loaded, cache, ids, self._run, logits=1)
        assert logits is not None
        return logits[-1]
