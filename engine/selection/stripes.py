"""Which columns to keep: the heaviest, until they hold enough mass or cost enough.

All return, as `kernels.heaviest` does, each head's kept positions in order, int32 [H, N], and how
many there are up to and with each position, int32 [H, N].
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..kernels.heaviest import heaviest

Listed = tuple[Tensor, Tensor]


def columns_reaching(mass: Tensor, *, rows: int, sinks: int, alpha: float) -> Listed:
    """SampleAttention (arXiv 2406.15486), its key selection.

    Sinks are always kept.  Of the other keys, the heaviest are taken until band, sinks and
    columns together hold at least `alpha` of the mass of the sampled rows.

    Args:
        mass: [H, N] float32, column sums outside the band; `rows` sampled rows of mass 1.
        sinks: number of first keys that are always kept.
    """
    held = rows - mass[:, sinks:].sum(dim=-1)
    return heaviest(mass, mass, alpha * rows - held, always=_within(sinks, mass), reach=True)


def columns_worth(mass: Tensor, *, pairs: Tensor, sinks: int, budget: int) -> Listed:
    """Sinks and as many of the heaviest columns as `budget` pays for, whatever they hold.

    Args:
        mass: [H, N] float32, as in `columns_reaching`.
        pairs: [N] int64, (query, key) pairs that keeping the column adds.
        budget: pairs to spend; the sinks are kept even where they cost more.
    """
    left = (budget - pairs[:sinks].sum()).float().expand(len(mass))
    return heaviest(mass, pairs.float(), left, always=_within(sinks, mass), reach=False)


def sinks_alone(mass: Tensor, *, sinks: int) -> Listed:
    """The first keys, whatever they hold."""
    nothing = mass.new_zeros(len(mass))
    return heaviest(mass, mass, nothing, always=_within(sinks, mass), reach=True)


def used_before(counts: Tensor, ends: Tensor) -> Tensor:
    """How many kept positions lie before each end: int32 [H, T], for ends [T] up to N."""
    return torch.nn.functional.pad(counts, (1, 0)).index_select(1, ends)


def _within(sinks: int, mass: Tensor) -> int:
    return min(sinks, mass.shape[1])
