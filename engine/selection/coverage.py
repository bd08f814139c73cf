"""How much softmax mass a plan keeps, on rows that its selection did not sample."""

from __future__ import annotations

import torch
from torch import Tensor

from .plan import Plan
from .sampling import Sample


def coverage(plan: Plan, sample: Sample) -> Tensor:
    """Kept softmax mass of the held-out rows under exact attention, [H, T]."""
    device = sample.held.device
    bands = torch.tensor([tile.band for tile in plan.tiles if tile.rows > 1], device=device)
    keys = torch.arange(sample.held.shape[-1], device=device)
    in_band = keys >= bands[:, None]  # [T, N]; keys after the row have no weight
    kept = torch.zeros(len(plan.columns), 1, len(keys), dtype=torch.bool, device=device)
    for head, columns in enumerate(plan.columns):
        kept[head, 0, slice(None) if columns is None else columns] = True
    return sample.held.mul(kept | in_band).sum(dim=-1)
