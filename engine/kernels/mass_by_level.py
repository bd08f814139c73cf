"""The attention mass of validation rows by the weight of their keys: a Triton kernel.

A key's level is how far its mean weight over the sampled rows lies below 1/16, in steps of half a
power of two: what a row would lose if only the keys up to a level were kept is the sum over the
levels after it, for all levels at once.  The sum of squares tells whether it would lose a single
large weight or many small ones.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .launch import HAS_TRITON, LOG2_E, descriptor, device_of, padded_head_dim
from .sampled_rows import KEY_SPAN

if HAS_TRITON:
    import triton
    import triton.language as tl

LEVELS = 32
_SHIFT = 22  # bits of a float32 after the first one behind the point
_HIGHEST = (127 - 4) << 1  # 1/16, as its first bits
_ROWS = 64  # of a step
_ENLARGED = 1024.0


def least_weight(level: Tensor) -> Tensor:
    """The least weight float32 [...] of a level int [...] below `LEVELS` - 1; the last level has
    all that are smaller."""
    return ((_HIGHEST - level.int()) << _SHIFT).view(torch.float32)


def levels_of(weights: Tensor) -> Tensor:
    """The level of each weight, int32 [...]; weights are float32 and not negative."""
    return (_HIGHEST - (weights.view(torch.int32) >> _SHIFT)).clamp(0, LEVELS - 1)


def mass_by_level(
    q: Tensor,
    k: Tensor,
    lse: Tensor,
    local_starts: Tensor,
    weights: Tensor,
    *,
    first_row: int,
    first_local_start: int,
    num_sink_tokens: int,
    scale: float,
) -> tuple[Tensor, Tensor]:
    """The softmax weights of each row, and their squares, summed over the keys of each level.

    Query head h reads key/value head h // (H / G).

    Args:
        q: [H, R, D] contiguous, of which the V rows from `first_row` on count; k: [G, N', D], any
            strides with a contiguous last dimension.
        lse: float32 [H, R], the rows' log-sum-exp over all keys that they see.
        local_starts: int32 [V]; what lies before it counts for a row, and it sees all of that.
        weights: float32 [H, N], N <= N', not negative: they give the levels of the keys.
        first_local_start: the smallest of `local_starts`, or less, on the host.
        num_sink_tokens: so many first keys have level 0.
        scale: factor on q @ k.T before the softmax.
    Returns:
        both sums, [H, V, LEVELS] float32.
    """
    heads, _, head_dim = q.shape
    keys, rows = weights.shape[1], len(local_starts)
    width = padded_head_dim(head_dim)
    step = 128 if width <= 128 else 64
    spans = max(1, -(-keys // KEY_SPAN))
    sums = torch.empty(2, spans, heads, rows, LEVELS, dtype=torch.float32, device=q.device)
    weights = weights.contiguous()
    if rows == 0:
        return sums[0, 0], sums[1, 0]
    with device_of(q):
        _mass_by_level_kernel[(spans, -(-rows // _ROWS), heads)](
            descriptor(q, _ROWS),
            descriptor(k, step),
            sums[0],
            sums[1],
            lse,
            local_starts,
            weights,
            lse.stride(0),
            rows,
            keys,
            first_row,
            num_sink_tokens,
            heads // k.shape[0],
            scale * LOG2_E,
            LOG2_E,
            SPAN=KEY_SPAN,
            ROWS=_ROWS,
            KEYS=step,
            BLOCK_D=width,
            LEVELS=LEVELS,
            HIGHEST=_HIGHEST,
            SHIFT=_SHIFT,
            ENLARGED=_ENLARGED,
            num_warps=4,
            num_stages=2,
        )
    mass, squares = sums.sum(dim=1)
    return mass, squares


def mass_by_level_torch(
    q: Tensor,
    k: Tensor,
    lse: Tensor,
    local_starts: Tensor,
    weights: Tensor,
    *,
    first_row: int,
    first_local_start: int,
    num_sink_tokens: int,
    scale: float,
) -> tuple[Tensor, Tensor]:
    """`mass_by_level` in plain torch, for every device, a head at a time."""
    rows, keys = len(local_starts), weights.shape[1]
    group_size = len(q) // len(k)
    level = levels_of(weights)
    level[:, :num_sink_tokens] = 0
    every = torch.arange(LEVELS, device=q.device)
    hidden = torch.arange(first_local_start, keys, device=q.device) >= local_starts[:, None]
    some = slice(first_row, first_row + rows)
    mass, squares = torch.empty(2, len(q), rows, LEVELS, device=q.device)
    for kv_head, some_k in enumerate(k[:, :keys].float().unbind()):
        for head in range(kv_head * group_size, (kv_head + 1) * group_size):
            queries = q[head, some].float() * scale
            shares = torch.addmm(lse[head, some, None], queries, some_k.T, beta=-1).exp_()
            shares[:, first_local_start:].masked_fill_(hidden, 0.0)
            member = (level[head, :, None] == every).float()
            mass[head] = shares @ member
            squares[head] = shares.square_() @ member
    return mass, squares


if HAS_TRITON:

    @triton.jit(  # type: ignore[untyped-decorator]
        do_not_specialize=["rows", "keys", "first_row", "num_sink_tokens"]
    )
    def _mass_by_level_kernel(  # type: ignore[no-untyped-def]
        q,  # descriptors
        k,
        mass,
        squares,
        lse,
        local_starts,
        weights,
        lse_head,
        rows,
        keys,
        first_row,
        num_sink_tokens,
        group_size,
        factor,  # scale * log2(e), for exp2
        log2_e,
        SPAN: tl.constexpr,
        ROWS: tl.constexpr,
        KEYS: tl.constexpr,
        BLOCK_D: tl.constexpr,
        LEVELS: tl.constexpr,
        HIGHEST: tl.constexpr,
        SHIFT: tl.constexpr,
        ENLARGED: tl.constexpr,
    ):
        """One block of rows of one head over one span of keys."""
        span, head = tl.program_id(0), tl.program_id(2)
        start_row = tl.program_id(1) * ROWS
        row = start_row + tl.arange(0, ROWS)
        wide = head.to(tl.int64)
        real = row < rows
        norm = tl.load(lse + wide * lse_head + first_row + row, mask=real, other=float("inf"))
        norm = norm * log2_e
        local_start = tl.load(local_starts + row, mask=real, other=0)
        queries = q.load([head, first_row + start_row, 0]).reshape(ROWS, BLOCK_D)
        every = tl.arange(0, LEVELS)
        sums = tl.zeros([ROWS, LEVELS], tl.float32)
        of_squares = tl.zeros([ROWS, LEVELS], tl.float32)
        last = tl.minimum(tl.minimum((span + 1) * SPAN, keys), tl.max(local_start))
        for start in tl.range(span * SPAN, last, KEYS):
            at = start + tl.arange(0, KEYS)
            some = k.load([head // group_size, start, 0]).reshape(KEYS, BLOCK_D)
            scores = tl.dot(queries, some.T)
            shares = tl.exp2(scores * factor - norm[:, None])
            shares = tl.where(at[None, :] < local_start[:, None], shares, 0.0)
            weight = tl.load(weights + wide * keys + at, mask=at < keys, other=0.0)
            level = HIGHEST - (weight.to(tl.int32, bitcast=True) >> SHIFT)
            level = tl.minimum(tl.maximum(level, 0), LEVELS - 1)
            level = tl.where(at < num_sink_tokens, 0, level)
            member = (level[:, None] == every[None, :]).to(tl.float16)
            # Enlarged, so that float16 keeps shares down to 6e-11; sums are in float32.
            sums = tl.dot((shares * ENLARGED).to(tl.float16), member, sums)
            of_squares = tl.dot((shares * shares * ENLARGED).to(tl.float16), member, of_squares)
        to = ((span * tl.num_programs(2) + wide) * rows + row[:, None]) * LEVELS
        to += every[None, :]
        tl.store(mass + to, sums / ENLARGED, mask=real[:, None])
        tl.store(squares + to, of_squares / ENLARGED, mask=real[:, None])
