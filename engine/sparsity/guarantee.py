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


@dataclass(frozen=True)
class Losses:
    """What each validation row loses if only the keys up to a level are kept, [H, V, LEVELS]."""

    mass: Tensor
    largest: Tensor  # about the largest weight among them: the root of the sum of their squares


def losses(sample: Sample, weights: Tensor, num_sink_tokens: int) -> Losses:
    """See `kernels.mass_by_level`.

    Args:
        weights: float32 [H, N], each key's mean weight over the sampled rows that see it.
    """
    mass, squares = sample.source.mass_by_level(weights, num_sink_tokens)
    return Losses(_after(mass), _after(squares).sqrt_())


def _after(by_level: Tensor) -> Tensor:
    """The sum over all levels after each one, exact where it is small."""
    whole = by_level.flip(-1).cumsum(dim=-1).flip(-1)
    return torch.nn.functional.pad(whole[..., 1:], (0, 1))


def least_weights(
    lost: Losses, alpha: float, peak: float, *, scanned: bool
) -> tuple[Tensor, Tensor]:
    """From which weight on keys have to be kept as columns.

    Args:
        peak: the least weight of a peak.
        scanned: peaks are found and kept in any case.
    Returns:
        the weights, float32 [H], the highest of the levels that suffice; and where there is one,
        bool [H].  Elsewhere the weight is that of the last level but one.
    """
    peaked = lost.largest > peak
    if scanned:
        kept = 1.0 - lost.mass + torch.where(peaked, lost.largest, 0.0)
        suffices = low(kept.transpose(1, 2)) >= alpha
    else:
        suffices = low(1.0 - lost.mass.transpose(1, 2)) >= alpha
        suffices &= peaked.float().mean(dim=1) <= PEAKED
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
