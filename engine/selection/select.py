"""From a chunk's queries and all keys so far to a plan."""

from __future__ import annotations

import torch
from torch import Tensor

from .plan import Plan, causal_pairs, tiles_of
from .sampling import Sample, sample
from .settings import SelectionSettings
from .stripes import choose_columns


def select(
    q: Tensor, k: Tensor, *, scale: float, settings: SelectionSettings
) -> tuple[Plan, Sample] | None:
    """The plan for one chunk of one layer and the sample that it was made from, or None for
    dense attention in every head.

    None at alpha >= 1 and for a chunk that ends before the break-even length.  A head whose
    columns would cost no less than dense attention is dense in the plan.

    Args:
        q: [H, C, D], the chunk's queries at positions [N - C, N).
        k: [G, N, D], all keys so far, the chunk's own included.
    """
    rows = q.shape[1]
    end = k.shape[1]
    start = end - rows
    tiles = tiles_of(start, end, tile=settings.tile, window=settings.window)
    if settings.alpha >= 1.0 or end < settings.break_even or tiles[-1].band <= settings.sinks:
        return None

    seen = sample(q, k, tiles, share=settings.sampled_share, scale=scale)
    columns = choose_columns(seen.mass, rows=seen.rows, sinks=settings.sinks, alpha=settings.alpha)

    starts = torch.tensor([tile.band for tile in tiles], device=q.device)
    pairs = causal_pairs(start, end)
    kept: list[Tensor | None] = []
    edges: list[tuple[int, ...]] = []
    computed: list[int] = []
    for positions_kept in columns:
        used = tuple(torch.searchsorted(positions_kept, starts).tolist())
        if settings.cost.stripes(tiles, used) < settings.cost.dense(pairs):
            kept.append(positions_kept)
            edges.append(used)
            computed.append(
                sum(t.band_pairs + t.rows * n for t, n in zip(tiles, used, strict=True))
            )
        else:
            kept.append(None)
            edges.append(())
            computed.append(pairs)
    return Plan(tiles, tuple(kept), tuple(edges), tuple(computed), pairs), seen
