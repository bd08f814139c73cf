"""Attention of one new token over the cache, in splits of the keys: Triton kernels.

How many keys there are is read on the device, so that a CUDA graph serves a growing cache.  A
program has all query heads of a kv head, so that keys and values are read once; as many splits as
the GPU's processors need to be busy are merged by log-sum-exp.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .launch import HAS_TRITON, LOG2_E, device_of, on_tensor_cores, padded

if HAS_TRITON:
    import triton
    import triton.language as tl

_PROGRAMS = 512  # about: a few for each processor of a large GPU
_KEYS = 64  # of a step
_MERGED = 32  # splits at once
_ROWS = 16  # query heads of a program at least, as tensor cores multiply them


def step_on_cuda(q: Tensor, v: Tensor) -> bool:
    """Whether `attend_step` can compute queries and values like these on their GPU."""
    return on_tensor_cores(q) and v.dtype == q.dtype and v.shape[-1] == q.shape[-1]


def attend_step(q: Tensor, k: Tensor, v: Tensor, length: Tensor, *, scale: float) -> Tensor:
    """Softmax attention of one query over the first `length` keys.

    Query head h reads key/value head h // (H / G).

    Args:
        q: [H, 1, D]; k, v: [G, capacity, D], any strides with a contiguous last dimension.
        length: int64 [1] on their device, at least 1.
        scale: factor on q @ k.T before the softmax.
    Returns:
        [H, 1, D] in the type of `q`.
    """
    heads, _, size = q.shape
    groups, capacity, _ = k.shape
    shared = heads // groups
    splits = max(1, min(_PROGRAMS // groups, -(-capacity // _KEYS)))
    parts = torch.empty(splits, heads, size, dtype=torch.float32, device=q.device)
    lse = torch.empty(splits, heads, dtype=torch.float32, device=q.device)
    out = torch.empty(heads, 1, size, dtype=q.dtype, device=q.device)
    q = q.reshape(heads, size)
    width = padded(size)
    with device_of(q):
        _split[(splits, groups)](
            q,
            k,
            v,
            parts,
            lse,
            length,
            k.stride(0),
            k.stride(1),
            v.stride(0),
            v.stride(1),
            heads,
            shared,
            scale * LOG2_E,
            SIZE=size,
            ROWS=max(_ROWS, 1 << (shared - 1).bit_length()),
            KEYS=_KEYS if width <= 128 else _KEYS // 2,
            BLOCK_D=width,
            num_warps=4,
            num_stages=3 if width <= 128 else 2,
        )
        _merged[(heads,)](
            parts,
            lse,
            out,
            splits,
            heads,
            SIZE=size,
            SPLITS=1 << (splits - 1).bit_length(),
            TOGETHER=_MERGED,
            BLOCK_D=width,
            num_warps=4,
        )
    return out


if HAS_TRITON:

    @triton.jit(do_not_specialize=["heads"])  # type: ignore[untyped-decorator]
    def _split(  # type: ignore[no-untyped-def]
        q,
        k,
        v,
        parts,
        lse,
        length,
        k_head,
        k_row,
        v_head,
        v_row,
        heads,
        shared,
        factor,  # scale * log2(e), for exp2
        SIZE: tl.constexpr,
        ROWS: tl.constexpr,
        KEYS: tl.constexpr,
        BLOCK_D: tl.constexpr,
    ):
        """One span of the keys of one kv head."""
        split, group = tl.program_id(0), tl.program_id(1).to(tl.int64)
        keys = tl.load(length).to(tl.int32)
        steps = tl.cdiv(keys, KEYS)
        span = tl.cdiv(steps, tl.num_programs(0)) * KEYS
        first = split * span
        stop = tl.minimum(first + span, keys)
        row = tl.arange(0, ROWS)
        head = group * shared + row
        dims = tl.arange(0, BLOCK_D)
        real = dims < SIZE
        mine = row < shared
        queries = tl.load(
            q + head[:, None] * SIZE + dims[None, :], mask=mine[:, None] & real[None, :], other=0.0
        )
        k += group * k_head
        v += group * v_head
        top = tl.full([ROWS], float("-inf"), tl.float32)
        total = tl.zeros([ROWS], tl.float32)
        sums = tl.zeros([ROWS, BLOCK_D], tl.float32)
        for start in tl.range(first, stop, KEYS):
            at = start + tl.arange(0, KEYS)
            seen = at < stop
            here = at.to(tl.int64)[:, None]
            inside = seen[:, None] & real[None, :]
            some = tl.load(k + here * k_row + dims[None, :], mask=inside, other=0.0)
            scores = tl.dot(queries, some.T) * factor
            scores = tl.where(seen[None, :], scores, float("-inf"))
            higher = tl.maximum(top, tl.max(scores, 1))
            weights = tl.exp2(scores - higher[:, None])
            shrunk = tl.exp2(top - higher)
            total = total * shrunk + tl.sum(weights, 1)
            some = tl.load(v + here * v_row + dims[None, :], mask=inside, other=0.0)
            sums = sums * shrunk[:, None] + tl.dot(weights.to(some.dtype), some)
            top = higher
        norm = tl.where(total > 0.0, total, 1.0)
        to = split * heads + head
        tl.store(lse + to, top + tl.log2(norm), mask=mine)
        tl.store(
            parts + to[:, None] * SIZE + dims[None, :],
            sums / norm[:, None],
            mask=mine[:, None] & real[None, :],
        )

    @triton.jit(do_not_specialize=["splits", "heads"])  # type: ignore[untyped-decorator]
    def _merged(  # type: ignore[no-untyped-def]
        parts,
        lse,
        out,
        splits,
        heads,
        SIZE: tl.constexpr,
        SPLITS: tl.constexpr,
        TOGETHER: tl.constexpr,
        BLOCK_D: tl.constexpr,
    ):
        """All spans of one query head; of one without keys the log-sum-exp is -inf."""
        head = tl.program_id(0).to(tl.int64)
        split = tl.arange(0, SPLITS)
        dims = tl.arange(0, BLOCK_D)
        there = split < splits
        each = tl.load(lse + split * heads + head, mask=there, other=float("-inf"))
        top = tl.max(each, 0)
        total = tl.sum(tl.exp2(each - top), 0)
        result = tl.zeros([BLOCK_D], tl.float32)
        for start in range(0, splits, TOGETHER):
            some = start + tl.arange(0, TOGETHER)
            real = some < splits
            norm = tl.load(lse + some * heads + head, mask=real, other=float("-inf"))
            at = (some * heads + head)[:, None] * SIZE + dims[None, :]
            inside = real[:, None] & (dims < SIZE)[None, :]
            values = tl.load(parts + at, mask=inside, other=0.0)
            result += tl.sum(values * tl.exp2(norm - top)[:, None], 0)
        result /= total
        tl.store(out + head * SIZE + dims, result.to(out.dtype.element_ty), mask=dims < SIZE)
