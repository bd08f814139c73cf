"""The heaviest entries of each row, down to a limit, as sorted lists.

The weight from which on a row's entries are kept is bisected bit by bit, for floats that are not
negative are ordered as their bits are.  On NVIDIA GPUs a Triton kernel does it, one program a row.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .launch import HAS_TRITON, device_of

if HAS_TRITON:
    import triton
    import triton.language as tl

_BLOCK = 4096
_NONE = 0x7FFFFFFF


def heaviest(
    weights: Tensor, counted: Tensor, limits: Tensor, *, always: int, reach: bool
) -> tuple[Tensor, Tensor]:
    """The first `always` entries of each row, and the heaviest others.

    Args:
        weights: [H, N] float32, none negative.
        counted: float32 [H, N] or [N], what is added up of the kept others.
        limits: [H] float32.  With `reach` the others are the heaviest that together count at
            least this much, all if none do, and none where it is not positive; without, the
            heaviest that count at most this much, none where it is negative.  Equal
            weights are kept or left together.
    Returns:
        columns int32 [H, N], each row's kept positions first, in order, then 0; and how many
        are kept of the entries up to and with each one, int32 [H, N].
    """
    if HAS_TRITON and weights.device.type == "cuda":
        return heaviest_triton(weights, counted, limits, always=always, reach=reach)
    return heaviest_plain(weights, counted, limits, always=always, reach=reach)


def heaviest_plain(
    weights: Tensor, counted: Tensor, limits: Tensor, *, always: int, reach: bool
) -> tuple[Tensor, Tensor]:
    """`heaviest` in plain torch, for every device."""
    heads, keys = weights.shape
    bits = weights[:, always:].contiguous().view(torch.int32)
    others = counted[..., always:]
    least = torch.zeros(heads, 1, dtype=torch.int32, device=weights.device)
    for shift in range(30, -1, -1):
        tried = least | (1 << shift)
        total = torch.where(bits >= tried, others, 0.0).sum(dim=-1, keepdim=True)
        enough = total >= limits[:, None] if reach else total > limits[:, None]
        least = torch.where(enough, tried, least)
    if reach:
        least = least.masked_fill(limits[:, None] <= 0.0, _NONE)
    else:
        everything = others.expand(bits.shape).sum(dim=-1, keepdim=True)
        least = (least + 1).masked_fill(everything <= limits[:, None], 0)
        least = least.masked_fill(limits[:, None] < 0.0, _NONE)
    kept = torch.cat([least.new_ones(heads, min(always, keys)) > 0, bits >= least], dim=-1)
    counts = kept.cumsum(dim=-1)
    positions = torch.arange(keys, dtype=torch.int32, device=weights.device).expand(heads, -1)
    # What is not kept goes into one place more, which is cut off.
    places = torch.where(kept, counts - 1, keys)
    columns = positions.new_zeros(heads, keys + 1).scatter_(1, places, positions)
    return columns[:, :keys], counts.int()


def heaviest_triton(
    weights: Tensor, counted: Tensor, limits: Tensor, *, always: int, reach: bool
) -> tuple[Tensor, Tensor]:
    """`heaviest` by the kernel."""
    heads, keys = weights.shape
    columns = torch.zeros(heads, keys, dtype=torch.int32, device=weights.device)
    counts = torch.empty_like(columns)
    if keys == 0:
        return columns, counts
    weights, counted = weights.contiguous(), counted.contiguous()
    with device_of(weights):
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
            NONE=_NONE,
            BLOCK=_BLOCK,
            num_warps=16,
        )
    return columns, counts


if HAS_TRITON:

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
        NONE: tl.constexpr,
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
        everything = tl.zeros([], tl.float32)
        for start in range(0, keys, BLOCK):
            at = start + step
            other = (at < keys) & (at >= always)
            everything += tl.sum(tl.load(counted + at, mask=other, other=0.0))
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
            least = tl.where(limit > 0.0, bits, NONE)
        else:
            least = tl.where(everything <= limit, 0, bits + 1)
            least = tl.where(limit < 0.0, NONE, least)
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
