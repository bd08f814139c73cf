"""Lists of kept key blocks, as `sparse_prefill` streams them: two small Triton kernels.

A block that holds a kept column must leave that key out, and a masked step is slower; so every
list begins with the blocks that hold none.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .launch import HAS_TRITON, device_of

if HAS_TRITON:
    import triton
    import triton.language as tl

_COLUMNS = 1024  # of a program


@dataclass(frozen=True)
class BlockLists:
    """The key blocks of every row block, all before its local window.

    Row block i is the rows [i * size, (i + 1) * size) of the chunk; key block b is the keys
    [b * size, (b + 1) * size) of the context.
    """

    size: int
    numbers: Tensor  # int32 [H, R, B], the first `counts` of them in use
    whole: Tensor  # int32 [H, R], how many come first that hold no column
    counts: Tensor  # int32 [H, R]
    excluded: Tensor  # int8 [H, B * size], 1 for keys that are columns


def block_lists(kept: Tensor, columns: Tensor, num_columns: Tensor, *, size: int) -> BlockLists:
    """The kept blocks as lists.

    Args:
        kept: bool [H, R, B].
        columns: int32 [H, M].
        num_columns: int32 [H, T], columns that each query block uses; the last one counts.
        size: rows and keys of a block.
    """
    if HAS_TRITON and kept.device.type == "cuda":
        return block_lists_triton(kept, columns, num_columns, size=size)
    return block_lists_torch(kept, columns, num_columns, size=size)


def block_lists_torch(
    kept: Tensor, columns: Tensor, num_columns: Tensor, *, size: int
) -> BlockLists:
    """`block_lists` in plain torch, for every device."""
    heads, _, blocks = kept.shape
    keys = blocks * size
    listed = torch.arange(columns.shape[1], device=kept.device) < num_columns[:, -1:]
    # What is no column goes to one more place, which is cut off; so do later columns.
    places = torch.where(listed, columns, keys).clamp(max=keys).long()
    flags = torch.zeros(heads, keys + 1, dtype=torch.int8, device=kept.device)
    excluded = flags.scatter_(1, places, 1)[:, :keys].contiguous()
    broken = excluded.view(heads, 1, blocks, size).amax(dim=-1) > 0 if blocks else kept[:, :1]
    whole, rest = kept & ~broken, kept & broken
    first, counts = whole.sum(dim=-1), kept.sum(dim=-1)
    ranks = torch.where(whole, whole.cumsum(dim=-1), first[..., None] + rest.cumsum(dim=-1)) - 1
    order = torch.zeros(*kept.shape[:2], blocks + 1, dtype=torch.int32, device=kept.device)
    numbers = torch.arange(blocks, dtype=torch.int32, device=kept.device)
    order.scatter_(-1, torch.where(kept, ranks, blocks), numbers.expand(kept.shape))
    lists = order[..., :blocks].contiguous()
    return BlockLists(size, lists, first.int(), counts.int(), excluded)


def block_lists_triton(
    kept: Tensor, columns: Tensor, num_columns: Tensor, *, size: int
) -> BlockLists:
    """`block_lists` by the kernels."""
    heads, row_blocks, blocks = kept.shape
    device, most = kept.device, columns.shape[1]
    excluded = torch.zeros(heads, blocks * size, dtype=torch.int8, device=device)
    broken = torch.zeros(heads, max(1, blocks), dtype=torch.int8, device=device)
    numbers = torch.empty(heads, row_blocks, blocks, dtype=torch.int32, device=device)
    whole, counts = torch.empty(2, heads, row_blocks, dtype=torch.int32, device=device)
    columns, num_columns, kept = columns.contiguous(), num_columns.contiguous(), kept.contiguous()
    with device_of(kept):
        if most:
            _excluded_kernel[(-(-most // _COLUMNS), heads)](
                columns,
                num_columns,
                excluded,
                broken,
                most,
                num_columns.shape[1],
                blocks,
                KEY_BLOCK=size,
                COLUMNS=_COLUMNS,
                num_warps=4,
            )
        _block_lists_kernel[(row_blocks, heads)](
            kept.view(torch.int8),
            broken,
            numbers,
            whole,
            counts,
            row_blocks,
            blocks,
            BLOCKS=max(16, 1 << (blocks - 1).bit_length()),
            num_warps=4,
        )
    return BlockLists(size, numbers, whole, counts, excluded)


if HAS_TRITON:

    @triton.jit(do_not_specialize=["most", "query_blocks", "blocks"])  # type: ignore[untyped-decorator]
    def _excluded_kernel(  # type: ignore[no-untyped-def]
        columns,
        num_columns,
        excluded,
        broken,
        most,
        query_blocks,
        blocks,
        KEY_BLOCK: tl.constexpr,
        COLUMNS: tl.constexpr,
    ):
        """Flags of a few columns of one head, and of their blocks."""
        head = tl.program_id(1).to(tl.int64)
        at = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
        real = at < tl.load(num_columns + head * query_blocks + query_blocks - 1)
        key = tl.load(columns + head * most + at, mask=real, other=0)
        real &= key < blocks * KEY_BLOCK
        one = tl.full([COLUMNS], 1, tl.int8)
        tl.store(excluded + head * blocks * KEY_BLOCK + key, one, mask=real)
        tl.store(broken + head * blocks + key // KEY_BLOCK, one, mask=real)

    @triton.jit(do_not_specialize=["row_blocks", "blocks"])  # type: ignore[untyped-decorator]
    def _block_lists_kernel(  # type: ignore[no-untyped-def]
        kept, broken, numbers, whole, counts, row_blocks, blocks, BLOCKS: tl.constexpr
    ):
        """The list of one row block of one head."""
        head = tl.program_id(1).to(tl.int64)
        row = head * row_blocks + tl.program_id(0)
        block = tl.arange(0, BLOCKS)
        inside = block < blocks
        mine = tl.load(kept + row * blocks + block, mask=inside, other=0) != 0
        other = tl.load(broken + head * blocks + block, mask=inside, other=0) != 0
        first, rest = (mine & (other == 0)).to(tl.int32), (mine & other).to(tl.int32)
        before = tl.sum(first)
        rank = tl.where(other, before + tl.cumsum(rest, 0), tl.cumsum(first, 0)) - 1
        tl.store(numbers + row * blocks + rank, block, mask=mine)
        tl.store(whole + row, before)
        tl.store(counts + row, before + tl.sum(rest))
