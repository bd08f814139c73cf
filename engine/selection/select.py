"""From a chunk's queries and all keys so far to a plan."""

from __future__ import annotations

import torch
from torch import Tensor

from .plan import Plan, Tile, causal_pairs, tiles_of
from .sampling import Sample, sample
from .settings import SelectionSettings
from .stripes import choose_columns, choose_columns_by_pairs, choose_sinks


def select(
    q: Tensor, k: Tensor, *, scale: float, settings: SelectionSettings
) -> tuple[Plan, Sample] | None:
    """The plan for one chunk of one layer and the sample that it was made from, or None for
    dense attention in every head.

    None at alpha >= 1, where no key lies outside band and sinks, and, for the joined method, in
    a chunk that ends before the break-even length.  A head whose columns would cost no less than
    dense attention is then dense in the plan; the other methods and a forced density keep their
    columns whatever they cost.

    Args:
        q: [H, C, D], the chunk's queries at positions [N - C, N).
        k: [G, N, D], all keys so far, the chunk's own included.
    """
    end = k.shape[1]
    start = end - q.shape[1]
    tiles = tiles_of(start, end, tile=settings.tile, window=settings.window)
    if _dense(tiles, end, settings, q.device.type):
        return None
    seen = sample(q, k, tiles, share=settings.sampled_share, scale=scale)
    bands = torch.tensor([tile.band for tile in tiles], device=q.device)
    pairs = causal_pairs(start, end)
    by_cost = settings.density is None and settings.method == "joined"
    kept: list[Tensor | None] = []
    edges: list[tuple[int, ...]] = []
    computed: list[int] = []
    for columns in _columns(seen, tiles, pairs, settings):
        used = tuple(torch.searchsorted(columns, bands).tolist())
        if by_cost and settings.cost.stripes(tiles, used) >= settings.cost.dense(pairs):
            kept.append(None)
            edges.append(())
            computed.append(pairs)
        else:
            kept.append(columns)
            edges.append(used)
            computed.append(
                sum(t.band_pairs + t.rows * n for t, n in zip(tiles, used, strict=True))
            )
    return Plan(tiles, tuple(kept), tuple(edges), tuple(computed), pairs), seen


def _dense(tiles: tuple[Tile, ...], end: int, settings: SelectionSettings, device: str) -> bool:
    if tiles[-1].band <= settings.sinks:
        return True
    if settings.density is not None:
        return False
    if settings.alpha >= 1.0:
        return True
    return settings.method == "joined" and end < settings.break_even_on(device)


def _columns(
    seen: Sample, tiles: tuple[Tile, ...], pairs: int, settings: SelectionSettings
) -> list[Tensor]:
    """Sorted positions of the columns to keep, for every head."""
    sinks = settings.sinks
    if settings.density is not None:
        keys = torch.arange(seen.mass.shape[1], device=seen.mass.device)
        added = torch.zeros_like(keys)
        for tile in tiles:
            added += tile.rows * (keys < tile.band)
        budget = int(settings.density * pairs) - sum(tile.band_pairs for tile in tiles)
        return choose_columns_by_pairs(seen.mass, pairs=added, sinks=sinks, budget=budget)
    if settings.method == "triangular":
        return choose_sinks(seen.mass, sinks=sinks)
    return choose_columns(seen.mass, rows=seen.rows, sinks=sinks, alpha=settings.alpha)
