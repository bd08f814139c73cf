"""A preallocated key/value cache that can be rolled back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor
from transformers.cache_utils import Cache

from .layers import Int8Layer, KVLayer


class KVCache(Cache):
    """The cache of one conversation: a fixed number of tokens, truncated to roll back.

    It never grows: `capacity` comes from the context budget, and what does not fit is refused
    before any layer writes.
    """

    def __init__(self, layers: int, capacity: int, dtype: str = "auto") -> None:
        """Allocates nothing yet.

        Args:
            layers: of the model.
            capacity: tokens.
            dtype: "auto", the model's own, or "int8".
        """
        assert layers >= 1
        assert capacity >= 1
        kind = Int8Layer if dtype == "int8" else KVLayer
        self._kv = [kind(capacity) for _ in range(layers)]
        self.capacity = capacity
        super().__init__(layers=list(self._kv))

    @property
    def length(self) -> int:
        """How many tokens every layer holds."""
        return min(layer.length for layer in self._kv)

    @property
    def free(self) -> int:
        """How many more tokens fit."""
        return self.capacity - self.length

    @property
    def buffers(self) -> list[tuple[Tensor, ...]]:
        """The buffers of each layer, see `KVLayer`; once something was written."""
        assert all(layer.is_initialized for layer in self._kv)
        return [layer.buffers for layer in self._kv]

    @property
    def nbytes(self) -> int:
        """Bytes allocated for keys and values, on all devices."""
        return sum(layer.nbytes for layer in self._kv)

    def nbytes_on(self, device: torch.device) -> int:
        """Bytes allocated for keys and values on `device`."""
        return sum(
            layer.nbytes
            for layer in self._kv
            if layer.buffers and layer.buffers[0].device == device
        )

    @contextmanager
    def writing_at(self, positions: Mapping[torch.device, Tensor]) -> Iterator[None]:
        """A context in which a forward pass of one token writes at a position, int64 [1] by device.

        The length stays as it is, see `advance`.
        """
        for layer in self._kv:
            layer.position = positions[layer.buffers[0].device]
        try:
            yield
        finally:
            for layer in self._kv:
                layer.position = None

    def advance(self) -> None:
        """Count one token, which was written at the end."""
        assert self.free >= 1
        for layer in self._kv:
            layer.length += 1

    def truncate(self, length: int) -> None:
        """Forget all tokens from position `length` on, in every layer.

        Also repairs the cache after a forward pass that stopped between layers, which leaves some
        of them one chunk ahead.
        """
        assert 0 <= length <= self.length, f"cannot truncate {self.length} tokens to {length}"
        for layer in self._kv:
            layer.length = length
