"""Predicted cost of a head's chunk, to choose between its pattern and dense attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .plan import Tile


@dataclass(frozen=True)
class CostModel:
    """Costs in units of one computed (query, key) pair.

    The defaults were measured on two CPU cores with AVX512-BF16 at head size 64, where a pair
    takes about 1.7 ns.
    """

    gather_pairs: int = 32  # copying one key and its value
    call_pairs: int = 60_000  # one attention call with its merge

    def stripes(self, tiles: Sequence[Tile], used: Tensor) -> Tensor:
        """Window and column stripes of every head, [H] int64, with `used` [H, T] columns."""
        rows = torch.tensor([tile.rows for tile in tiles], device=used.device)
        fixed = sum(tile.band_pairs + self.call_pairs for tile in tiles)
        return (used * rows).sum(dim=-1) + self.gather_pairs * used[:, -1] + fixed

    def dense(self, pairs: int) -> int:
        """Dense attention over `pairs` causal pairs."""
        return pairs + self.call_pairs
