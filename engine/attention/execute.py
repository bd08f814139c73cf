"""Carry out a plan: gather the kept columns, stream the band, merge."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ..kernels import attend, merge
from ..kernels.stripes import LARGEST_BLOCK, SMALLEST_BLOCK, attend_stripes, stripes_on_cuda
from ..selection import Plan


def execute(q: Tensor, k: Tensor, v: Tensor, plan: Plan | None, *, scale: float) -> Tensor:
    """Attention of a chunk under `plan`; None is dense attention in every head.

    A sparse head's columns are gathered into one contiguous list once.  Each tile of query rows
    then makes two exact calls over disjoint keys: the band with its causal diagonal, where it
    lies in the cache, and the first columns of the list, which all rows of the tile see.  Their
    results are merged by log-sum-exp, so no mask is ever built.  Where `stripes_on_cuda` says
    so, one kernel does it all instead.

    Args:
        q: [H, C, D] at positions [N - C, N); k, v: [G, N, D], all keys so far.
    Returns:
        [H, C, D] in the type of `q`.
    """
    if plan is None:
        return attend(q, k, v, causal=True, scale=scale)[0].to(q.dtype)
    if stripes_on_cuda(q, v) and (tile := _tile_rows(plan)) % SMALLEST_BLOCK == 0:
        tables = stripe_tables(plan, q.device)
        return attend_stripes(q, k, v, *tables, tile=tile, scale=scale)
    groups, shared = k.shape[0], q.shape[0] // k.shape[0]
    out = torch.empty(*q.shape[:2], v.shape[-1], dtype=q.dtype, device=q.device)
    for group in range(groups):
        heads = range(group * shared, (group + 1) * shared)
        dense = [h for h in heads if plan.columns[h] is None]
        sparse = [h for h in heads if plan.columns[h] is not None]
        if dense:
            keys, values = k[group : group + 1], v[group : group + 1]
            out[dense] = attend(q[dense], keys, values, causal=True, scale=scale)[0].to(q.dtype)
        if sparse:
            out[sparse] = _stripes(q[sparse], k[group], v[group], plan, sparse, scale)
    return out


def stripe_tables(plan: Plan, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """What `attend_stripes` takes: columns [H, M], used [H, T] and bands [H, T], all int32."""
    none = torch.empty(0, dtype=torch.int64, device=device)
    columns = [none if kept is None else kept for kept in plan.columns]
    nothing = [0] * len(plan.tiles)
    bands = [tile.band for tile in plan.tiles]
    dense = [kept is None for kept in plan.columns]
    used = [
        nothing if all_keys else edges for all_keys, edges in zip(dense, plan.edges, strict=True)
    ]
    starts = [nothing if all_keys else bands for all_keys in dense]
    counts = torch.tensor([used, starts], dtype=torch.int32, device=device)
    return pad_sequence(columns, batch_first=True).to(torch.int32), counts[0], counts[1]


def _tile_rows(plan: Plan) -> int:
    """Rows of the plan's tiles; of a single tile, which may be cut short, a round number."""
    rows = plan.tiles[0].rows
    return rows if len(plan.tiles) > 1 else -(-rows // LARGEST_BLOCK) * LARGEST_BLOCK


def _stripes(q: Tensor, k: Tensor, v: Tensor, plan: Plan, heads: list[int], scale: float) -> Tensor:
    """Window and column stripes for the query heads `heads` of one kv group.

    Args:
        q: [len(heads), C, D]; k, v: [N, D].
    """
    out = torch.empty(*q.shape[:2], v.shape[-1], dtype=q.dtype, device=q.device)
    columns = [_gathered(k, v, plan, head) for head in heads]
    first = plan.tiles[0].start
    for t, tile in enumerate(plan.tiles):
        rows, band = slice(tile.start - first, tile.end - first), slice(tile.band, tile.end)
        near, near_lse = attend(q[:, rows], k[None, band], v[None, band], causal=True, scale=scale)
        for i, head in enumerate(heads):
            used = plan.edges[head][t]
            if used == 0:
                out[i, rows] = near[i].to(out.dtype)
                continue
            keys, values = columns[i]
            far, far_lse = attend(
                q[i : i + 1, rows], keys[:, :used], values[:, :used], causal=False, scale=scale
            )
            merged, _ = merge(far[0], far_lse[0], near[i], near_lse[i])
            out[i, rows] = merged.to(out.dtype)
    return out


def _gathered(k: Tensor, v: Tensor, plan: Plan, head: int) -> tuple[Tensor, Tensor]:
    """The keys and values [1, n, D] of all columns that any tile of the head uses."""
    columns = plan.columns[head]
    assert columns is not None
    used = columns[: plan.edges[head][-1]]
    return k.index_select(0, used)[None], v.index_select(0, used)[None]
