"""One token through the model: as a CUDA graph where that can be, else call by call.

A small model's forward pass is some hundred launches, and the host takes longer for them than the
GPU for its work: 22 ms against 8 on an H200 for 8 billion parameters.  A graph is one launch.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from weakref import WeakKeyDictionary, WeakSet

import torch
from torch import Tensor
from transformers import PretrainedConfig, PreTrainedModel

from ..attention import RUN_KEYWORD, Run, StepRun
from ..cache import KVCache
from ..kernels.step import step_on_cuda
from ..model import LoadedModel
from ..model.keywords import cache_keyword
from ..pipeline import forward, on_device

Step = Callable[[KVCache, int], Tensor]
"""Appends a token to the cache; returns the logits [vocabulary] behind it, which are valid until
the next call."""

_WARM_UP = 2  # passes before the capture: libraries allocate what they need, kernels are compiled
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
    """None where there can be none: without a GPU or over two, for heads that its attention
    kernel does not compute, and for models that wait for the GPU or whose capture failed once."""
    keys, values = cache.first_buffers
    if len(loaded.devices) > 1 or cache.free < 1 or not step_on_cuda(keys, values):
        return None
    if loaded.model in _uncapturable or _waits(loaded.model.config):
        return None
    try:
        return _Graph(loaded, cache)
    except RuntimeError as error:  # what a model does cannot be captured, or memory ran out
        _log.warning("answers are written without a CUDA graph: %s", error)
        _uncapturable.add(loaded.model)
        torch.cuda.empty_cache()
        return None


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


class _Graph:
    """A captured forward pass, replayed for each token."""

    @torch.inference_mode()
    def __init__(self, loaded: LoadedModel, cache: KVCache) -> None:
        self._device = device = loaded.device
        self._ids = torch.zeros(1, 1, dtype=torch.long, device=device)
        self._position = torch.full((1,), cache.length, device=device)
        self._length = torch.full((1,), cache.length + 1, device=device)
        self._graph = torch.cuda.CUDAGraph()
        arguments = {
            cache_keyword(loaded.model): cache,
            "use_cache": True,
            "position_ids": self._position[None],
            "logits_to_keep": 1,
            RUN_KEYWORD: StepRun(length=self._length),
        }

        def once() -> Tensor:
            logits: Tensor = loaded.model(self._ids, **arguments).logits
            return logits[0, -1]

        with torch.cuda.device(device), cache.writing_at({device: self._position}):
            aside = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
            aside.wait_stream(torch.cuda.current_stream(device))
            with torch.cuda.stream(aside):
                for _ in range(_WARM_UP):
                    once()
            torch.cuda.current_stream(device).wait_stream(aside)
            # On a stream of this device: PyTorch's own for captures is of the first that had one.
            with torch.cuda.graph(self._graph, stream=aside):
                self._logits = once()

    @torch.inference_mode()
    def __call__(self, cache: KVCache, token: int) -> Tensor:
        self._ids.fill_(token)
        self._position.fill_(cache.length)
        self._length.fill_(cache.length + 1)
        with torch.cuda.device(self._device):
            self._graph.replay()
        cache.advance()
        return self._logits
