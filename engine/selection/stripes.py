"""The smallest set of columns that, with band and sinks, holds a share of the sampled mass."""

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
    keys = mass.shape[1]
    sinks = min(sinks, keys)
    outside = mass.sum(dim=-1, dtype=torch.float64)
    missing = alpha * rows - (rows - outside) - mass[:, :sinks].sum(dim=-1, dtype=torch.float64)
    ordered, order = mass[:, sinks:].sort(dim=-1, descending=True)
    reached = ordered.cumsum(dim=-1, dtype=torch.float64)
    # The first count whose sum is no less than what is missing; none if nothing is missing.
    counts = torch.searchsorted(reached, missing.unsqueeze(-1)).squeeze(-1) + 1
    wanted: list[int] = torch.where(missing > 0, counts, 0).clamp_(max=keys - sinks).tolist()
    always = torch.arange(sinks, device=mass.device)
    return [
        torch.cat([always, order[h, :count].sort().values + sinks])
        for h, count in enumerate(wanted)
    ]
