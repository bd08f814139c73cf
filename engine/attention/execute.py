"""Carry out a plan: gather the kept columns, stream the band, merge."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..kernels import attend, merge
from ..kernels.products import attend_products, products_on_cpu, typical_scores
from ..kernels.stripes import LARGEST_BLOCK, SMALLEST_BLOCK, attend_stripes, stripes_on_cuda
from ..selection import Plan

Result = tuple[Tensor, Tensor]
"""Output [..., C, D] and log-sum-exp [..., C] float32 of some rows."""


def execute(q: Tensor, k: Tensor, v: Tensor, plan: Plan | None, *, scale: float) -> Result:
    """Attention of a chunk under `plan`; None is dense attention in every head.

    The keys of a row are the band with its causal diagonal, where it lies in the cache, and the
    columns before the band, gathered into one contiguous list for each head: those before the
    first tile's band, which all rows see, and the few between the bands.  The results over these
    disjoint keys are merged by log-sum-exp, so no mask is ever built.  A dense head's columns
    are all keys before the chunk.  Where `stripes_on_cuda` says so, one kernel does it all.

    Args:
        q: [H, C, D] at positions [N - C, N); k, v: [G, N, D], all keys so far.
    Returns:
        out [H, C, D] in the type of `q`, and lse [H, C] float32 over the keys that were kept.
    """
    if plan is None:
        out, lse = attend(q, k, v, causal=True, scale=scale)
        return out.to(q.dtype), lse
    if stripes_on_cuda(q, v) and (tile := _tile_rows(plan)) % SMALLEST_BLOCK == 0:
        return attend_stripes(q, k, v, plan.columns, plan.used, plan.bands, tile=tile, scale=scale)
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


def _tile_rows(plan: Plan) -> int:
    """Rows of the plan's tiles; of a single tile, which may be cut short, a round number."""
    rows = plan.tiles[0].rows
    return rows if len(plan.tiles) > 1 else -(-rows // LARGEST_BLOCK) * LARGEST_BLOCK


def _dense(
    q: Tensor, k: Tensor, v: Tensor, plan: Plan, heads: Sequence[int], scale: float
) -> Result:
    """Every key, for the query heads `heads` of one kv group; shapes as in `_stripes`."""
    before = plan.tiles[0].start
    near = attend(q, k[None, before:], v[None, before:], causal=True, scale=scale)
    if before == 0:
        return near
    typical = typical_scores(q, k, near[1], scale)
    far = _over_all(q, k[:before], v[:before], typical, scale)
    return merge(*far, *near)


def _stripes(
    q: Tensor, k: Tensor, v: Tensor, plan: Plan, heads: Sequence[int], scale: float
) -> Result:
    """Window and column stripes, for the query heads `heads` of one kv group.

    Args:
        q: [len(heads), C, D]; k, v: [N, D].
    """
    out, lse = _bands(q, k, v, plan, scale)
    typical = typical_scores(q, k, lse, scale)
    first = plan.tiles[0].start
    for i, head in enumerate(heads):
        edges: list[int] = plan.used[head].tolist()
        columns, shared = plan.columns[head, : edges[-1]], edges[0]
        keys, values = k.index_select(0, columns), v.index_select(0, columns)
        one = slice(i, i + 1)
        if shared:
            far = _over_all(q[one], keys[:shared], values[:shared], typical[one], scale)
            out[one], lse[one] = merge(*far, out[one], lse[one])
        for tile, used in zip(plan.tiles, edges, strict=True):
            if used > shared:
                some = slice(tile.start - first, tile.end - first)
                between = slice(shared, used)
                part = attend(
                    q[one, some], keys[None, between], values[None, between],
                    causal=False, scale=scale,
                )  # fmt: skip
                out[one, some], lse[one, some] = merge(*part, out[one, some], lse[one, some])
    return out, lse


def _bands(q: Tensor, k: Tensor, v: Tensor, plan: Plan, scale: float) -> Result:
    """Each tile over its band: the tile's own keys causally, those before them whole."""
    parts = []
    first = plan.tiles[0].start
    for tile in plan.tiles:
        rows = q[:, tile.start - first : tile.end - first]
        own, window = slice(tile.start, tile.end), slice(tile.band, tile.start)
        near = attend(rows, k[None, own], v[None, own], causal=True, scale=scale)
        if tile.band < tile.start:
            typical = typical_scores(rows, k, near[1], scale)
            near = merge(*near, *_over_all(rows, k[window], v[window], typical, scale))
        parts.append(near)
    outs, lses = zip(*parts, strict=True)
    return torch.cat(outs, dim=1).float(), torch.cat(lses, dim=1)


def _over_all(q: Tensor, k: Tensor, v: Tensor, typical: Tensor, scale: float) -> Result:
    """Every query [S, C, D] over the same keys [N, D], by the fastest way there is."""
    if not products_on_cpu(q, v):
        return attend(q, k[None], v[None], causal=False, scale=scale)
    out, lse = attend_products(q.flatten(0, 1), k, v, typical=typical.flatten(), scale=scale)
    return out.view(*q.shape[:2], -1), lse.view(q.shape[:2])
