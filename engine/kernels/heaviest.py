"""The heaviest entries of each row, down to a limit, as sorted lists: a Triton kernel.

A program bisects the weight from which on its row's entries are kept, bit by bit, for floats that
are not negative are ordered as their bits are; then it lists them.
"""

from __future__ import annotations

from contextlib import nullcontext

import torch
from torch import Tensor

try:  # there is none outside of Linux on x86-64
    import triton
    import triton.language as tl
except ImportError:
    _HAS_TRITON = False
else:
    _HAS_TRITON = True

_BLOCK = 4096


def heaviest_on_cuda(weights: Tensor) -> bool:
    """Whether `heaviest` can do it on the GPU of these weights."""
    return _HAS_TRITON and weights.device.type == "cuda"


def heaviest(
    weights: Tensor, counted: Tensor, limits: Tensor, *, always: int, reach: bool
) -> tuple[Tensor, Tensor]:
    """The first `always` entries of each row, and the heaviest others.

    Args:
        weights: [H, N] float32, none negative.
        counted: float32 [H, N] or [N], what is added up of the kept others.
        limits: [H] float32.  With `reach` the others are the heaviest that together count at
            least this much, all if none do, and none where it is not positive; without, the
            heaviest that count at most this much.  Equal weights are kept or left together.
    Returns:
        columns int32 [H, N], each row's kept positions first, in order, then 0; and how many
        are kept of the entries up to and with each one, int32 [H, N].
    """
    heads, keys = weights.shape
    columns = torch.zeros(heads, keys, dtype=torch.int32, device=weights.device)
    counts = torch.empty_like(columns)
    if keys == 0:
        return columns, counts
    weights, counted = weights.contiguous(), counted.contiguous()
    with torch.cuda.device(weights.device) if weights.device.type == "cuda" else nullcontext():
        _heaviest[(heads,)](
            weights,
            counted,
            limits,
            columns,
            counts,
            counted.stride(0) if counted.dim() == 2 else 0,
            keys,
            always,
            REACH=reach,
            BLOCK=_BLOCK,
            num_warps=16,
        )
    return columns, counts


if _HAS_TRITON:

    @triton.jit(do_not_specialize=["keys", "always"])  # type: ignore[untyped-decorator]
    def _heaviest(  # type: ignore[no-untyped-def]
        weights,
        counted,
        limits,
        columns,
        counts,
        counted_row,
        keys,
        always,
        REACH: tl.constexpr,
        BLOCK: tl.constexpr,
    ):
        """One row."""
        row = tl.program_id(0).to(tl.int64)
        weights += row * keys
        counted += row * counted_row
        columns += row * keys
        counts += row * keys
        limit = tl.load(limits + row)
        step = tl.arange(0, BLOCK)
        # The largest bits for which the entries that have as many count enough (too much).
        bits = tl.full([], 0, tl.int32)
        for shift in range(30, -1, -1):
            tried = bits | (1 << shift)
            total = tl.zeros([], tl.float32)
            for start in range(0, keys, BLOCK):
                at = start + step
                other = (at < keys) & (at >= always)
                weight = tl.load(weights + at, mask=other, other=0.0).to(tl.int32, bitcast=True)
                count = tl.load(counted + at, mask=other, other=0.0)
                total += tl.sum(tl.where(other & (weight >= tried), count, 0.0))
            enough = total >= limit if REACH else total > limit
            bits = tl.where(enough, tried, bits)
        if REACH:
            least = tl.where(limit > 0.0, bits, 0x7FFFFFFF)
        else:
            least = bits + 1
        done = tl.full([], 0, tl.int32)
        for start in range(0, keys, BLOCK):
            at = start + step
            inside = at < keys
            weight = tl.load(weights + at, mask=inside, other=0.0).to(tl.int32, bitcast=True)
            kept = inside & ((at < always) | (weight >= least))
            count = done + tl.cumsum(kept.to(tl.int32), 0)
            tl.store(counts + at, count, mask=inside)
            tl.store(columns + count - 1, at, mask=kept)
            done += tl.sum(kept.to(tl.int32))
