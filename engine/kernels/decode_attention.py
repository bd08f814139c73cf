"""Attention of one new token over the cache, in splits of the keys (split-KV, as FlashDecoding
has it): Triton kernels.

How many keys there are is read on the device, so that a CUDA graph serves a growing cache.  A
program has all query heads of a kv head, so that keys and values are read once; as many splits as
the GPU's processors need to be busy are merged by log-sum-exp.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .launch import HAS_TRITON, LOG2_E, device_of, padded_head_dim, tensor_cores_supported
from .reference import attend_reference

if HAS_TRITON:
    import triton
    import triton.language as tl

_PROGRAMS = 512  # about: a few for each processor of a large GPU
_KEYS = 64  # of a step
_MERGED = 32  # splits at once
_ROWS = 16  # query heads of a program at least: what tensor cores multiply


def decode_attention_supported(
    dtype: torch.dtype, keys: Tensor, values: Tensor, *scales: Tensor
) -> bool:
    """Whether `decode_attention` can compute queries of type `dtype` over keys and values like
    these, int8 ones if there are `scales`, on their GPU."""
    stored = torch.int8 if scales else dtype
    return (
        tensor_cores_supported(keys[..., :1, :].to(dtype))
        and keys.dtype == values.dtype == stored
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
    """Softmax attention of one query over the first `length` keys, or the last `window` of them.

    Query head h reads key/value head h // (H / G).

    Args:
        q: [H, 1, D]; k, v: [G, capacity, D], any strides with a contiguous last dimension.
        length: int64 [1] on their device, at least 1.
        scale: factor on q @ k.T before the softmax.
        window: how many of the keys are seen, the last ones; None is all.
        sink_logits: [H], any float type, one more logit of each head's denominator, not scaled.
        kv_scales: the scales of `k` and of `v` where these are int8, float32 [G, capacity, 1] each.
    Returns:
        [H, 1, D] in the type of `q`.
    """
    heads, _, head_dim = q.shape
    num_kv_heads, capacity, _ = k.shape
    group_size = heads // num_kv_heads
    most = capacity if window is None else min(window, capacity)
    splits = max(1, min(_PROGRAMS // num_kv_heads, -(-most // _KEYS)))
    parts = torch.empty(splits, heads, head_dim, dtype=torch.float32, device=q.device)
    lse = torch.empty(splits, heads, dtype=torch.float32, device=q.device)
    out = torch.empty(heads, 1, head_dim, dtype=q.dtype, device=q.device)
    q = q.reshape(heads, head_dim)
    width = padded_head_dim(head_dim)
    with device_of(q):
        _decode_split_kernel[(splits, num_kv_heads)](
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
            group_size,
            scale * LOG2_E,
            *(kv_scales or (lse, lse)),
            kv_scales[0].stride(0) if kv_scales else 0,
            INT8=bool(kv_scales),
            WINDOW=window or 0,
            HEAD_DIM=head_dim,
            ROWS=max(_ROWS, 1 << (group_size - 1).bit_length()),
            KEYS=_KEYS if width <= 128 else _KEYS // 2,
            BLOCK_D=width,
            num_warps=4,
            num_stages=3 if width <= 128 else 2,
        )
        _decode_merge_kernel[(heads,)](
            parts,
            lse,
            out,
            lse if sink_logits is None else sink_logits,
            splits,
            heads,
            SINK_LOGITS=sink_logits is not None,
            LOG2_E=LOG2_E,
            HEAD_DIM=head_dim,
            SPLITS=1 << (splits - 1).bit_length(),
            TOGETHER=_MERGED,
            BLOCK_D=width,
            num_warps=4,
        )
    return out


def decode_attention_torch(
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
    """`decode_attention` in plain torch, for every device; the result is float32."""
    keys = int(length)
    seen = slice(0 if window is None else max(0, keys - window), keys)
    k, v = k[:, seen].float(), v[:, seen].float()
    if kv_scales:
        k, v = k * kv_scales[0][:, seen], v * kv_scales[1][:, seen]
    out, lse = attend_reference(q, k, v, scale=scale)
    if sink_logits is not None:  # exp(lse) / (exp(lse) + exp(sink)) of the softmax goes to the keys
        out = out * torch.sigmoid(lse - sink_logits.float()[:, None]).unsqueeze(-1)
    return out


if HAS_TRITON:

    @triton.jit(do_not_specialize=["heads"])  # type: ignore[untyped-decorator]
    def _decode_split_kernel(  # type: ignore[no-untyped-def]
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
        group_size,
        factor,  # scale * log2(e), for exp2
        k_scales,
        v_scales,
        scales_head,
        INT8: tl.constexpr,
        WINDOW: tl.constexpr,  # keys; 0 is none
        HEAD_DIM: tl.constexpr,
        ROWS: tl.constexpr,
        KEYS: tl.constexpr,
        BLOCK_D: tl.constexpr,
    ):
        """One split of the keys of one kv head."""
        split, kv_head = tl.program_id(0), tl.program_id(1).to(tl.int64)
        keys = tl.load(length).to(tl.int32)
        begin = tl.maximum(keys - WINDOW, 0) if WINDOW else 0
        steps = tl.cdiv(keys - begin, KEYS)
        span = tl.cdiv(steps, tl.num_programs(0)) * KEYS
        first = begin + split * span
        stop = tl.minimum(first + span, keys)
        row = tl.arange(0, ROWS)
        head = kv_head * group_size + row
        dims = tl.arange(0, BLOCK_D)
        real = dims < HEAD_DIM
        mine = row < group_size
        queries = tl.load(
            q + head[:, None] * HEAD_DIM + dims[None, :],
            mask=mine[:, None] & real[None, :],
            other=0.0,
        )
        k += kv_head * k_head
        v += kv_head * v_head
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
                grains = k_scales + kv_head * scales_head + at
                scores *= tl.load(grains, mask=seen, other=0.0)[None, :]
            scores = tl.where(seen[None, :], scores, float("-inf"))
            higher = tl.maximum(top, tl.max(scores, 1))
            weights = tl.exp2(scores - higher[:, None])
            shrunk = tl.exp2(top - higher)
            total = total * shrunk + tl.sum(weights, 1)
            some = tl.load(v + here * v_row + dims[None, :], mask=inside, other=0)
            if INT8:
                grains = v_scales + kv_head * scales_head + at
                weights *= tl.load(grains, mask=seen, other=0.0)[None, :]
            kind = queries.dtype
            sums = sums * shrunk[:, None] + tl.dot(weights.to(kind), some.to(kind))
            top = higher
        norm = tl.where(total > 0.0, total, 1.0)
        to = split * heads + head
        tl.store(lse + to, top + tl.log2(norm), mask=mine)
        tl.store(
            parts + to[:, None] * HEAD_DIM + dims[None, :],
            sums / norm[:, None],
            mask=mine[:, None] & real[None, :],
        )

    @triton.jit(do_not_specialize=["splits", "heads"])  # type: ignore[untyped-decorator]
    def _decode_merge_kernel(  # type: ignore[no-untyped-def]
        parts,
        lse,
        out,
        sink_logits,  # read if SINK_LOGITS
        splits,
        heads,
        SINK_LOGITS: tl.constexpr,
        LOG2_E: tl.constexpr,
        HEAD_DIM: tl.constexpr,
        SPLITS: tl.constexpr,
        TOGETHER: tl.constexpr,
        BLOCK_D: tl.constexpr,
    ):
        """All splits of one query head; the log-sum-exp of one without keys is -inf."""
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
            at = (some * heads + head)[:, None] * HEAD_DIM + dims[None, :]
            inside = real[:, None] & (dims < HEAD_DIM)[None, :]
            values = tl.load(parts + at, mask=inside, other=0.0)
            result += tl.sum(values * tl.exp2(norm - top)[:, None], 0)
        result /= total
        tl.store(
            out + head * HEAD_DIM + dims, result.to(out.dtype.element_ty), mask=dims < HEAD_DIM
        )
