"""Attention of one new token over the cache, in splits of the keys: Triton kernels.

How many keys there are is read on the device, so that a CUDA graph serves a growing cache.  A
program has all query heads of a kv head, so that keys and values are read once; as many splits as
the GPU's processors need to be busy are merged by log-sum-exp.
"""

from __future__ import annotations

from collections.abc import Sequence

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


def decode_attention_supported(
    dtype: torch.dtype, keys: Tensor, values: Tensor, *scales: Tensor
) -> bool:
    """Whether `decode_attention` can compute queries of a number format over keys and values like
    these on their GPU."""
    kept = torch.int8 if scales else dtype
    return (
        on_tensor_cores(keys[..., :1, :].to(dtype))
        and keys.dtype == values.dtype == kept
        and keys.shape[-1] == values.shape[-1]
    )


def decode_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    length: Tensor,
    *,
    scale: float,
    window: int | None = None,
    sink_logits: Tensor | None = None,
    kv_scales: Sequence[Tensor] = (),
) -> Tensor:
    """Softmax attention of one query over the first `length` keys, or the last few of them.

    Query head h reads key/value head h // (H / G).

    Args:
        q: [H, 1, D]; k, v: [G, capacity, D], any strides with a contiguous last dimension.
        length: int64 [1] on their device, at least 1.
        scale: factor on q @ k.T before the softmax.
        window: how many of the keys are seen, the last ones; None is all.
        sinks: [H], any float type, logits of the denominator that are not scaled.
        kv_scales: of the rows of `k` and of `v` where these are int8, float32 [G, capacity, 1].
    Returns:
        [H, 1, D] in the type of `q`.
    """
    heads, _, size = q.shape
    groups, capacity, _ = k.shape
    shared = heads // groups
    most = capacity if window is None else min(window, capacity)
    splits = max(1, min(_PROGRAMS // groups, -(-most // _KEYS)))
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
            *(kv_scales or (lse, lse)),
            kv_scales[0].stride(0) if kv_scales else 0,
            INT8=bool(kv_scales),
            WINDOW=window or 0,
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
            lse if sink_logits is None else sink_logits,
            splits,
            heads,
            SINK_LOGITS=sink_logits is not None,
            LOG2_E=LOG2_E,
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
        k_scales,
        v_scales,
        scales_head,
        INT8: tl.constexpr,
        WINDOW: tl.constexpr,  # keys; 0 is none
        SIZE: tl.constexpr,
        ROWS: tl.constexpr,
        KEYS: tl.constexpr,
        BLOCK_D: tl.constexpr,
    ):
        """One span of the keys of one kv head."""
        split, group = tl.program_id(0), tl.program_id(1).to(tl.int64)
        keys = tl.load(length).to(tl.int32)
        begin = tl.maximum(keys - WINDOW, 0) if WINDOW else 0
        steps = tl.cdiv(keys - begin, KEYS)
        span = tl.cdiv(steps, tl.num_programs(0)) * KEYS
        first = begin + split * span
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
            some = tl.load(k + here * k_row + dims[None, :], mask=inside, other=0)
            scores = tl.dot(queries, some.to(queries.dtype).T) * factor
            if INT8:
                grains = k_scales + group * scales_head + at
                scores *= tl.load(grains, mask=seen, other=0.0)[None, :]
            scores = tl.where(seen[None, :], scores, float("-inf"))
            higher = tl.maximum(top, tl.max(scores, 1))
            weights = tl.exp2(scores - higher[:, None])
            shrunk = tl.exp2(top - higher)
            total = total * shrunk + tl.sum(weights, 1)
            some = tl.load(v + here * v_row + dims[None, :], mask=inside, other=0)
            if INT8:
                grains = v_scales + group * scales_head + at
                weights *= tl.load(grains, mask=seen, other=0.0)[None, :]
            kind = queries.dtype
            sums = sums * shrunk[:, None] + tl.dot(weights.to(kind), some.to(kind))
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
        sink_logits,  # read if SINKS
        splits,
        heads,
        SINK_LOGITS: tl.constexpr,
        LOG2_E: tl.constexpr,
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
        if SINK_LOGITS:
            sink = tl.load(sink_logits + head).to(tl.float32) * LOG2_E
            top = tl.maximum(top, sink)
        total = tl.sum(tl.exp2(each - top), 0)
        if SINK_LOGITS:
            total += tl.exp2(sink - top)
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
