"""From a chunk's queries and all keys so far to a plan."""

from __future__ import annotations

import torch
from torch import Tensor

from .plan import Plan, Tile, causal_pairs, tiles_of
from .sampling import Sample, sample
from .settings import SelectionSettings
from .stripes import Listed, columns_reaching, columns_worth, sinks_alone, used_before


def select(
    q: Tensor, k: Tensor, *, scale: float, settings: SelectionSettings
) -> tuple[Plan, Sample] | None:
    """The plan for one chunk of one layer and the sample that it was made from, or None for
    dense attention in every head.

    None at alpha >= 1, where no key lies outside band and sinks, and, for the joined method, in
    a chunk that ends before the break-even length.  A head whose columns would cost no less than
    dense attention is then dense in the plan; the other methods and a forced density keep their
    columns whatever they cost.  Nothing here waits for the device.

    Args:
        q: [H, C, D], the chunk's queries at positions [N - C, N).
        k: [G, N, D], all keys so far, the chunk's own included.
    """
    end = k.shape[1]
    start = end - q.shape[1]
    tiles = tiles_of(start, end, tile=settings.tile, window=settings.window)
    if _dense(tiles, end, settings):
        return None
    seen = sample(q, k, tiles, share=settings.sampled_share, scale=scale)
    pairs = causal_pairs(start, end)
    return _planned(_columns(seen, tiles, pairs, settings), tiles, pairs, settings), seen


def _dense(tiles: tuple[Tile, ...], end: int, settings: SelectionSettings) -> bool:
    if tiles[-1].band <= settings.sinks:
        return True
    if settings.density is not None:
        return False
    if settings.alpha >= 1.0:
        return True
    if settings.method != "joined":
        return False
    return settings.break_even is None or end < settings.break_even


def _columns(
    seen: Sample, tiles: tuple[Tile, ...], pairs: int, settings: SelectionSettings
) -> Listed:
    """What to keep of the keys before the last band."""
    mass, sinks = seen.mass, settings.sinks
    if settings.density is not None:
        keys = torch.arange(mass.shape[1], device=mass.device)
        added = torch.zeros_like(keys)
        for tile in tiles:
            added += tile.rows * (keys < tile.band)
        budget = int(settings.density * pairs) - sum(tile.band_pairs for tile in tiles)
        return columns_worth(mass, pairs=added, sinks=sinks, budget=budget)
    if settings.method == "triangular":
        return sinks_alone(mass, sinks=sinks)
    return columns_reaching(mass, rows=seen.rows, sinks=sinks, alpha=settings.alpha)


def _planned(
    listed: Listed, tiles: tuple[Tile, ...], pairs: int, settings: SelectionSettings
) -> Plan:
    """The plan that keeps these columns, but for heads that are cheaper dense."""
    columns, counts = listed
    device = columns.device
    ends = torch.tensor([tile.band for tile in tiles], device=device)
    used = used_before(counts, ends)
    bands = ends.int().expand_as(used)
    rows = torch.tensor([tile.rows for tile in tiles], device=device)
    computed = (used * rows).sum(dim=-1) + sum(tile.band_pairs for tile in tiles)
    if settings.density is None and settings.method == "joined":
        dense = settings.cost.stripes(tiles, used) >= settings.cost.dense(pairs)
        used = used.masked_fill(dense[:, None], 0)
        bands = bands.masked_fill(dense[:, None], 0)
        computed = computed.masked_fill(dense, pairs)
    return Plan(tiles, columns, used, bands, computed, pairs)
