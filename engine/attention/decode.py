"""One token over a cache whose length only the devices know, for device graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..kernels.decode_attention import decode_attention
from .backend import AttentionBackend, Selection


class DecodeBackend(AttentionBackend):
    """Split-KV attention of one row; reads the cache's buffers itself."""

    def __init__(
        self, lengths: Mapping[torch.device, Tensor], buffers: Sequence[tuple[Tensor, ...]]
    ) -> None:
        """
        Args:
            lengths: on each device int64 [1], how many keys there are, the token's own included.
            buffers: of each layer [1, G, capacity, .]: keys, values and, where these are int8,
                their scales.
        """
        self._lengths, self._buffers = lengths, buffers

    def attend(
        self,
        layer: int,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        selection: Selection | None,
        *,
        scale: float,
        window: int | None = None,
        sink_logits: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """See `AttentionBackend.attend`; one row, over the first keys of the buffers."""
        keys, values, *scales = (buffer[0] for buffer in self._buffers[layer])
        out = decode_attention(
            q,
            keys,
            values,
            self._lengths[q.device],
            scale=scale,
            window=window,
            sink_logits=sink_logits,
            kv_scales=scales,
        )
        return out, None
