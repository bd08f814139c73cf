"""One layer of the cache: keys and values as they are, or rounded to 8 bits."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import CacheLayerMixin


class KVLayer(CacheLayerMixin):  # type: ignore[no-untyped-call]
    """One layer's keys and values, allocated on the device on which they first appear.

    `buffers` are [1, G, capacity, D] each; those of this class are keys and values.
    """

    is_sliding = False

    def __init__(self, capacity: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.capacity = capacity
        self.length = 0
        self.position: Tensor | None = None  # on the device, where `update` writes in a CUDA graph
        self.buffers: tuple[Tensor, ...] = ()

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Allocate for the shape, type and device of the layer's first keys and values."""
        assert len(key_states) == 1, "one conversation a cache"
        self.buffers = tuple(
            torch.empty(1, new.shape[1], self.capacity, new.shape[3], dtype=new.dtype,
                        device=new.device)
            for new in self._stored(key_states, value_states)
        )  # fmt: skip
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Append [1, G, C, D]; returns all keys and values so far, [1, G, length, D].

        With a `position`, int64 [1] on the device, one token is written there, nothing is
        counted, and the buffers of keys and values are returned whole.
        """
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        new_states = self._stored(key_states, value_states)
        if self.position is not None:
            for buffer, new in zip(self.buffers, new_states, strict=True):
                buffer.index_copy_(2, self.position, new)
            return self.buffers[0], self.buffers[1]
        start, end = self.length, self.length + key_states.shape[2]
        assert end <= self.capacity, f"{end} tokens in a cache of {self.capacity}"
        for buffer, new in zip(self.buffers, new_states, strict=True):
            buffer[:, :, start:end] = new
        self.length = end
        return self._read(key_states.dtype)

    def _stored(self, key_states: Tensor, value_states: Tensor) -> tuple[Tensor, ...]:
        """What is written into the buffers for these states; keys and values come first."""
        return key_states, value_states

    def _read(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """All keys and values in the type in which the model computes; here views."""
        keys, values = self.buffers
        return keys[:, :, : self.length], values[:, :, : self.length]

    @property
    def nbytes(self) -> int:
        """Bytes allocated."""
        return sum(buffer.nbytes for buffer in self.buffers)

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


class Int8Layer(KVLayer):  # type: ignore[no-untyped-call]
    """Keys and values in 8 bits, half of what bfloat16 takes.

    The largest of a token's D numbers in a head becomes 127, by a scale of its own in float32;
    buffers of scales follow those of keys and values.  Reading converts to the model's type.
    """

    def _stored(self, key_states: Tensor, value_states: Tensor) -> tuple[Tensor, ...]:
        keys, key_scales = _rounded(key_states)
        values, value_scales = _rounded(value_states)
        return keys, values, key_scales, value_scales

    def _read(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        keys, values, key_scales, value_scales = (
            buffer[:, :, : self.length] for buffer in self.buffers
        )
        return _scaled(keys, key_scales, dtype), _scaled(values, value_scales, dtype)


def _rounded(states: Tensor) -> tuple[Tensor, Tensor]:
    """States [1, G, C, D] as int8, and the scale of each row, float32 [1, G, C, 1]."""
    scales = states.abs().amax(dim=-1, keepdim=True).float() / 127.0
    rounded = (states.float() / scales.clamp(min=1e-12)).round_()
    return rounded.to(torch.int8), scales


def _scaled(rounded: Tensor, scales: Tensor, dtype: torch.dtype) -> Tensor:
    out = torch.empty(rounded.shape, dtype=dtype, device=rounded.device)
    return torch.mul(rounded, scales, out=out)
