"""One token through the model as device graphs: one for each stretch of its layers on a device.

A small model's forward pass is some hundred launches, and the host takes longer for them than the
GPU for its work: 22 ms against 8 on an H200 for 8 billion parameters.  A graph is one launch.
"""

from __future__ import annotations

import logging

import torch
from torch import Tensor
from transformers import PretrainedConfig

from ..attention import CONTEXT_KEYWORD, ForwardContext
from ..attention.decode import DecodeBackend
from ..cache import KVCache
from ..kernels.decode_attention import decode_attention_supported
from ..model import LoadedModel
from ..model.keywords import cache_keyword
from ..model.links import carried_by
from ..platform.base import GraphCapture
from ..platform.devices import platform_of

_WARM_UP = 2  # passes before the capture: libraries allocate what they need, kernels are compiled
_WAITING_ROPE = ("dynamic", "longrope")
_log = logging.getLogger(__name__)


class GraphStep:
    """A captured forward pass, replayed for each token.  The cache's buffers are part of it."""

    @torch.inference_mode()
    def __init__(self, loaded: LoadedModel, cache: KVCache, capture: GraphCapture) -> None:
        devices = tuple(dict.fromkeys(loaded.devices))
        first = loaded.device
        self._cache = cache
        self._ids = torch.zeros(1, 1, dtype=torch.long, device=first)
        self._positions = {one: torch.full((1,), cache.length, device=one) for one in devices}
        self._lengths = {one: torch.full((1,), cache.length + 1, device=one) for one in devices}
        backend = DecodeBackend(self._lengths, cache.buffers)
        arguments = {
            cache_keyword(loaded.model): cache,
            "use_cache": True,
            "position_ids": self._positions[first][None],
            "logits_to_keep": 1,
            CONTEXT_KEYWORD: ForwardContext(backend),
        }

        def once() -> Tensor:
            logits: Tensor = loaded.model(self._ids, **arguments).logits
            return logits[0, -1]

        self._graphs = capture.recorder()
        with capture.side_streams(devices), cache.writing_at(self._positions):
            for _ in range(_WARM_UP):
                once()
            with carried_by(loaded.links, self._graphs):
                self._graphs.arrive(first)
                try:
                    self._logits = once()
                finally:
                    self._graphs.close()

    @property
    def devices(self) -> tuple[torch.device, ...]:
        """The device of each graph, in order."""
        return self._graphs.devices

    @torch.inference_mode()
    def __call__(self, token: int) -> Tensor:
        """Append a token to the cache; the logits [vocabulary] after it."""
        self._ids.fill_(token)
        length = self._cache.length
        for position, keys in zip(self._positions.values(), self._lengths.values(), strict=True):
            position.fill_(length)
            keys.fill_(length + 1)
        self._graphs.replay()
        self._cache.advance()
        return self._logits


def captured_step(loaded: LoadedModel, cache: KVCache) -> GraphStep | None:
    """A step for this cache, which holds something already.

    None where there can be none: on a device without graphs, for heads that its attention kernel
    does not compute, where memory runs out, and for models that wait for the device or whose
    capture failed once.
    """
    platform = platform_of(loaded.device)
    if platform.graphs is None or cache.free < 1 or loaded.decode_graphs.failed:
        return None
    supported = all(decode_attention_supported(loaded.dtype, *buffers) for buffers in cache.buffers)
    if not supported or waits_for_positions(loaded.model.config):
        return None
    for last in (False, True):
        try:
            return GraphStep(loaded, cache, platform.graphs)
        except RuntimeError as error:
            # While it captures, PyTorch gives back none of what it keeps: do that, and try again.
            again = _is_of_memory(error) and not last
            if not again:
                _log.warning("answers are written without a device graph: %s", error)
            if not _is_of_memory(error):  # what the model does cannot be captured
                loaded.decode_graphs.failed = True
        for device in loaded.devices:  # the error, and with it what it held, is gone
            platform.release(device)
        if not again:
            break
    return None


def waits_for_positions(config: PretrainedConfig) -> bool:
    """Whether `transformers` reads the largest position in each pass, for rotary embeddings that
    change with it."""
    parameters = getattr(config, "rope_parameters", None) or {}
    each = [parameters, *(part for part in parameters.values() if isinstance(part, dict))]
    return any(part.get("rope_type") in _WAITING_ROPE for part in each)


def _is_of_memory(error: RuntimeError) -> bool:
    """Also where the end of the capture failed after it."""
    return any(isinstance(each, torch.OutOfMemoryError) for each in (error, error.__context__))
