"""How much softmax mass a plan keeps, on rows that its selection did not sample."""

from __future__ import annotations

import torch
from torch import Tensor

from .plan import Plan
from .sampling import grouped_rows, key_blocks, row_lse, scores_of


def coverage(plan: Plan, q: Tensor, k: Tensor, *, scale: float) -> Tensor:
    """Kept softmax mass under exact attention, [H, T]: one held-out row a tile, its middle.

    A tile of one row has none (that row was sampled) and is left out of T.

    Args:
        q: [H, C, D], the chunk's queries; k: [G, N, D], all keys so far.
    """
    heads, rows, _ = q.shape
    groups, end, _ = k.shape
    tiles = [tile for tile in plan.tiles if tile.rows > 1]
    if not tiles:
        return torch.empty(heads, 0, device=q.device)
    at = torch.tensor([tile.start + (tile.rows - 1) // 2 for tile in tiles], device=q.device)
    bands = torch.tensor([tile.band for tile in tiles], device=q.device).unsqueeze(-1)
    held = grouped_rows(q, at - (end - rows), groups)
    lse = row_lse(held, k, at, scale)

    kept = torch.zeros(heads, end, dtype=torch.bool, device=q.device)
    for head, columns in enumerate(plan.columns):
        kept[head, slice(None) if columns is None else columns] = True
    kept = kept.view(groups, heads // groups, 1, end)
    mass = torch.zeros_like(lse)  # [G, H/G, T]
    for first, last in key_blocks(int(at[-1]) + 1, q.device):
        weights = scores_of(held, k[:, first:last], scale).sub_(lse.unsqueeze(-1)).exp_()
        keys = torch.arange(first, last, device=q.device)
        seen = (kept[..., first:last] | (keys >= bands)) & (keys <= at.unsqueeze(-1))
        mass += weights.mul_(seen).sum(dim=-1)
    return mass.flatten(0, 1)
