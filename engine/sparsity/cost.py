"""Predicted cost of a head's chunk, to choose between its patterns and dense attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .plan import Blocks
from .rows import SampledRows


@dataclass(frozen=True)
class CostModel:
    """Costs in units of one computed (query, key) pair.

    The defaults were measured on two CPU cores with AVX512-BF16 at head size 64, where a pair
    takes about 1.1 ns; `attention.calibration` measures them on each machine.
    """

    gather_pairs: int = 32  # copying one key and its value
    call_pairs: int = 60_000  # what a tile costs whatever its keys are

    def sparse(self, pairs: Tensor, columns: Tensor, query_blocks: int) -> Tensor:
        """Of so many computed pairs and gathered columns, both int64 [..., H]."""
        return torch.add(pairs, columns, alpha=self.gather_pairs) + self.call_pairs * query_blocks

    def dense(self, pairs: int) -> int:
        """Dense attention over `pairs` causal pairs."""
        return pairs + self.call_pairs


def kept_pairs(rows: SampledRows, num_columns: Tensor, blocks: Sequence[Blocks | None]) -> Tensor:
    """Computed pairs of every head, int64 [P, H], for P proposals of `num_columns` [P, H, T]
    columns, and blocks, of which all pairs count."""
    pairs = (num_columns * rows.heights).sum(dim=-1) + rows.local_pairs
    height = rows.query_blocks[-1].end - rows.query_blocks[0].start
    for of_one, some in zip(pairs, blocks, strict=True):
        if some is not None:
            of_one += some.pairs(height)
    return pairs
