"""The heaviest entries of each row, down to a limit, as sorted lists.

The weight from which on a row's entries are kept is found bit by bit, for floats that are not
negative are ordered as their bits are.  On NVIDIA GPUs two Triton kernels do it: one finds that
weight, one program a row, the other writes the lists, many programs a row.  The twins are in
`top_p_mask_torch`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .launch import HAS_TRITON, device_of
from .top_p_mask_torch import (
    BITS,
    NONE,
    SMALLEST,
    UNUSED_BITS,
    mask_from_torch,
    top_p_mask_torch,
    top_p_members_torch,
)

if HAS_TRITON:
    import triton
    import triton.language as tl

_DIGIT = 3  # bits that the kernel finds at once
_BLOCK, _SHORT = 4096, 1024  # entries of a step, and in rows that have no more
_TOGETHER = 4  # blocks whose entries are counted at once


def top_p_mask(
    weights: Tensor, counted: Tensor, limits: Tensor, *, num_sink_tokens: int, at_least: bool
) -> tuple[Tensor, Tensor]:
    """The first `num_sink_tokens` entries of each row, and the heaviest others.

    Weights that are equal up to 1/512 may be kept or left together, as may all below 2^-50, and
    all from 2^14 on.

    Args:
        weights: [H, N] float32, none negative.
        counted: float32 [H, N] or [N], what is added up of the kept others.
        limits: [H] float32.  With `at_least` the others are the heaviest that together count at
            least this much, all if none do, and none where it is not positive; without, the
            heaviest that count at most this much, none where it is negative.
    Returns:
        columns int32 [H, N], each row's kept positions first, in order, then anything; and the
        number of entries kept up to and with each one, int32 [H, N].
    """
    on_gpu = HAS_TRITON and weights.device.type == "cuda"
    implementation = top_p_mask_triton if on_gpu else top_p_mask_torch
    return implementation(
        weights, counted, limits, num_sink_tokens=num_sink_tokens, at_least=at_least
    )


def mask_from(weights: Tensor, least: Tensor, *, num_sink_tokens: int) -> tuple[Tensor, Tensor]:
    """The first `num_sink_tokens` entries of each row, and the others that weigh enough.

    Args:
        weights: [H, N] float32, none negative.
        least: [H] float32, positive.
    Returns:
        columns and counts, as `top_p_mask` returns them.
    """
    if HAS_TRITON and weights.device.type == "cuda" and weights.shape[1] > 0:
        return mask_from_triton(weights, least, num_sink_tokens=num_sink_tokens)
    return mask_from_torch(weights, least, num_sink_tokens=num_sink_tokens)


def mask_from_triton(
    weights: Tensor, least: Tensor, *, num_sink_tokens: int
) -> tuple[Tensor, Tensor]:
    """`mask_from` by the kernels; N >= 1."""
    heads, keys = weights.shape
    block = _SHORT if keys <= _SHORT else _BLOCK
    bits = least.contiguous().view(torch.int32)
    kept = torch.empty(heads, -(-keys // block), dtype=torch.int32, device=weights.device)
    weights = weights.contiguous()
    with device_of(weights):
        _count_kernel[(kept.shape[1], heads)](
            weights, bits, kept, keys, kept.shape[1], num_sink_tokens, BLOCK=block, num_warps=8
        )
    return _lists(weights, bits, kept, num_sink_tokens, block)


def top_p_members(
    weights: Tensor, counted: Tensor, limits: Tensor, *, num_sink_tokens: int = 0
) -> Tensor:
    """Whether each entry is one of the heaviest that reach the limits, bool [H, N]; as `top_p_mask`
    with `at_least`, but the first `num_sink_tokens` entries are only left out of the count."""
    on_gpu = HAS_TRITON and weights.device.type == "cuda" and weights.shape[1] > 0
    implementation = top_p_members_triton if on_gpu else top_p_members_torch
    return implementation(weights, counted, limits, num_sink_tokens=num_sink_tokens)


def top_p_mask_triton(
    weights: Tensor, counted: Tensor, limits: Tensor, *, num_sink_tokens: int, at_least: bool
) -> tuple[Tensor, Tensor]:
    """`top_p_mask` by the kernels."""
    keys = weights.shape[1]
    if keys == 0:
        columns, counts = torch.empty(2, *weights.shape, dtype=torch.int32, device=weights.device)
        return columns, counts
    weights = weights.contiguous()
    least, kept = _threshold(weights, counted, limits, num_sink_tokens, at_least)
    return _lists(weights, least, kept, num_sink_tokens, _SHORT if keys <= _SHORT else _BLOCK)


def _lists(
    weights: Tensor, least: Tensor, kept: Tensor, num_sink_tokens: int, block: int
) -> tuple[Tensor, Tensor]:
    """Columns and counts, from the least bits that are kept, int32 [H], and how many are kept in
    each block of a row, int32 [H, blocks]."""
    heads, keys = weights.shape
    columns, counts = torch.empty(2, heads, keys, dtype=torch.int32, device=weights.device)
    blocks = kept.shape[1]
    with device_of(weights):
        _top_p_list_kernel[(blocks, heads)](
            weights,
            least,
            kept,
            columns,
            counts,
            keys,
            blocks,
            num_sink_tokens,
            BLOCK=block,
            BLOCKS=1 << (blocks - 1).bit_length(),
            num_warps=8,
        )
    return columns, counts


def top_p_members_triton(
    weights: Tensor, counted: Tensor, limits: Tensor, *, num_sink_tokens: int = 0
) -> Tensor:
    """`top_p_members` by a kernel; N >= 1."""
    weights = weights.contiguous()
    least, _ = _threshold(weights, counted, limits, num_sink_tokens, True)
    return weights.view(torch.int32) >= least[:, None]


def _threshold(
    weights: Tensor, counted: Tensor, limits: Tensor, num_sink_tokens: int, at_least: bool
) -> tuple[Tensor, Tensor]:
    """The bits of a float32 from which on each row's entries are kept, int32 [H], and how many
    are kept in each block of the row, int32 [H, blocks]."""
    heads, keys = weights.shape
    counted, limits = counted.contiguous(), limits.contiguous()
    block = _SHORT if keys <= _SHORT else _BLOCK
    blocks = -(-keys // block)
    least = torch.empty(heads, dtype=torch.int32, device=weights.device)
    kept = torch.empty(heads, blocks, dtype=torch.int32, device=weights.device)
    with device_of(weights):
        _top_p_threshold_kernel[(heads,)](
            weights,
            counted,
            limits,
            least,
            kept,
            counted.stride(0) if counted.dim() == 2 else 0,
            keys,
            blocks,
            num_sink_tokens,
            AT_LEAST=at_least,
            NONE=NONE,
            DIGITS=BITS // _DIGIT,
            SMALLEST=SMALLEST,
            UNUSED_BITS=UNUSED_BITS,
            BLOCK=block,
            TOGETHER=_TOGETHER if block == _BLOCK else 1,
            num_warps=16 if block == _BLOCK else 4,
        )
    return least, kept


if HAS_TRITON:

    @triton.jit
    def _is_kept(weights, at, keys, num_sink_tokens, least):  # type: ignore[no-untyped-def]
        """Which of the entries at these places are kept."""
        weight = tl.load(weights + at, mask=at < keys, other=0.0).to(tl.int32, bitcast=True)
        return (at < keys) & ((at < num_sink_tokens) | (weight >= least))

    @triton.jit(do_not_specialize=["keys", "blocks", "num_sink_tokens"])  # type: ignore[untyped-decorator]
    def _top_p_threshold_kernel(  # type: ignore[no-untyped-def]
        weights,
        counted,
        limits,
        found,
        kept,
        counted_row,
        keys,
        blocks,
        num_sink_tokens,
        AT_LEAST: tl.constexpr,
        NONE: tl.constexpr,
        DIGITS: tl.constexpr,
        SMALLEST: tl.constexpr,
        UNUSED_BITS: tl.constexpr,
        BLOCK: tl.constexpr,
        TOGETHER: tl.constexpr,
    ):
        """One row's least bits that are kept, three of them found in each pass, and how many
        entries of each block are kept."""
        row = tl.program_id(0).to(tl.int64)
        weights += row * keys
        counted += row * counted_row
        limit = tl.load(limits + row)
        step = tl.arange(0, BLOCK)
        # The largest bits for which the entries that have as many count enough (too much).
        bits = tl.full([], SMALLEST, tl.int32)
        all_of = tl.zeros([BLOCK], tl.float32)
        for digit in range(0, DIGITS):
            low = 3 * (DIGITS - 1 - digit)
            unit = tl.full([], 1, tl.int32) << low
            sum_1 = tl.zeros([BLOCK], tl.float32)
            sum_2, sum_3, sum_4, sum_5, sum_6, sum_7 = sum_1, sum_1, sum_1, sum_1, sum_1, sum_1
            for start in range(0, keys, BLOCK):
                at = start + step
                other = (at < keys) & (at >= num_sink_tokens)
                weight = tl.load(weights + at, mask=other, other=0.0).to(tl.int32, bitcast=True)
                above = (weight >> UNUSED_BITS) - bits
                count = tl.load(counted + at, mask=other, other=0.0)
                sum_1 += tl.where(above >= unit, count, 0.0)
                sum_2 += tl.where(above >= 2 * unit, count, 0.0)
                sum_3 += tl.where(above >= 3 * unit, count, 0.0)
                sum_4 += tl.where(above >= 4 * unit, count, 0.0)
                sum_5 += tl.where(above >= 5 * unit, count, 0.0)
                sum_6 += tl.where(above >= 6 * unit, count, 0.0)
                sum_7 += tl.where(above >= 7 * unit, count, 0.0)
                if not AT_LEAST and digit == 0:
                    all_of += count
            enough = (
                _enough(sum_1, limit, AT_LEAST)
                + _enough(sum_2, limit, AT_LEAST)
                + _enough(sum_3, limit, AT_LEAST)
                + _enough(sum_4, limit, AT_LEAST)
                + _enough(sum_5, limit, AT_LEAST)
                + _enough(sum_6, limit, AT_LEAST)
                + _enough(sum_7, limit, AT_LEAST)
            )
            bits += unit * enough
        if AT_LEAST:
            least = tl.where(bits == SMALLEST, 0, bits << UNUSED_BITS)
            least = tl.where(limit > 0.0, least, NONE)
        else:
            least = tl.where(tl.sum(all_of) <= limit, 0, (bits + 1) << UNUSED_BITS)
            least = tl.where(limit < 0.0, NONE, least)
        tl.store(found + row, least)
        for first in range(0, blocks, TOGETHER):
            block = first + tl.arange(0, TOGETHER)
            of = _is_kept(
                weights, block[:, None] * BLOCK + step[None, :], keys, num_sink_tokens, least
            )
            counts = tl.sum(of.to(tl.int32), 1)
            tl.store(kept + row * blocks + block, counts, mask=block < blocks)

    @triton.jit  # type: ignore[untyped-decorator]
    def _enough(sums, limit, AT_LEAST: tl.constexpr):  # type: ignore[no-untyped-def]
        """1 if the sums together reach the limit, or without AT_LEAST if they pass it."""
        total = tl.sum(sums)
        return (total >= limit).to(tl.int32) if AT_LEAST else (total > limit).to(tl.int32)

    @triton.jit(do_not_specialize=["keys", "blocks", "num_sink_tokens"])  # type: ignore[untyped-decorator]
    def _count_kernel(  # type: ignore[no-untyped-def]
        weights, least, kept, keys, blocks, num_sink_tokens, BLOCK: tl.constexpr
    ):
        """How many entries of one block of a row are kept."""
        block, row = tl.program_id(0), tl.program_id(1).to(tl.int64)
        at = block * BLOCK + tl.arange(0, BLOCK)
        of = _is_kept(weights + row * keys, at, keys, num_sink_tokens, tl.load(least + row))
        tl.store(kept + row * blocks + block, tl.sum(of.to(tl.int32)))

    @triton.jit(do_not_specialize=["keys", "blocks", "num_sink_tokens"])  # type: ignore[untyped-decorator]
    def _top_p_list_kernel(  # type: ignore[no-untyped-def]
        weights,
        least,
        kept,
        columns,
        counts,
        keys,
        blocks,
        num_sink_tokens,
        BLOCK: tl.constexpr,
        BLOCKS: tl.constexpr,
    ):
        """The kept positions of one block of a row."""
        block, row = tl.program_id(0), tl.program_id(1).to(tl.int64)
        at = block * BLOCK + tl.arange(0, BLOCK)
        of = _is_kept(weights + row * keys, at, keys, num_sink_tokens, tl.load(least + row))
        other = tl.arange(0, BLOCKS)
        before = tl.sum(tl.load(kept + row * blocks + other, mask=other < block, other=0))
        count = before + tl.cumsum(of.to(tl.int32), 0)
        tl.store(counts + row * keys + at, count, mask=at < keys)
        tl.store(columns + row * keys + count - 1, at, mask=of)
