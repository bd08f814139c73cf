"""Which columns to keep: the heaviest, until they hold enough mass or cost enough."""

from __future__ import annotations

import torch
from torch import Tensor


def choose_columns(mass: Tensor, *, rows: int, sinks: int, alpha: float) -> list[Tensor]:
    """Columns to keep for every head: SampleAttention (arXiv 2406.15486), its key selection.

    Sinks are always kept.  Of the other keys, the heaviest are taken until band, sinks and
    columns together hold at least `alpha` of the mass of the sampled rows.

    Args:
        mass: [H, N] float32, column sums outside the band; `rows` sampled rows of mass 1.
        sinks: number of first keys that are always kept.
    Returns:
        for each head the sorted positions, int64 [n], sinks first.
    """
    sinks = min(sinks, mass.shape[1])
    outside = mass.sum(dim=-1, dtype=torch.float64)
    missing = alpha * rows - (rows - outside) - mass[:, :sinks].sum(dim=-1, dtype=torch.float64)
    ordered, order = mass[:, sinks:].sort(dim=-1, descending=True)
    reached = ordered.cumsum(dim=-1, dtype=torch.float64)
    # The first count whose sum is no less than what is missing; none if nothing is missing.
    counts = torch.searchsorted(reached, missing.unsqueeze(-1)).squeeze(-1) + 1
    return _heaviest(order, torch.where(missing > 0, counts, 0), sinks)


def choose_columns_by_pairs(
    mass: Tensor, *, pairs: Tensor, sinks: int, budget: int
) -> list[Tensor]:
    """Sinks and as many of the heaviest columns as `budget` pays for, whatever they hold.

    Args:
        mass: [H, N] float32, as in `choose_columns`.
        pairs: [N] int64, (query, key) pairs that keeping the column adds.
        budget: pairs to spend; the sinks are kept even where they cost more.
    Returns:
        as `choose_columns`.
    """
    sinks = min(sinks, mass.shape[1])
    order = mass[:, sinks:].argsort(dim=-1, descending=True)
    spent = pairs[sinks:][order].cumsum(dim=-1)
    left = budget - int(pairs[:sinks].sum())
    return _heaviest(order, (spent <= left).sum(dim=-1), sinks)


def choose_sinks(mass: Tensor, *, sinks: int) -> list[Tensor]:
    """The sinks alone, for every head; as `choose_columns`."""
    order = torch.empty(mass.shape[0], 0, dtype=torch.long, device=mass.device)
    return _heaviest(order, order.sum(dim=-1), min(sinks, mass.shape[1]))


def _heaviest(order: Tensor, counts: Tensor, sinks: int) -> list[Tensor]:
    """Positions of the sinks and of the first `counts[h]` of `order[h]`, sorted."""
    wanted: list[int] = counts.clamp(max=order.shape[-1]).tolist()
    always = torch.arange(sinks, device=order.device)
    return [
        torch.cat([always, order[head, :count].sort().values + sinks])
        for head, count in enumerate(wanted)
    ]
