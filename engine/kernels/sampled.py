"""Exact attention of a few sampled rows over all keys: Triton kernels for NVIDIA GPUs.

Two passes over the keys, each of which computes the scores anew: the rows' log-sum-exps first,
then the columns' sums of softmax weights.  No matrix of rows x keys is ever in memory.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .launch import HAS_TRITON, device_of, padded

if HAS_TRITON:
    import triton
    import triton.language as tl

_ROWS, _KEYS = 64, 128  # of a block
_SPAN = 4096  # keys of which one program of the first pass sees all, so that there are many
_LOG2_E = 1.0 / math.log(2.0)


def row_lse(q: Tensor, k: Tensor, positions: Tensor, *, scale: float) -> Tensor:
    """The log-sum-exp of single rows over all keys that they see.

    Args:
        q: [H, R, D], rows at `positions` (int32 [R], below N); k: [G, N, D].  Any strides with
            a contiguous last dimension.
        scale: factor on q @ k.T before the softmax.
    Returns:
        [H, R] float32, natural logarithm.
    """
    heads, rows, size = q.shape
    groups, keys, _ = k.shape
    spans = -(-keys // _SPAN)
    parts = torch.empty(spans, heads, rows, dtype=torch.float32, device=q.device)
    with device_of(q):
        _row_lse[(spans, -(-rows // _ROWS), heads)](
            q,
            k,
            parts,
            positions,
            q.stride(0),
            q.stride(1),
            k.stride(0),
            k.stride(1),
            rows,
            keys,
            heads // groups,
            scale * _LOG2_E,
            SPAN=_SPAN,
            SIZE=size,
            ROWS=_ROWS,
            KEYS=_KEYS,
            BLOCK_D=padded(size),
            LN_2=math.log(2.0),
            num_warps=4,
        )
    return parts.logsumexp(dim=0)


def column_mass(
    q: Tensor, k: Tensor, lse: Tensor, before: Tensor, *, keys: int, scale: float
) -> Tensor:
    """The softmax weights of rows, summed for each key over the rows that count for it.

    Args:
        q: [H, R, D]; k: [G, N, D], as in `row_lse`; lse: float32 [H, R], of these rows.
        before: int32 [R]; a row counts for the keys before this one, all of which it sees.
        keys: how many of the first keys are summed up.
    Returns:
        [H, keys] float32.
    """
    heads, rows, size = q.shape
    mass = torch.empty(heads, keys, dtype=torch.float32, device=q.device)
    if keys == 0:
        return mass
    with device_of(q):
        _column_mass[(-(-keys // _KEYS), heads)](
            q,
            k,
            mass,
            lse,
            before,
            q.stride(0),
            q.stride(1),
            k.stride(0),
            k.stride(1),
            lse.stride(0),
            rows,
            keys,
            heads // k.shape[0],
            scale * _LOG2_E,
            _LOG2_E,
            SIZE=size,
            ROWS=_ROWS,
            KEYS=_KEYS,
            BLOCK_D=padded(size),
            num_warps=4,
        )
    return mass


if HAS_TRITON:

    @triton.jit  # type: ignore[untyped-decorator]
    def _block(  # type: ignore[no-untyped-def]
        base, first, stop, row_stride, SIZE: tl.constexpr, N: tl.constexpr, D: tl.constexpr
    ):
        """Rows [first, first + N) of a matrix, zeros from `stop` on; [N, D]."""
        at = first + tl.arange(0, N)
        dims = tl.arange(0, D)
        inside = (at < stop)[:, None] & (dims < SIZE)[None, :]
        where = base + at.to(tl.int64)[:, None] * row_stride + dims[None, :]
        return tl.load(where, mask=inside, other=0.0)

    @triton.jit(do_not_specialize=["rows", "keys"])  # type: ignore[untyped-decorator]
    def _row_lse(  # type: ignore[no-untyped-def]
        q,
        k,
        parts,
        positions,
        q_head,
        q_row,
        k_head,
        k_row,
        rows,
        keys,
        shared,
        factor,  # scale * log2(e), for exp2
        SPAN: tl.constexpr,
        SIZE: tl.constexpr,
        ROWS: tl.constexpr,
        KEYS: tl.constexpr,
        BLOCK_D: tl.constexpr,
        LN_2: tl.constexpr,
    ):
        """One block of rows of one head over one span of keys."""
        span, head = tl.program_id(0), tl.program_id(2).to(tl.int64)
        first_row = tl.program_id(1) * ROWS
        row = first_row + tl.arange(0, ROWS)
        position = tl.load(positions + row, mask=row < rows, other=-1)
        queries = _block(q + head * q_head, first_row, rows, q_row, SIZE, ROWS, BLOCK_D)
        base = k + (head // shared) * k_head
        top = tl.full([ROWS], float("-inf"), tl.float32)
        total = tl.zeros([ROWS], tl.float32)
        stop = tl.minimum(tl.minimum((span + 1) * SPAN, keys), tl.max(position) + 1)
        for start in range(span * SPAN, stop, KEYS):
            some = _block(base, start, keys, k_row, SIZE, KEYS, BLOCK_D)
            scores = tl.dot(queries, tl.trans(some)) * factor
            seen = (start + tl.arange(0, KEYS))[None, :] <= position[:, None]
            scores = tl.where(seen, scores, float("-inf"))
            higher = tl.maximum(top, tl.max(scores, 1))
            safe = tl.where(higher == float("-inf"), 0.0, higher)  # a row that sees none yet
            total = total * tl.exp2(top - safe) + tl.sum(tl.exp2(scores - safe[:, None]), 1)
            top = higher
        # Of a row that sees no key of the span `top` is -inf, and so is the result.
        lse = (top + tl.log2(tl.where(total > 0.0, total, 1.0))) * LN_2
        heads = tl.num_programs(2)
        tl.store(parts + (span * heads + head) * rows + row, lse, mask=row < rows)

    @triton.jit(do_not_specialize=["rows", "keys"])  # type: ignore[untyped-decorator]
    def _column_mass(  # type: ignore[no-untyped-def]
        q,
        k,
        mass,
        lse,
        before,
        q_head,
        q_row,
        k_head,
        k_row,
        lse_head,
        rows,
        keys,
        shared,
        factor,  # scale * log2(e), for exp2
        log2_e,
        SIZE: tl.constexpr,
        ROWS: tl.constexpr,
        KEYS: tl.constexpr,
        BLOCK_D: tl.constexpr,
    ):
        """One block of keys of one head over all rows."""
        first, head = tl.program_id(0) * KEYS, tl.program_id(1).to(tl.int64)
        at = first + tl.arange(0, KEYS)
        some = _block(k + (head // shared) * k_head, first, keys, k_row, SIZE, KEYS, BLOCK_D)
        sums = tl.zeros([KEYS], tl.float32)
        for start in range(0, rows, ROWS):
            row = start + tl.arange(0, ROWS)
            counts_before = tl.load(before + row, mask=row < rows, other=0)
            norm = tl.load(lse + head * lse_head + row, mask=row < rows, other=0.0) * log2_e
            queries = _block(q + head * q_head, start, rows, q_row, SIZE, ROWS, BLOCK_D)
            scores = tl.dot(queries, tl.trans(some)) * factor
            weights = tl.exp2(scores - norm[:, None])
            sums += tl.sum(tl.where(at[None, :] < counts_before[:, None], weights, 0.0), 0)
        tl.store(mass + head * keys + at, sums, mask=at < keys)
