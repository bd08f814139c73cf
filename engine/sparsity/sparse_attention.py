"""Attention by a plan: gather the kept columns, stream the local windows, merge."""

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
from ..kernels.sparse_prefill_torch import with_tail
from ..kernels.tail import TailKeys
from .plan import SparsePlan

Result = tuple[Tensor, Tensor]
"""Output [..., C, D] and log-sum-exp [..., C] float32 of some rows."""


def sparse_attention(
    q: Tensor, k: Tensor, v: Tensor, plan: SparsePlan | None, *, scale: float
) -> Result:
    """Attention of a chunk under `plan`; None is dense attention in every head.

    The keys of a row are the local window with its causal diagonal, where it lies in the cache;
    the columns before it, gathered into one contiguous list for each head: those before the first
    query block's local window, which all rows see, and the few between the local windows; and the
    keys of the kept blocks that are not columns.  The results over these disjoint keys are merged
    by log-sum-exp, so no mask is ever built.  A dense head's columns are all keys before the
    chunk.  A tail comes last.  Where `sparse_prefill_supported` says so, one kernel does it all.

    Args:
        q: [H, C, D] at positions [N - C, N); k, v: [G, N, D], all keys so far.
        scale: factor on q @ k.T before the softmax.
    Returns:
        out [H, C, D] in the type of `q`, and lse [H, C] float32 over the keys that were kept, those
        of the tail not among them.
    """
    if plan is None:
        out, lse = attend(q, k, v, causal=True, scale=scale)
        return out.to(q.dtype), lse
    block = LARGEST_BLOCK if plan.blocks is None else plan.blocks.size
    query_block = query_block_rows(plan)
    if sparse_prefill_supported(q, v, block) and query_block % SMALLEST_BLOCK == 0:
        lists = plan.columns, plan.num_columns, plan.local_starts, block_lists_of(plan), plan.order
        tail = None if plan.tail is None else plan.tail.with_values(v)
        return sparse_prefill(q, k, v, *lists, tail, query_block=query_block, scale=scale)
    num_kv_heads, group_size = k.shape[0], q.shape[0] // k.shape[0]
    out = torch.empty(*q.shape[:2], v.shape[-1], dtype=q.dtype, device=q.device)
    lse = torch.empty(q.shape[:2], device=q.device)
    is_dense: list[bool] = plan.dense.tolist()
    for kv_head in range(num_kv_heads):
        heads = range(kv_head * group_size, (kv_head + 1) * group_size)
        dense = [h for h in heads if is_dense[h]]
        sparse = [h for h in heads if not is_dense[h]]
        for some, compute in ((dense, _dense_heads), (sparse, _sparse_heads)):
            if some:
                result, lse[some] = compute(q[some], k[kv_head], v[kv_head], plan, some, scale)
                out[some] = result.to(q.dtype)
    if plan.tail is not None:
        _add_tail(out, lse, q, plan.tail.with_values(v), plan, scale)
    return out, lse


def _add_tail(
    out: Tensor, lse: Tensor, q: Tensor, tail: TailKeys, plan: SparsePlan, scale: float
) -> None:
    """Join what a plan's tail adds to the output [H, C, D] over the kept keys, in place."""
    heights = torch.tensor([block.rows for block in plan.query_blocks], device=q.device)
    starts = plan.local_starts.repeat_interleave(heights, dim=1)
    some = (tail.log_weights > float("-inf")).any(dim=-1).nonzero().flatten()
    mine = TailKeys(tail.span, tail.keys[some], tail.values[some], tail.log_weights[some])
    out[some] = with_tail(out[some], lse[some], q[some], mine, starts[some], scale=scale).to(
        out.dtype
    )


def gathered(k: Tensor, v: Tensor, columns: Tensor) -> object:
    """Copies of the columns int32 [H, M] of k, v [G, N, D], as a plan's are made, to be timed."""
    if sparse_prefill_supported(k, v):
        num_columns = torch.full_like(columns[:, :1], columns.shape[1])
        return gather(k, v, columns, num_columns)
    group_size = len(columns) // len(k)
    return [
        (k[h // group_size].index_select(0, some), v[h // group_size].index_select(0, some))
        for h, some in enumerate(columns)
    ]


def query_block_rows(plan: SparsePlan) -> int:
    """Rows of the plan's query blocks, as `sparse_prefill` takes them: those of a single query
    block, which may be cut short, rounded up."""
    rows = plan.query_blocks[0].rows
    return rows if len(plan.query_blocks) > 1 else -(-rows // LARGEST_BLOCK) * LARGEST_BLOCK


def block_lists_of(plan: SparsePlan) -> BlockLists | None:
    """The plan's kept blocks, as `sparse_prefill` takes them."""
    if plan.blocks is None:
        return None
    return block_lists(plan.blocks.kept, plan.columns, plan.num_columns, size=plan.blocks.size)


def _dense_heads(
    q: Tensor, k: Tensor, v: Tensor, plan: SparsePlan, heads: Sequence[int], scale: float
) -> Result:
    """Every key, for the query heads `heads` of one kv head; shapes as in `_sparse_heads`."""
    before = plan.query_blocks[0].start
    near = attend(q, k[None, before:], v[None, before:], causal=True, scale=scale)
    if before == 0:
        return near
    typical = typical_scores(q, k, near[1], scale)
    far = _over_all(q, k[:before], v[:before], typical, scale)
    return merge_attention_states(*far, *near)


def _sparse_heads(
    q: Tensor, k: Tensor, v: Tensor, plan: SparsePlan, heads: Sequence[int], scale: float
) -> Result:
    """Local windows, columns and blocks, for the query heads `heads` of one kv head.

    Args:
        q: [len(heads), C, D]; k, v: [N, D].
    """
    out, lse = _local_windows(q, k, v, plan, scale)
    typical = typical_scores(q, k, lse, scale)
    first = plan.query_blocks[0].start
    for i, head in enumerate(heads):
        edges: list[int] = plan.num_columns[head].tolist()
        columns, seen_by_all = plan.columns[head, : edges[-1]], edges[0]
        keys, values = k.index_select(0, columns), v.index_select(0, columns)
        one = slice(i, i + 1)
        if seen_by_all:
            first_keys, first_values = keys[:seen_by_all], values[:seen_by_all]
            far = _over_all(q[one], first_keys, first_values, typical[one], scale)
            out[one], lse[one] = merge_attention_states(*far, out[one], lse[one])
        for query_block, num_columns in zip(plan.query_blocks, edges, strict=True):
            if num_columns > seen_by_all:
                some = slice(query_block.start - first, query_block.end - first)
                between = slice(seen_by_all, num_columns)
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
    """One head's rows that see the same blocks, and the keys of these blocks that are not columns,
    int64 [n]."""
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


def _local_windows(q: Tensor, k: Tensor, v: Tensor, plan: SparsePlan, scale: float) -> Result:
    """Each query block over its local window: its own keys causally, those before them whole."""
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
    """Every query [S, C, D] over the same keys [N, D], by the fastest implementation."""
    if not cpu_bf16_supported(q, v):
        return attend(q, k[None], v[None], causal=False, scale=scale)
    out, lse = attend_cpu_bf16(q.flatten(0, 1), k, v, typical=typical.flatten(), scale=scale)
    return out.view(*q.shape[:2], -1), lse.view(q.shape[:2])
