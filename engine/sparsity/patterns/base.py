"""What all patterns are asked, and what they answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from ...kernels.top_p_mask import top_p_mask
from ..guarantee import Losses, PeakCounts, block_recall, losses
from ..plan import Blocks
from ..row_sampling import Sample
from ..rows import SampledRows
from ..settings import SelectionSettings


@dataclass(frozen=True)
class Request:
    """One chunk of one layer."""

    sample: Sample
    pairs: int  # causal ones of one head
    settings: SelectionSettings
    seen: PeakCounts  # of the layer's earlier chunks

    @property
    def rows(self) -> SampledRows:
        return self.sample.source.rows

    @cached_property
    def needed_mass(self) -> Tensor:
        """Attention mass of the sample to keep outside of the local windows, so that it holds
        alpha in the sum over its rows, float32 [H]; none where it is not positive."""
        sample = self.sample
        return sample.outside_mass - (1.0 - self.settings.alpha) * sample.rows

    @property
    def block_loss(self) -> float:
        """The share of its rows' mass that a choice of blocks may leave out.

        A sum over rows promises nothing to each; of rows that lose a fourth of what alpha allows
        on average, few lose more than all of it.
        """
        return (1.0 - self.settings.alpha) / 4

    @property
    def tail_pairs(self) -> int:
        """(query, key) pairs of a head's tail."""
        span = self.settings.span
        blocks = self.rows.query_blocks
        return 0 if span is None else sum(b.local_start // span * b.rows for b in blocks)

    @cached_property
    def losses(self) -> Losses:
        """What validation rows lose, if keys are kept by their mean weight."""
        return losses(self.sample, self.settings.peak, self.seen)

    @property
    def block_mass(self) -> Tensor:
        """The sample's attention mass by row block and key block, float32 [H, R, B]."""
        mass = self.sample.block_mass
        assert mass is not None, "the settings say beforehand whether a pattern needs it"
        return mass

    @cached_property
    def diagonal_mass(self) -> Tensor:
        """The sample's attention mass on every diagonal of blocks, float32 [H, n]."""
        diagonals, mass = self.rows.diagonals, self.block_mass
        sums = mass.new_zeros(len(mass), diagonals.count)
        return sums.index_add_(1, diagonals.number.flatten(), mass.flatten(1))


@dataclass(frozen=True)
class Proposal:
    """What to keep outside of the local windows, in every head.

    Columns are listed as `kernels.top_p_mask` lists them: positions in order, int32 [H, M], and
    how many there are before the local window of each query block, int32 [H, T].
    """

    columns: Tensor
    num_columns: Tensor
    blocks: Blocks | None
    kept_mass: Callable[[], Tensor]  # the sample's mass in columns and blocks, float32 [H]
    reaches_alpha: Callable[[], Tensor]  # where nearly all rows keep enough, bool [H]


class Pattern(Protocol):
    """Stateless; works for all heads at once, on their device, and never waits for it."""

    def propose(self, request: Request) -> Proposal:
        """The least that this pattern has to keep to hold alpha, or the most that it can keep."""


def num_columns_of(request: Request, counts: Tensor) -> Tensor:
    """`Proposal.num_columns` from the counts up to and with each key, int32 [H, N]."""
    rows = request.rows
    before = counts.index_select(1, rows.last_before)
    return before if rows.query_blocks[0].local_start else before * (rows.ends > 0).int()


def no_columns(request: Request) -> tuple[Tensor, Tensor]:
    """`columns` and `num_columns` of patterns that keep blocks alone."""
    mass, ends = request.sample.column_mass, request.rows.ends
    num_columns = ends.new_zeros(len(mass), len(ends), dtype=torch.int32)
    return num_columns[:, :0], num_columns


def columns_reaching(
    weights: Tensor, limits: Tensor, *, num_sink_tokens: int = 0
) -> tuple[Tensor, Tensor]:
    """`top_p_mask` of [H, N] until they hold `limits` [H] together."""
    return top_p_mask(
        weights,
        weights,
        limits,
        num_sink_tokens=min(num_sink_tokens, weights.shape[1]),
        at_least=True,
    )


def is_kept(counts: Tensor) -> Tensor:
    """Which positions are kept, bool [H, N], from the counts up to and with each."""
    return counts.diff(dim=-1, prepend=counts.new_zeros(len(counts), 1)) > 0


def mass_of_columns(column_mass: Tensor, counts: Tensor) -> Callable[[], Tensor]:
    """`Proposal.kept_mass` of columns, from the mass of each key [H, N]."""
    return lambda: (column_mass * is_kept(counts)).sum(dim=-1)


def mass_of_blocks(request: Request, kept: Tensor) -> Callable[[], Tensor]:
    """`Proposal.kept_mass` of kept blocks [H, R, B]."""
    return lambda: (request.block_mass * kept).sum(dim=(1, 2))


def blocks_reach_alpha(request: Request, blocks: Blocks) -> Callable[[], Tensor]:
    """`Proposal.reaches_alpha` of blocks and local windows alone."""
    return lambda: block_recall(request.sample, blocks) >= request.settings.alpha
