"""Carry out a plan: gather the kept columns, stream the band, merge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from ..kernels import attend, merge_attention_states
from ..kernels.block_lists import BlockLists, block_lists
from ..kernels.cpu_bf16 import attend_cpu_bf16, cpu_bf16_supported, typical_scores
from ..kernels.gather import gather
from ..kernels.sparse_prefill import (
    LARGEST_BLOCK,
    SMALLEST_BLOCK,
    sparse_prefill,
    sparse_prefill_supported,
)
from . import SparsePlan

Result = tuple[Tensor, Tensor]
"""Output [..., C, D] and log-sum-exp [..., C] float32 of some rows."""


def sparse_attention(
    q: Tensor, k: Tensor, v: Tensor, plan: SparsePlan | None, *, scale: float
) -> Result:
    """Attention of a chunk under `plan`; None is dense attention in every head.

    The keys of a row are the band with its causal diagonal, where it lies in the cache, and the
    columns before the band, gathered into one contiguous list for each head: those before the
    first tile's band, which all rows see, and the few between the bands; and the keys of the
    kept blocks that are no columns.  The results over these disjoint keys are merged by
    log-sum-exp, so no mask is ever built.  A dense head's columns are all keys before the chunk.
    Where `sparse_prefill_supported` says so, one kernel does it all.

    Args:
        q: [H, C, D] at positions [N - C, N); k, v: [G, N, D], all keys so far.
    Returns:
        out [H, C, D] in the type of `q`, and lse [H, C] float32 over the keys that were kept.
    """
    if plan is None:
        out, lse = attend(q, k, v, causal=True, scale=scale)
        return out.to(q.dtype), lse
    block = LARGEST_BLOCK if plan.blocks is None else plan.blocks.size
    query_block = _tile_rows(plan)
    if sparse_prefill_supported(q, v, block) and query_block % SMALLEST_BLOCK == 0:
        lists = plan.columns, plan.num_columns, plan.local_starts, _block_lists(plan), plan.order
        return sparse_prefill(q, k, v, *lists, query_block=query_block, scale=scale)
    groups, shared = k.shape[0], q.shape[0] // k.shape[0]
    out = torch.empty(*q.shape[:2], v.shape[-1], dtype=q.dtype, device=q.device)
    lse = torch.empty(q.shape[:2], device=q.device)
    is_dense: list[bool] = plan.dense.tolist()
    for group in range(groups):
        heads = range(group * shared, (group + 1) * shared)
        dense = [h for h in heads if is_dense[h]]
        sparse = [h for h in heads if not is_dense[h]]
        for some, carry_out in ((dense, _dense), (sparse, _stripes)):
            if some:
                result, lse[some] = carry_out(q[some], k[group], v[group], plan, some, scale)
                out[some] = result.to(q.dtype)
    return out, lse


def gathered(k: Tensor, v: Tensor, columns: Tensor) -> object:
    """Copies of the columns int32 [H, M] of k, v [G, N, D], as a plan's are made, to be timed."""
    if sparse_prefill_supported(k, v):
        num_columns = torch.full_like(columns[:, :1], columns.shape[1])
        return gather(k, v, columns, num_columns)
    shared = len(columns) // len(k)
    return [
        (k[h // shared].index_select(0, some), v[h // shared].index_select(0, some))
        for h, some in enumerate(columns)
    ]


def _tile_rows(plan: SparsePlan) -> int:
    """Rows of the plan's tiles; of a single tile, which may be cut short, a round number."""
    rows = plan.query_blocks[0].rows
    return rows if len(plan.query_blocks) > 1 else -(-rows // LARGEST_BLOCK) * LARGEST_BLOCK


def _block_lists(plan: SparsePlan) -> BlockLists | None:
    if plan.blocks is None:
        return None
    return block_lists(plan.blocks.kept, plan.columns, plan.num_columns, size=plan.blocks.size)


def _dense(
    q: Tensor, k: Tensor, v: Tensor, plan: SparsePlan, heads: Sequence[int], scale: float
) -> Result:
    """Every key, for the query heads `heads` of one kv group; shapes as in `_stripes`."""
    before = plan.query_blocks[0].start
    near = attend(q, k[None, before:], v[None, before:], causal=True, scale=scale)
    if before == 0:
        return near
    typical = typical_scores(q, k, near[1], scale)
    far = _over_all(q, k[:before], v[:before], typical, scale)
    return merge_attention_states(*far, *near)


def _stripes(
    q: Tensor, k: Tensor, v: Tensor, plan: SparsePlan, heads: Sequence[int], scale: float
) -> Result:
    """Bands, columns and blocks, for the query heads `heads` of one kv group.

    Args:
        q: [len(heads), C, D]; k, v: [N, D].
    """
    out, lse = _bands(q, k, v, plan, scale)
    typical = typical_scores(q, k, lse, scale)
    first = plan.query_blocks[0].start
    for i, head in enumerate(heads):
        edges: list[int] = plan.num_columns[head].tolist()
        columns, shared = plan.columns[head, : edges[-1]], edges[0]
        keys, values = k.index_select(0, columns), v.index_select(0, columns)
        one = slice(i, i + 1)
        if shared:
            far = _over_all(q[one], keys[:shared], values[:shared], typical[one], scale)
            out[one], lse[one] = merge_attention_states(*far, out[one], lse[one])
        for query_block, num_columns in zip(plan.query_blocks, edges, strict=True):
            if num_columns > shared:
                some = slice(query_block.start - first, query_block.end - first)
                between = slice(shared, num_columns)
                part = attend(
                    q[one, some], keys[None, between], values[None, between],
                    causal=False, scale=scale,
                )  # fmt: skip
                out[one, some], lse[one, some] = merge_attention_states(
                    *part, out[one, some], lse[one, some]
                )
        for some, kept in _blocks(plan, head):
            part = _over_all(q[one, some], k[kept], v[kept], typical[one, some], scale)
            out[one, some], lse[one, some] = merge_attention_states(
                *part, out[one, some], lse[one, some]
            )
    return out, lse


def _blocks(plan: SparsePlan, head: int) -> Iterator[tuple[slice, Tensor]]:
    """Of one head, rows of the chunk that see the same blocks, and these blocks' keys that are
    no columns, int64 [n]."""
    if plan.blocks is None or not bool(plan.blocks.kept[head].any()):
        return
    size, kept = plan.blocks.size, plan.blocks.kept[head]
    free = torch.ones(kept.shape[1] * size, dtype=torch.bool, device=kept.device)
    columns = plan.columns[head, : int(plan.num_columns[head, -1])]
    free[columns[columns < len(free)]] = False
    changes = (kept[1:] != kept[:-1]).any(dim=1).nonzero().flatten() + 1
    edges = [0, *changes.tolist(), len(kept)]
    for first, end in pairwise(edges):
        seen = kept[first].repeat_interleave(size) & free
        if bool(seen.any()):
            yield slice(first * size, end * size), seen.nonzero().flatten()


def _bands(q: Tensor, k: Tensor, v: Tensor, plan: SparsePlan, scale: float) -> Result:
    """Each tile over its band: the tile's own keys causally, those before them whole."""
    parts = []
    first = plan.query_blocks[0].start
    for query_block in plan.query_blocks:
        rows = q[:, query_block.start - first : query_block.end - first]
        own, window = (
            slice(query_block.start, query_block.end),
            slice(query_block.local_start, query_block.start),
        )
        near = attend(rows, k[None, own], v[None, own], causal=True, scale=scale)
        if query_block.local_start < query_block.start:
            typical = typical_scores(rows, k, near[1], scale)
            near = merge_attention_states(
                *near, *_over_all(rows, k[window], v[window], typical, scale)
            )
        parts.append(near)
    outs, lses = zip(*parts, strict=True)
    return torch.cat(outs, dim=1).float(), torch.cat(lses, dim=1)


def _over_all(q: Tensor, k: Tensor, v: Tensor, typical: Tensor, scale: float) -> Result:
    """Every query [S, C, D] over the same keys [N, D], by the fastest way there is."""
    if not cpu_bf16_supported(q, v):
        return attend(q, k[None], v[None], causal=False, scale=scale)
    out, lse = attend_cpu_bf16(q.flatten(0, 1), k, v, typical=typical.flatten(), scale=scale)
    return out.view(*q.shape[:2], -1), lse.view(q.shape[:2])
