"""Attention on CPU through PyTorch's tiled operator, the only one there that returns the LSE.

Measured on two cores with AVX512-BF16 at D = 64: 95-165 GFLOP/s in float32 and bfloat16 alike,
against about 40 for the same work as separate matmul, exp and matmul.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .merge_attention_states import merge_attention_states


def attend_cpu(
    q: Tensor, k: Tensor, v: Tensor, *, causal: bool, scale: float
) -> tuple[Tensor, Tensor]:
    """`attend` for CPU tensors; shapes and meaning as there.

    The operator's own `is_causal` is aligned to the top left, so a causal rectangle is split
    into the keys before the first query (no mask) and the square that remains.
    """
    rows, keys = q.shape[1], k.shape[1]
    if rows == 1 or not causal:
        return _tiled(q, k, v, causal=False, scale=scale)
    before = keys - rows
    square = _tiled(q, k[:, before:], v[:, before:], causal=True, scale=scale)
    if before == 0:
        return square
    return merge_attention_states(
        *_tiled(q, k[:, :before], v[:, :before], causal=False, scale=scale), *square
    )


def _tiled(q: Tensor, k: Tensor, v: Tensor, *, causal: bool, scale: float) -> tuple[Tensor, Tensor]:
    heads, rows, head_dim = q.shape
    num_kv_heads, keys, _ = k.shape
    group_size = heads // num_kv_heads
    # Grouped heads become the batch: [G, H/G, C, D] against one kv head of stride 0, uncopied.
    q = q.reshape(num_kv_heads, group_size, rows, head_dim)
    if rows == 1:  # all heads of a group are rows over the same keys: K is read once
        q = q.transpose(1, 2)
        group_size, rows = 1, group_size
    out, lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        q,
        k.unsqueeze(1).expand(num_kv_heads, group_size, keys, head_dim),
        v.unsqueeze(1).expand(num_kv_heads, group_size, keys, head_dim),
        0.0,
        causal,
        scale=scale,
    )
    return out.reshape(heads, -1, head_dim), lse.reshape(heads, -1)
