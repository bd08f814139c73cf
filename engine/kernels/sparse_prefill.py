"""Attention by a plan in one launch: a Triton kernel for NVIDIA GPUs.

A row block streams the gathered columns of its query block, then its key blocks, then its local
window up to the causal diagonal, with one running softmax over all.  Keys and values come by
tensor descriptors, which on Hopper and newer are copied by the hardware (TMA); elsewhere Triton
makes plain loads of them.  Measured on an H100 at 32/8 heads x 128: 525 to 580 TFLOP/s on computed
pairs, against 300 where every row block gathers its columns itself; docs/log.md has the versions
tried.  Its twin is in `sparse_prefill_torch`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .block_lists import BlockLists
from .gather import gather
from .launch import (
    HAS_TRITON,
    LOG2_E,
    descriptor,
    device_of,
    has_large_shared_memory,
    padded_head_dim,
    tensor_cores_supported,
)
from .tail import TailKeys

if HAS_TRITON:
    from .sparse_prefill_kernel import _sparse_prefill_kernel

SMALLEST_BLOCK = 16  # rows; what tensor cores multiply at least: query blocks are multiples of it
LARGEST_BLOCK = 128


def sparse_prefill_supported(q: Tensor, v: Tensor, block: int = LARGEST_BLOCK) -> bool:
    """Whether `sparse_prefill` can compute these queries and values on their GPU, with key blocks
    of this size."""
    fits = v.dtype == q.dtype and v.shape[-1] == q.shape[-1] and block % LARGEST_BLOCK == 0
    return fits and tensor_cores_supported(q)


def sparse_prefill(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    columns: Tensor,
    num_columns: Tensor,
    local_starts: Tensor,
    blocks: BlockLists | None = None,
    order: Tensor | None = None,
    tail: TailKeys | None = None,
    *,
    query_block: int,
    scale: float,
) -> tuple[Tensor, Tensor]:
    """Attention in which a row sees its query block's columns, its key blocks and local window,
    and a summary of what these leave out.

    Query head h reads key/value head h // (H / G).  Row r lies in query block t = r //
    `query_block`; at position i it sees the keys `columns[h, :num_columns[h, t]]`, all before the
    local window, those of its row block's key blocks that are not excluded, and
    [local_starts[h, t], i].

    Args:
        q: [H, C, D] at positions [N - C, N); k, v: [G, N, D].  Any strides with a contiguous
            last dimension, D <= 256 a multiple of 8.
        columns: int32 [H, M], sorted positions with any valid padding; M may be 0.
        num_columns, local_starts: int32 [H, T].  A dense head has 0 in both.
        blocks: the key blocks of every row block; their size is a multiple of 64 that divides
            `query_block`.
        order: int64 [H], the heads in the order in which they are begun, best those with most
            pairs first; None is by their numbers.
        tail: one key and value for what is left of each span of keys; a row sees those of the
            spans before its local window.  A dense head sees none.
        query_block: rows of a query block, a multiple of 16.
        scale: factor on q @ k.T before the softmax.
    Returns:
        out [H, C, D] in the type of `q`, and lse [H, C] float32 over the keys that a row sees,
        those of the tail not among them.
    """
    heads, rows, head_dim = q.shape
    num_kv_heads, keys, _ = k.shape
    assert heads % num_kv_heads == 0, f"{heads} query heads over {num_kv_heads} kv heads"
    assert query_block % SMALLEST_BLOCK == 0, f"query blocks of {query_block} rows"
    assert keys >= rows, f"{rows} queries over {keys} keys"
    assert num_columns.shape == local_starts.shape == (heads, -(-rows // query_block))
    assert q.stride(-1) == k.stride(-1) == v.stride(-1) == 1
    num_columns = num_columns.contiguous()
    gathered = gather(k, v, columns, num_columns)
    width = padded_head_dim(head_dim)
    sizes = _block_sizes(width, q)
    # The largest power of two that divides the query block, within the limits.
    block_m = min(query_block & -query_block, sizes.rows)
    lists, lengths = (num_columns,) * 4, (0, 0, 0)  # not read
    if blocks is not None:
        block_m = min(block_m, blocks.size)
        assert query_block % blocks.size == 0 == blocks.size % sizes.keys
        lists = blocks.numbers, blocks.whole, blocks.counts, blocks.excluded
        lengths = *blocks.numbers.shape[1:], blocks.excluded.shape[1]
    spans, span = 0, 0
    # What is not there is not read, but a descriptor needs a tensor.
    tail_keys, tail_values, tail_weights = gathered.keys, gathered.values, lists[0]
    if tail is not None and tail.keys.shape[1]:
        tail_keys, tail_values, tail_weights = tail.keys, tail.values, tail.log_weights
        spans, span = tail.keys.shape[1], tail.span
    # Row by row in memory, as the next layer of the model reads it.
    out = torch.empty(rows, heads, head_dim, dtype=q.dtype, device=q.device).transpose(0, 1)
    lse = torch.empty(heads, rows, dtype=torch.float32, device=q.device)
    with device_of(q):
        _sparse_prefill_kernel[(-(-rows // block_m), heads)](
            q,
            descriptor(k, sizes.keys),
            descriptor(v, sizes.keys),
            descriptor(gathered.keys, sizes.keys),
            descriptor(gathered.values, sizes.keys),
            descriptor(tail_keys, sizes.keys),
            descriptor(tail_values, sizes.keys),
            tail_weights,
            out,
            lse,
            num_columns,
            local_starts,
            num_columns if order is None else order,
            *lists,
            q.stride(0),
            q.stride(1),
            out.stride(0),
            out.stride(1),
            num_columns.shape[1],
            local_starts.stride(0),
            rows,
            keys - rows,
            heads // num_kv_heads,
            *lengths,
            spans,
            scale * LOG2_E,
            LOG2_E,
            QUERY_BLOCK=query_block,
            HEAD_DIM=head_dim,
            BLOCK_M=block_m,
            BLOCK_N=sizes.keys,
            BLOCK_D=width,
            ORDERED=order is not None,
            KEY_BLOCK=0 if blocks is None else blocks.size,
            SPAN=span,
            STAGES=sizes.stages,
            LN_2=math.log(2.0),
            num_warps=sizes.warps,
        )
    return out, lse


@dataclass(frozen=True)
class _BlockSizes:
    """Rows and keys of a block, and how many loads are pipelined."""

    rows: int
    keys: int
    stages: int
    warps: int


def _block_sizes(width: int, q: Tensor) -> _BlockSizes:
    """What fits into the shared memory of q's device: 100 KB, or 227."""
    if has_large_shared_memory(q):
        return _BlockSizes(128, 128, 3, 8) if width <= 128 else _BlockSizes(128, 64, 2, 8)
    if width <= 64:
        return _BlockSizes(128, 64, 3, 4)
    return _BlockSizes(128, 64, 2, 8) if width <= 128 else _BlockSizes(64, 32, 2, 8)
