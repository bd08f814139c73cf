"""A preallocated key/value cache that can be rolled back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin


class KVLayer(CacheLayerMixin):  # type: ignore[no-untyped-call]
    """One layer's keys and values, [1, G, capacity, D] each, allocated where they first appear."""

    is_sliding = False

    def __init__(self, capacity: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.capacity = capacity
        self.length = 0
        self.position: Tensor | None = None  # where `update` writes, if a CUDA graph is to know it

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Allocate for the shape, type and device of the layer's first keys and values."""
        self.keys = _buffer(key_states, self.capacity)
        self.values = _buffer(value_states, self.capacity)
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Append [1, G, C, D]; returns views [1, G, length, D] of all keys and values so far.

        With a `position`, int64 [1] on the device, one token is written there, nothing is
        counted, and the whole buffers are returned.
        """
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        assert self.keys is not None
        assert self.values is not None
        if self.position is not None:
            self.keys.index_copy_(2, self.position, key_states)
            self.values.index_copy_(2, self.position, value_states)
            return self.keys, self.values
        start, end = self.length, self.length + key_states.shape[2]
        assert end <= self.capacity, f"{end} tokens in a cache of {self.capacity}"
        self.keys[:, :, start:end] = key_states
        self.values[:, :, start:end] = value_states
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def get_seq_length(self) -> int:
        return self.length

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.length + query_length, 0

    def get_max_length(self) -> int:
        return self.capacity

    def get_max_cache_shape(self) -> int:
        """`get_max_length` under its older name in transformers 5."""
        return self.capacity

    def reset(self) -> None:
        self.length = 0


class KVCache(Cache):
    """The cache of one conversation: a fixed number of tokens, truncated to roll back.

    It never grows: `capacity` comes from the context budget, and the pipeline refuses what does
    not fit before any layer writes.
    """

    def __init__(self, layers: int, capacity: int) -> None:
        assert layers >= 1
        assert capacity >= 1
        self._kv = [KVLayer(capacity) for _ in range(layers)]
        self.capacity = capacity
        super().__init__(layers=list(self._kv))

    @property
    def length(self) -> int:
        """Tokens that every layer holds."""
        return min(layer.length for layer in self._kv)

    @property
    def free(self) -> int:
        """Tokens that still fit."""
        return self.capacity - self.length

    @property
    def first_buffers(self) -> tuple[Tensor, Tensor]:
        """The first layer's keys and values, [G, capacity, D]; the cache holds something."""
        keys, values = self._kv[0].keys, self._kv[0].values
        assert keys is not None
        assert values is not None
        return keys[0], values[0]

    @property
    def nbytes(self) -> int:
        """Bytes allocated for keys and values, on all devices."""
        return sum(
            tensor.nbytes
            for layer in self._kv
            for tensor in (layer.keys, layer.values)
            if tensor is not None
        )

    @contextmanager
    def writing_at(self, positions: Mapping[torch.device, Tensor]) -> Iterator[None]:
        """Within, a forward pass of one token writes at its device's position, int64 [1].

        Raises nothing of its own; the length stays as it is, see `advance`.
        """
        for layer in self._kv:
            assert layer.keys is not None, "a cache that holds something"
            layer.position = positions[layer.keys.device]
        try:
            yield
        finally:
            for layer in self._kv:
                layer.position = None

    def advance(self) -> None:
        """Count one token that was written at the end."""
        assert self.free >= 1
        for layer in self._kv:
            layer.length += 1

    def truncate(self, length: int) -> None:
        """Forget all tokens from position `length` on, in every layer.

        Also mends a forward pass that stopped between layers, which leaves some one chunk ahead.
        """
        assert 0 <= length <= self.length, f"cannot truncate {self.length} tokens to {length}"
        for layer in self._kv:
            layer.length = length


def _buffer(like: Tensor, capacity: int) -> Tensor:
    batch, groups, _, size = like.shape
    assert batch == 1, "one conversation a cache"
    return torch.empty(1, groups, capacity, size, dtype=like.dtype, device=like.device)
