"""What a row keeps at least: the guarantee that alpha gives.

A mean over rows hides what matters most.  Heads that copy look up one or two keys in some rows and
nothing in others: leaving out a key that a single row needs costs the mean nothing and the answer
everything.  So alpha is held by 95 % of the validation rows, which selection did not sample, in
every head; and hardly one of them may lose a peak, a single key with much of its mass.
SampleAttention (arXiv 2406.15486, section 3) asks its CRA, a minimum over rows, to reach alpha,
and estimates it by a mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..kernels.mass_by_level import LEVELS, least_weight
from .plan import Blocks
from .row_sampling import Sample

BELOW = 0.05  # share of the rows that may keep less
PEAKED = 0.01  # share of the rows that may lose a peak
ENOUGH_ROWS = 256  # in which three or more with a lost peak are more than 0.01
_MOST_ROWS = 4  # of a segment


@dataclass
class PeakCounts:
    """In how many validation rows of a layer a peak would have been lost, chunk after chunk.

    Which heads copy is a property of the model, and a chunk's few rows do not show all of them.
    """

    rows: int = 0
    lost: Tensor | None = None  # float32 [H, LEVELS]

    def wanted(self, segments: int) -> int:
        """Validation rows of each of a chunk's segments: many, until there were enough."""
        return min(_MOST_ROWS, max(1, -(-(ENOUGH_ROWS - self.rows) // segments)))

    def add(self, rows: int, lost: Tensor) -> Tensor:
        """Count more rows; returns the share of all rows so far, [H, LEVELS]."""
        self.rows += rows
        self.lost = lost if self.lost is None else self.lost + lost
        return self.lost / max(1, self.rows)


@dataclass(frozen=True)
class Losses:
    """What validation rows lose if only the keys up to a level are kept."""

    mass: Tensor  # float32 [H, V, LEVELS]
    peaked: Tensor  # float32 [H, LEVELS], share of the rows that lose a peak


def losses(sample: Sample, peak: float, seen: PeakCounts) -> Losses:
    """What validation rows lose, if keys are kept by their mean weight.

    Args:
        peak: the least weight of a peak.
        seen: of the layer's earlier chunks; this one is added.
    """
    mass, squares = sample.mass_by_level()
    # The root of the sum of squares is close to the largest weight where one stands out.
    lost = (_after(squares) > peak * peak).sum(dim=1).float()
    return Losses(_after(mass), seen.add(mass.shape[1], lost))


def _after(by_level: Tensor) -> Tensor:
    """The sum over all levels after each one, exact where it is small."""
    whole = by_level.flip(-1).cumsum(dim=-1).flip(-1)
    return torch.nn.functional.pad(whole[..., 1:], (0, 1))


def least_weights(lost: Losses, alpha: float) -> tuple[Tensor, Tensor]:
    """From which weight on keys have to be kept as columns.

    Returns:
        the weights, float32 [H], the highest of the levels that suffice; and where there is one,
        bool [H].  Elsewhere the weight is that of the last level but one.
    """
    suffices = (low(1.0 - lost.mass.transpose(1, 2)) >= alpha) & (lost.peaked <= PEAKED)
    level = (~suffices[:, : LEVELS - 1]).sum(dim=-1)
    reached = level < LEVELS - 1
    return least_weight(level.clamp(max=LEVELS - 2)), reached


def block_recall(sample: Sample, blocks: Blocks) -> Tensor:
    """What all but a few validation rows keep at least, by their blocks and local windows,
    float32 [H]."""
    mass, rows = sample.validation_blocks, sample.source.rows
    assert mass is not None, "the settings say beforehand whether a pattern needs it"
    starts = torch.arange(mass.shape[-1], device=mass.device) * blocks.size
    outside = starts < rows.validation_local_starts[:, None]  # [V, B]
    left = outside & ~blocks.kept[:, rows.validation_row_block]
    return low(1.0 - (mass * left).sum(dim=-1))


def low(recall: Tensor) -> Tensor:
    """What at most a share `BELOW` of the rows [..., V] falls below: their 5th percentile, taken
    downwards."""
    rows = recall.shape[-1]
    if rows == 0:
        return recall.new_full(recall.shape[:-1], -1.0)
    return recall.kthvalue(1 + int(BELOW * rows), dim=-1).values
