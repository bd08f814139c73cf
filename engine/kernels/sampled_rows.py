"""Exact attention of a few sampled rows over all keys: Triton kernels for NVIDIA GPUs.

Two passes over the keys, each of which computes the scores anew: the rows' log-sum-exps first, in
all and by key block, then the columns' sums of softmax weights.  No matrix of rows x keys is ever
in memory.  Measured on an H100 at head size 128 and 131,072 keys: 408 and 335 TFLOP/s; exp
takes about as much as the products.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .launch import HAS_TRITON, LOG2_E, descriptor, device_of, on_tensor_cores, padded

if HAS_TRITON:
    import triton
    import triton.language as tl

_MASS_BLOCKS, _MASS_ROWS = 32, 64  # of a step of `block_mass`
_BLOCK = 128  # keys
_LSE_ROWS = 64  # of a program of `row_lse`
_SPAN = 4096  # keys of which one program of the first pass sees all, so that there are many


def sampled_rows_supported(q: Tensor, block: int) -> bool:
    """Whether these kernels can compute queries like these on their GPU, by blocks of this size."""
    return on_tensor_cores(q) and block % _BLOCK == 0 == _SPAN % block


def row_lse(
    q: Tensor, k: Tensor, positions: Tensor, *, block: int, scale: float
) -> tuple[Tensor, Tensor]:
    """The log-sum-exp of single rows over the keys that they see.

    Args:
        q: [H, R, D] contiguous, rows at `positions` (int32 [R], below N); k: [G, N, D], any
            strides with a contiguous last dimension.
        block: keys of a block, a multiple of 128 that divides 4,096.
        scale: factor on q @ k.T before the softmax.
    Returns:
        over spans of keys [S, H, R], and over each block of keys [N / block, H, R], -inf where a
        row sees none; float32, natural logarithms.
    """
    heads, rows, size = q.shape
    groups, keys, _ = k.shape
    width = padded(size)
    step = 128 if width <= 128 else 64
    assert block % step == 0 == _SPAN % block
    # The heads of a group as rows over its one kv head, so that no block of rows is half empty.
    merged = q.view(groups, -1, size)
    spans, steps = -(-keys // _SPAN), -(-keys // block) * (block // step)
    by_span = torch.empty(spans, heads, rows, dtype=torch.float32, device=q.device)
    by_step = torch.empty(steps, heads, rows, dtype=torch.float32, device=q.device)
    with device_of(q):
        _row_lse[(spans, -(-merged.shape[1] // _LSE_ROWS), groups)](
            merged,
            descriptor(k, step),
            by_span,
            by_step,
            positions,
            merged.shape[1],
            rows,
            keys,
            steps,
            scale * LOG2_E,
            SPAN=_SPAN,
            SIZE=size,
            ROWS=_LSE_ROWS,
            KEYS=step,
            BLOCK_D=width,
            LN_2=math.log(2.0),
            # Several programs on a processor are faster than one that loads ahead.
            num_warps=4 if width <= 128 else 8,
            num_stages=1 if width <= 128 else 2,
        )
    if block > step:
        by_step = by_step.view(-1, block // step, heads, rows).logsumexp(dim=1)
    return by_span, by_step


def block_mass(
    by_span: Tensor,
    by_block: Tensor,
    local_starts: Tensor,
    row_block: Tensor,
    *,
    row_blocks: int,
    blocks: int,
    block: int,
) -> tuple[Tensor, Tensor]:
    """The rows' log-sum-exp, and the softmax mass of the first of them by row block and key block.

    Args:
        by_span, by_block: of `row_lse`, [S, H, R'] and [N / block, H, R'].
        bands: int32 [R], R <= R'; a row's mass counts in the key blocks before this key.
        row_block: int32 [R], where its mass counts, below `row_blocks`.
        blocks: how many of the first key blocks are wanted, at least 1.
    Returns:
        [H, R'] and [H, row_blocks, blocks], float32.
    """
    spans, heads, every = by_span.shape
    lse = torch.empty(heads, every, dtype=torch.float32, device=by_span.device)
    mass = torch.empty(heads, row_blocks, blocks, dtype=torch.float32, device=by_span.device)
    with device_of(by_span):
        _block_mass[(-(-blocks // _MASS_BLOCKS), heads)](
            by_span,
            by_block,
            local_starts,
            row_block,
            lse,
            mass,
            spans,
            len(local_starts),
            every,
            row_blocks,
            blocks,
            block,
            BLOCKS=_MASS_BLOCKS,
            ROWS=_MASS_ROWS,
            ROW_BLOCKS=max(16, 1 << (row_blocks - 1).bit_length()),
            LOG2_E=LOG2_E,
            num_warps=4,
        )
    return lse, mass


def column_mass(
    q: Tensor,
    k: Tensor,
    lse: Tensor,
    local_starts: Tensor,
    first_band: int,
    worth: Tensor,
    least: float,
    beside: tuple[Tensor, Tensor] | None = None,
    *,
    keys: int,
    block: int,
    scale: float,
) -> Tensor:
    """The softmax weights of rows, summed for each key over the rows that count for it.

    Args:
        q: [H, R', D] contiguous, the first R of them count; k: [G, N, D], as in `row_lse`.
        lse: float32 [H, R'].
        bands: int32 [R]; a row counts for the keys before this one, all of which it sees.
        first_band: the smallest of them, on the host.
        worth: float32 [H, B], mass of the blocks; one that has no more than `least` is not looked
            at, and its keys share its mass evenly.
        beside: bool [H, T, B] and int32 [R]; a row with number t in the second does not count
            for the keys of block b where [h, t, b] is set.
        keys: how many of the first keys are summed up.
        block: keys of a block, a multiple of 128.
    Returns:
        [H, keys] float32.
    """
    heads, _, size = q.shape
    mass = torch.empty(heads, keys, dtype=torch.float32, device=q.device)
    if keys == 0:
        return mass
    width = padded(size)
    block_n, block_m = (128, 64) if width <= 128 else (64, 32)
    assert block % block_n == 0
    kept, row_block = (
        (local_starts, local_starts) if beside is None else (beside[0].contiguous(), beside[1])
    )
    with device_of(q):
        _column_mass[(-(-keys // block_n), len(k))](
            descriptor(q, block_m),
            descriptor(k, block_n),
            mass,
            lse,
            local_starts,
            worth,
            kept if beside is None else kept.view(torch.int8),
            row_block,
            lse.stride(0),
            len(local_starts),
            keys,
            first_band,
            worth.stride(0),
            0 if beside is None else kept.shape[1],
            heads // k.shape[0],
            least,
            scale * LOG2_E,
            LOG2_E,
            BESIDE=beside is not None,
            ROWS=block_m,
            KEYS=block_n,
            BLOCK=block,
            BLOCK_D=width,
            num_warps=4,
            num_stages=2,
        )
    return mass


if HAS_TRITON:

    @triton.jit(  # type: ignore[untyped-decorator]
        do_not_specialize=["rows", "positions_count", "keys", "steps"]
    )
    def _row_lse(  # type: ignore[no-untyped-def]
        q,  # [G, rows, SIZE]
        k,  # descriptor
        by_span,
        by_step,
        positions,
        rows,
        positions_count,
        keys,
        steps,
        factor,  # scale * log2(e), for exp2
        SPAN: tl.constexpr,
        SIZE: tl.constexpr,
        ROWS: tl.constexpr,
        KEYS: tl.constexpr,
        BLOCK_D: tl.constexpr,
        LN_2: tl.constexpr,
    ):
        """One block of rows of one kv group over one span of keys."""
        span, group = tl.program_id(0), tl.program_id(2)
        row = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
        real = row < rows
        position = tl.load(positions + row % positions_count, mask=real, other=-1)
        dims = tl.arange(0, BLOCK_D)
        line = group.to(tl.int64) * rows + row
        inside = real[:, None] & (dims < SIZE)[None, :]
        queries = tl.load(q + line[:, None] * SIZE + dims[None, :], mask=inside, other=0.0)
        lines = tl.num_programs(2).to(tl.int64) * rows
        top = tl.full([ROWS], float("-inf"), tl.float32)
        total = tl.zeros([ROWS], tl.float32)
        first = span * SPAN
        stop = tl.minimum(first + SPAN, steps * KEYS)
        # All keys before the one that every row sees, in whole steps, need no mask.
        least = tl.min(tl.where(real, position, keys)) + 1
        clear = first + tl.maximum(tl.minimum(stop, least) - first, 0) // KEYS * KEYS
        for start in tl.range(first, clear, KEYS):
            scores = tl.dot(queries, k.load([group, start, 0]).reshape(KEYS, BLOCK_D).T)
            highest = tl.max(scores, 1) * factor
            weight = tl.sum(tl.exp2(scores * factor - highest[:, None]), 1)
            here = highest + tl.log2(weight)
            tl.store(by_step + start // KEYS * lines + line, here * LN_2, mask=real)
            higher = tl.maximum(top, highest)
            total = total * tl.exp2(top - higher) + weight * tl.exp2(highest - higher)
            top = higher
        for start in tl.range(clear, stop, KEYS):
            scores = tl.dot(queries, k.load([group, start, 0]).reshape(KEYS, BLOCK_D).T)
            seen = (start + tl.arange(0, KEYS))[None, :] <= position[:, None]
            scores = tl.where(seen, scores * factor, float("-inf"))
            highest = tl.max(scores, 1)
            some = highest > float("-inf")
            safe = tl.where(some, highest, 0.0)
            weight = tl.sum(tl.exp2(scores - safe[:, None]), 1)
            here = highest + tl.log2(tl.where(some, weight, 1.0))
            tl.store(by_step + start // KEYS * lines + line, here * LN_2, mask=real)
            higher = tl.maximum(top, highest)
            safe = tl.where(higher > float("-inf"), higher, 0.0)
            total = total * tl.exp2(top - safe) + weight * tl.exp2(highest - safe)
            top = higher
        # Of a row that sees no key of the span `top` is -inf, and so is the result.
        lse = (top + tl.log2(tl.where(total > 0.0, total, 1.0))) * LN_2
        tl.store(by_span + span * lines + line, lse, mask=real)

    @triton.jit(  # type: ignore[untyped-decorator]
        do_not_specialize=["spans", "rows", "every", "row_blocks", "blocks"]
    )
    def _block_mass(  # type: ignore[no-untyped-def]
        by_span,
        by_block,
        local_starts,
        row_block,
        lse,
        mass,
        spans,
        rows,
        every,
        row_blocks,
        blocks,
        block,
        BLOCKS: tl.constexpr,
        ROWS: tl.constexpr,
        ROW_BLOCKS: tl.constexpr,
        LOG2_E: tl.constexpr,
    ):
        """A few key blocks of one head over all of its rows."""
        head = tl.program_id(1).to(tl.int64)
        heads = tl.num_programs(1)
        key_block = tl.program_id(0) * BLOCKS + tl.arange(0, BLOCKS)
        inside = key_block < blocks
        of = tl.arange(0, ROW_BLOCKS)
        sums = tl.zeros([BLOCKS, ROW_BLOCKS], tl.float32)
        for start in range(0, every, ROWS):
            row = start + tl.arange(0, ROWS)
            real = row < every
            top = tl.full([ROWS], float("-inf"), tl.float32)
            total = tl.zeros([ROWS], tl.float32)
            for span in range(0, spans):
                part = tl.load(
                    by_span + (span * heads + head) * every + row, mask=real, other=float("-inf")
                )
                higher = tl.maximum(top, part)
                safe = tl.where(higher > float("-inf"), higher, 0.0)
                total *= tl.exp2((top - safe) * LOG2_E)
                total += tl.exp2((part - safe) * LOG2_E)
                top = higher
            norm = top + tl.log(tl.where(total > 0.0, total, 1.0))
            if tl.program_id(0) == 0:
                tl.store(lse + head * every + row, norm, mask=real)
            local_start = tl.load(local_starts + row, mask=row < rows, other=0)
            counts = inside[:, None] & (key_block[:, None] * block < local_start[None, :])
            at = (key_block[:, None].to(tl.int64) * heads + head) * every + row[None, :]
            here = tl.load(by_block + at, mask=counts, other=float("-inf"))
            weights = tl.where(counts, tl.exp2((here - norm[None, :]) * LOG2_E), 0.0)
            lies_in = tl.load(row_block + row, mask=row < rows, other=-1)
            member = (lies_in[:, None] == of[None, :]).to(tl.float32)
            sums = tl.dot(weights, member, sums, input_precision="ieee")
        to = mass + (head * row_blocks + of[None, :]) * blocks + key_block[:, None]
        tl.store(to, sums, mask=inside[:, None] & (of < row_blocks)[None, :])

    @triton.jit  # type: ignore[untyped-decorator]
    def _norms(  # type: ignore[no-untyped-def]
        lse, kept, row_block, row, rows, blocks, log2_e, BESIDE: tl.constexpr
    ):
        """Rows' log-sum-exps for exp2; infinite, so that their weights are 0, where they do not
        count."""
        counts = row < rows
        if BESIDE:
            of = tl.load(row_block + row, mask=counts, other=0)
            counts &= tl.load(kept + of * blocks, mask=counts, other=1) == 0
        return tl.load(lse + row, mask=counts, other=float("inf")) * log2_e

    @triton.jit(  # type: ignore[untyped-decorator]
        do_not_specialize=["rows", "keys", "first_band", "blocks", "row_blocks"]
    )
    def _column_mass(  # type: ignore[no-untyped-def]
        q,  # descriptors
        k,
        mass,
        lse,
        local_starts,
        worth,
        kept,
        row_block,
        lse_head,
        rows,
        keys,
        first_band,
        blocks,
        row_blocks,
        shared,
        least,
        factor,  # scale * log2(e), for exp2
        log2_e,
        BESIDE: tl.constexpr,
        ROWS: tl.constexpr,
        KEYS: tl.constexpr,
        BLOCK: tl.constexpr,
        BLOCK_D: tl.constexpr,
    ):
        """One block of keys over all rows of the heads that share it.

        Keys are the rows of the product, so that sums over query rows stay within a warp.
        """
        first, group = tl.program_id(0) * KEYS, tl.program_id(1)
        at = first + tl.arange(0, KEYS)
        block = first // BLOCK
        steps = tl.arange(0, ROWS)
        some = k.load([group, first, 0]).reshape(KEYS, BLOCK_D)
        for i in range(0, shared):
            head = group * shared + i
            wide = head.to(tl.int64)
            sums = tl.zeros([KEYS], tl.float32)
            mine, beside = lse + wide * lse_head, kept + wide * row_blocks * blocks + block
            in_all = tl.load(worth + wide * blocks + block)
            if in_all <= least:  # too little to look closer: evenly
                sums += in_all / BLOCK
            elif first + KEYS <= first_band:
                for start in tl.range(0, rows, ROWS):
                    row = start + steps
                    norm = _norms(mine, beside, row_block, row, rows, blocks, log2_e, BESIDE)
                    queries = q.load([head, start, 0]).reshape(ROWS, BLOCK_D)
                    scores = tl.dot(some, queries.T)
                    sums += tl.sum(tl.exp2(scores * factor - norm[None, :]), 1)
            else:
                for start in tl.range(0, rows, ROWS):
                    row = start + steps
                    norm = _norms(mine, beside, row_block, row, rows, blocks, log2_e, BESIDE)
                    local_start = tl.load(local_starts + row, mask=row < rows, other=0)
                    queries = q.load([head, start, 0]).reshape(ROWS, BLOCK_D)
                    scores = tl.dot(some, queries.T)
                    weights = tl.exp2(scores * factor - norm[None, :])
                    sums += tl.sum(tl.where(at[:, None] < local_start[None, :], weights, 0.0), 1)
            tl.store(mass + wide * keys + at, sums, mask=at < keys)
