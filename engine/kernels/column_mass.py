"""The attention mass of each key, summed over sampled rows: a Triton kernel."""

from __future__ import annotations

import torch
from torch import Tensor

from .launch import HAS_TRITON, LOG2_E, descriptor, device_of, padded_head_dim

if HAS_TRITON:
    import triton
    import triton.language as tl


def column_mass(
    q: Tensor,
    k: Tensor,
    lse: Tensor,
    local_starts: Tensor,
    first_local_start: int,
    mass_of_blocks: Tensor,
    negligible: float,
    kept_blocks: tuple[Tensor, Tensor] | None = None,
    *,
    keys: int,
    block: int,
    scale: float,
) -> Tensor:
    """The attention mass of each key: softmax weights, summed over the rows that count for it.

    Args:
        q: [H, R', D] contiguous, of which the first R rows count; k: [G, N, D], as in `row_lse`.
        lse: float32 [H, R'], the rows' log-sum-exp over all keys that they see.
        local_starts: int32 [R]; a row counts for the keys before this one, all of which it sees.
        first_local_start: the smallest of `local_starts`, on the host.
        mass_of_blocks: float32 [H, B], the attention mass of each key block.
        negligible: a block with no more mass than this is not computed; its mass is spread evenly
            over its keys.
        kept_blocks: bool [H, T, B] and int32 [R]; a row whose number in the second is t does not
            count for the keys of block b where [h, t, b] is set.
        keys: how many of the first keys to return.
        block: keys of a block, a multiple of 128.
        scale: factor on q @ k.T before the softmax.
    Returns:
        [H, keys] float32.
    """
    heads, _, head_dim = q.shape
    mass = torch.empty(heads, keys, dtype=torch.float32, device=q.device)
    if keys == 0:
        return mass
    width = padded_head_dim(head_dim)
    block_n, block_m = (128, 64) if width <= 128 else (64, 32)
    assert block % block_n == 0
    kept, row_block = (local_starts, local_starts) if kept_blocks is None else kept_blocks
    kept = kept.contiguous()
    with device_of(q):
        _column_mass_kernel[(-(-keys // block_n), len(k))](
            descriptor(q, block_m),
            descriptor(k, block_n),
            mass,
            lse,
            local_starts,
            mass_of_blocks,
            kept if kept_blocks is None else kept.view(torch.int8),
            row_block,
            lse.stride(0),
            len(local_starts),
            keys,
            first_local_start,
            mass_of_blocks.stride(0),
            0 if kept_blocks is None else kept.shape[1],
            heads // k.shape[0],
            negligible,
            scale * LOG2_E,
            LOG2_E,
            KEPT_BLOCKS=kept_blocks is not None,
            ROWS=block_m,
            KEYS=block_n,
            BLOCK=block,
            BLOCK_D=width,
            num_warps=4,
            num_stages=2,
        )
    return mass


def column_mass_torch(
    q: Tensor,
    k: Tensor,
    lse: Tensor,
    local_starts: Tensor,
    first_local_start: int,
    mass_of_blocks: Tensor,
    negligible: float,
    kept_blocks: tuple[Tensor, Tensor] | None = None,
    *,
    keys: int,
    block: int,
    scale: float,
) -> Tensor:
    """`column_mass` in plain torch, for every device, with all weights in float32 at once."""
    assert first_local_start == int(local_starts.min())
    rows, group_size = len(local_starts), len(q) // len(k)
    k = k[:, :keys].float().repeat_interleave(group_size, dim=0)
    weights = (q[:, :rows].float() @ k.transpose(1, 2) * scale - lse[:, :rows, None]).exp()
    key = torch.arange(keys, device=q.device)
    counts = (key < local_starts[:, None]).expand_as(weights)  # [H, R, keys]
    if kept_blocks is not None:
        kept, row_block = kept_blocks
        counts = counts & ~kept[:, row_block][..., key // block]
    mass = weights.masked_fill(~counts, 0.0).sum(dim=1)
    of_block = mass_of_blocks[:, key // block]
    return torch.where(of_block <= negligible, of_block / block, mass)


if HAS_TRITON:

    @triton.jit  # type: ignore[untyped-decorator]
    def _norms(  # type: ignore[no-untyped-def]
        lse, kept, row_block, row, rows, blocks, log2_e, KEPT_BLOCKS: tl.constexpr
    ):
        """The rows' log-sum-exps for exp2; infinite, so that the weights are 0, where a row does
        not count."""
        counts = row < rows
        if KEPT_BLOCKS:
            of = tl.load(row_block + row, mask=counts, other=0)
            counts &= tl.load(kept + of * blocks, mask=counts, other=1) == 0
        return tl.load(lse + row, mask=counts, other=float("inf")) * log2_e

    @triton.jit(  # type: ignore[untyped-decorator]
        do_not_specialize=["rows", "keys", "first_local_start", "blocks", "row_blocks"]
    )
    def _column_mass_kernel(  # type: ignore[no-untyped-def]
        q,  # descriptors
        k,
        mass,
        lse,
        local_starts,
        mass_of_blocks,
        kept,
        row_block,
        lse_head,
        rows,
        keys,
        first_local_start,
        blocks,
        row_blocks,
        group_size,
        negligible,
        factor,  # scale * log2(e), for exp2
        log2_e,
        KEPT_BLOCKS: tl.constexpr,
        ROWS: tl.constexpr,
        KEYS: tl.constexpr,
        BLOCK: tl.constexpr,
        BLOCK_D: tl.constexpr,
    ):
        """One block of keys over all rows of the heads that share it.

        Keys are the rows of the product, so that sums over query rows stay within a warp.
        """
        first, kv_head = tl.program_id(0) * KEYS, tl.program_id(1)
        at = first + tl.arange(0, KEYS)
        block = first // BLOCK
        steps = tl.arange(0, ROWS)
        some = k.load([kv_head, first, 0]).reshape(KEYS, BLOCK_D)
        for i in range(0, group_size):
            head = kv_head * group_size + i
            wide = head.to(tl.int64)
            sums = tl.zeros([KEYS], tl.float32)
            mine = lse + wide * lse_head
            flags = kept + wide * row_blocks * blocks + block
            in_all = tl.load(mass_of_blocks + wide * blocks + block)
            if in_all <= negligible:  # spread evenly
                sums += in_all / BLOCK
            elif first + KEYS <= first_local_start:
                for start in tl.range(0, rows, ROWS):
                    row = start + steps
                    norm = _norms(mine, flags, row_block, row, rows, blocks, log2_e, KEPT_BLOCKS)
                    queries = q.load([head, start, 0]).reshape(ROWS, BLOCK_D)
                    scores = tl.dot(some, queries.T)
                    sums += tl.sum(tl.exp2(scores * factor - norm[None, :]), 1)
            else:
                for start in tl.range(0, rows, ROWS):
                    row = start + steps
                    norm = _norms(mine, flags, row_block, row, rows, blocks, log2_e, KEPT_BLOCKS)
                    local_start = tl.load(local_starts + row, mask=row < rows, other=0)
                    queries = q.load([head, start, 0]).reshape(ROWS, BLOCK_D)
                    scores = tl.dot(some, queries.T)
                    weights = tl.exp2(scores * factor - norm[None, :])
                    sums += tl.sum(tl.where(at[:, None] < local_start[None, :], weights, 0.0), 1)
            tl.store(mass + wide * keys + at, sums, mask=at < keys)
