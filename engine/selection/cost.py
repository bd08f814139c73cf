"""Predicted cost of a head's chunk, to choose between its pattern and dense attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .plan import Tile


@dataclass(frozen=True)
class CostModel:
    """Costs in units of one computed (query, key) pair.

    The defaults were measured on two CPU cores with AVX512-BF16 at head size 64, where a pair
    takes about 1.7 ns.
    """

    gather_pairs: int = 32  # copying one key and its value
    call_pairs: int = 60_000  # one attention call with its merge

    def stripes(self, tiles: Sequence[Tile], edges: Sequence[int]) -> int:
        """Window and column stripes, with `edges[t]` columns before the band of tile t."""
        cost = 0
        for tile, columns in zip(tiles, edges, strict=True):
            cost += tile.band_pairs + tile.rows * columns
            cost += self.gather_pairs * (columns + tile.start - tile.band) + self.call_pairs
        return cost

    def dense(self, pairs: int) -> int:
        """Dense attention over `pairs` causal pairs."""
        return pairs + self.call_pairs
