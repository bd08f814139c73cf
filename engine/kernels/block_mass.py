"""The attention mass of sampled rows by row block and key block: a Triton kernel."""

from __future__ import annotations

import torch
from torch import Tensor

from .launch import HAS_TRITON, LOG2_E, device_of

if HAS_TRITON:
    import triton
    import triton.language as tl

_BLOCKS, _ROWS = 32, 64  # of a step


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
    """The rows' log-sum-exp, and the attention mass of the first of them by row and key block.

    Args:
        by_span, by_block: the results of `row_lse`, [S, H, R'] and [ceil(N / block), H, R'].
        local_starts: int32 [R], R <= R'; a row's mass counts in the key blocks that begin before
            this key.
        row_block: int32 [R], the row block in which its mass counts, below `row_blocks`.
        blocks: how many of the first key blocks to return, at least 1.
        block: keys of a block.
    Returns:
        lse [H, R'] and mass [H, row_blocks, blocks], float32.
    """
    spans, heads, every = by_span.shape
    lse = torch.empty(heads, every, dtype=torch.float32, device=by_span.device)
    mass = torch.empty(heads, row_blocks, blocks, dtype=torch.float32, device=by_span.device)
    with device_of(by_span):
        _block_mass_kernel[(-(-blocks // _BLOCKS), heads)](
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
            BLOCKS=_BLOCKS,
            ROWS=_ROWS,
            ROW_BLOCKS=max(16, 1 << (row_blocks - 1).bit_length()),
            LOG2_E=LOG2_E,
            num_warps=4,
        )
    return lse, mass


def block_mass_torch(
    by_span: Tensor,
    by_block: Tensor,
    local_starts: Tensor,
    row_block: Tensor,
    *,
    row_blocks: int,
    blocks: int,
    block: int,
) -> tuple[Tensor, Tensor]:
    """`block_mass` in plain torch, for every device."""
    rows = len(local_starts)
    lse = by_span.logsumexp(dim=0)
    starts = torch.arange(blocks, device=by_span.device) * block
    counts = starts[:, None] < local_starts  # [blocks, R]
    weights = (by_block[:blocks, :, :rows] - lse[:, :rows]).exp()
    weights = weights.masked_fill(~counts[:, None], 0.0)  # [blocks, H, R]
    mass = torch.zeros(row_blocks, blocks, len(lse), device=by_span.device)
    mass.index_add_(0, row_block, weights.permute(2, 0, 1))
    return lse, mass.permute(2, 0, 1).contiguous()


if HAS_TRITON:

    @triton.jit(  # type: ignore[untyped-decorator]
        do_not_specialize=["spans", "rows", "every", "row_blocks", "blocks"]
    )
    def _block_mass_kernel(  # type: ignore[no-untyped-def]
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
