"""Which columns to keep: the heaviest, until they hold enough mass or cost enough."""

from __future__ import annotations

import torch
from torch import Tensor


def reaching(mass: Tensor, *, rows: int, sinks: int, alpha: float) -> Tensor:
    """Columns to keep for every head: SampleAttention (arXiv 2406.15486), its key selection.

    Sinks are always kept.  Of the other keys, the heaviest are taken until band, sinks and
    columns together hold at least `alpha` of the mass of the sampled rows.

    Args:
        mass: [H, N] float32, column sums outside the band; `rows` sampled rows of mass 1.
        sinks: number of first keys that are always kept.
    Returns:
        [H, N] bool.
    """
    sinks = min(sinks, mass.shape[1])
    outside = mass.sum(dim=-1, dtype=torch.float64)
    missing = alpha * rows - (rows - outside) - mass[:, :sinks].sum(dim=-1, dtype=torch.float64)
    ordered, order = mass[:, sinks:].sort(dim=-1, descending=True)
    reached = ordered.cumsum(dim=-1, dtype=torch.float64)
    # The first count whose sum is no less than what is missing; none if nothing is missing.
    counts = torch.searchsorted(reached, missing.unsqueeze(-1)).squeeze(-1) + 1
    return _heaviest(order, torch.where(missing > 0, counts, 0), sinks)


def worth(mass: Tensor, *, pairs: Tensor, sinks: int, budget: int) -> Tensor:
    """Sinks and as many of the heaviest columns as `budget` pays for, whatever they hold.

    Args:
        mass: [H, N] float32, as in `reaching`.
        pairs: [N] int64, (query, key) pairs that keeping the column adds.
        budget: pairs to spend; the sinks are kept even where they cost more.
    Returns:
        [H, N] bool.
    """
    sinks = min(sinks, mass.shape[1])
    order = mass[:, sinks:].argsort(dim=-1, descending=True)
    spent = pairs[sinks:][order].cumsum(dim=-1)
    left = budget - pairs[:sinks].sum()
    return _heaviest(order, (spent <= left).sum(dim=-1), sinks)


def listed(kept: Tensor, ends: Tensor) -> tuple[Tensor, Tensor]:
    """The kept columns of every head as sorted lists.

    Args:
        kept: [H, N] bool.
        ends: [T], positions up to N.
    Returns:
        columns int32 [H, N], each head's kept positions first, in order, then 0; and the number
        of them before each end, int64 [H, T].
    """
    heads, keys = kept.shape
    counts = kept.cumsum(dim=-1)
    positions = torch.arange(keys, dtype=torch.int32, device=kept.device).expand(heads, -1)
    # What is not kept goes into one place more, which is cut off.
    places = torch.where(kept, counts - 1, keys)
    columns = positions.new_zeros(heads, keys + 1).scatter_(1, places, positions)
    before = torch.cat([counts.new_zeros(heads, 1), counts], dim=-1)
    return columns[:, :keys], before.index_select(1, ends)


def _heaviest(order: Tensor, counts: Tensor, sinks: int) -> Tensor:
    """Sinks, and the first `counts[h]` of `order[h]`, which counts from the sinks on."""
    ranks = torch.arange(order.shape[1], device=order.device)
    kept = torch.zeros_like(order, dtype=torch.bool)
    kept.scatter_(1, order, ranks < counts[:, None])
    always = kept.new_ones(len(kept), sinks)
    return torch.cat([always, kept], dim=-1)
