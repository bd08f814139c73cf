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
    takes about 1.1 ns; `sparsity.autotune` measures them on each machine.
    """

    gather_pairs: int = 32  # copying one key and its value
    call_pairs: int = 60_000  # what a query block costs whatever its keys are

    def sparse(self, pairs: Tensor, columns: Tensor, query_blocks: int) -> Tensor:
        """The cost of computed pairs and gathered columns; all of them int64 [..., H]."""
        return torch.add(pairs, columns, alpha=self.gather_pairs) + self.call_pairs * query_blocks

    def dense(self, pairs: int) -> int:
        """The cost of dense attention over `pairs` causal pairs."""
        return pairs + self.call_pairs


def kept_pairs(rows: SampledRows, num_columns: Tensor, blocks: Sequence[Blocks | None]) -> Tensor:
    """Computed pairs of every head under each of P proposals.

    Args:
        num_columns: int32 [P, H, T], columns that each query block uses.
        blocks: P of them; all pairs of a kept block count.
    Returns:
        int64 [P, H].
    """
    pairs = (num_columns * rows.heights).sum(dim=-1) + rows.local_pairs
    height = rows.query_blocks[-1].end - rows.query_blocks[0].start
    for of_proposal, kept in zip(pairs, blocks, strict=True):
        if kept is not None:
            of_proposal += kept.pairs(height)
    return pairs
