"""Carry out a plan: gather the kept columns, stream the band, merge."""

from __future__ import annotations

import torch
from torch import Tensor

from ..kernels import attend, merge
from ..selection import Plan


def execute(q: Tensor, k: Tensor, v: Tensor, plan: Plan | None, *, scale: float) -> Tensor:
    """Attention of a chunk under `plan`; None is dense attention in every head.

    Every tile of a sparse head is two exact calls over disjoint keys: the columns and the band
    before the tile, gathered into one contiguous list that all rows see, and the causal
    diagonal.  Their results are merged by log-sum-exp, so no mask is ever built.

    Args:
        q: [H, C, D] at positions [N - C, N); k, v: [G, N, D], all keys so far.
    Returns:
        [H, C, D] in the type of `q`.
    """
    if plan is None:
        return attend(q, k, v, causal=True, scale=scale)[0].to(q.dtype)
    heads, shared = q.shape[0], q.shape[0] // k.shape[0]
    out = torch.empty(*q.shape[:2], v.shape[-1], dtype=q.dtype, device=q.device)
    for group in range(k.shape[0]):
        dense = [h for h in plan.dense_heads if h // shared == group]
        if dense:
            keys, values = k[group : group + 1], v[group : group + 1]
            out[dense] = attend(q[dense], keys, values, causal=True, scale=scale)[0].to(q.dtype)
    sparse = [h for h in range(heads) if plan.columns[h] is not None]
    if sparse:
        _execute_stripes(q, k, v, plan, sparse, out, scale)
    return out


def _execute_stripes(
    q: Tensor, k: Tensor, v: Tensor, plan: Plan, sparse: list[int], out: Tensor, scale: float
) -> None:
    shared = q.shape[0] // k.shape[0]
    first = plan.tiles[0].start
    group_of = [h // shared for h in sparse]
    for t, tile in enumerate(plan.tiles):
        queries = q[sparse, tile.start - first : tile.end - first]
        diagonal, diagonal_lse = attend(
            queries,
            k[group_of, tile.start : tile.end],
            v[group_of, tile.start : tile.end],
            causal=True,
            scale=scale,
        )
        rows = slice(tile.start - first, tile.end - first)
        if tile.start == 0:  # nothing lies before the diagonal
            out[sparse, rows] = diagonal.to(out.dtype)
            continue
        band = torch.arange(tile.band, tile.start, device=k.device)
        past = torch.empty_like(diagonal)
        past_lse = torch.empty_like(diagonal_lse)
        for i, head in enumerate(sparse):
            columns = plan.columns[head]
            assert columns is not None
            before = torch.cat([columns[: plan.edges[head][t]], band])
            past[i : i + 1], past_lse[i : i + 1] = attend(
                queries[i : i + 1],
                k[group_of[i]].index_select(0, before).unsqueeze(0),
                v[group_of[i]].index_select(0, before).unsqueeze(0),
                causal=False,
                scale=scale,
            )
        merged, _ = merge(past, past_lse, diagonal, diagonal_lse)
        out[sparse, rows] = merged.to(out.dtype)
