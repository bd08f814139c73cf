"""What all patterns are asked, and what they answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from ...kernels.top_p_mask import top_p_mask
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

    @property
    def rows(self) -> SampledRows:
        return self.sample.source.rows

    @cached_property
    def needed(self) -> Tensor:
        """Mass of the sample to keep outside of the bands, float32 [H]; 0 or less: none."""
        sample = self.sample
        return sample.outside - (1.0 - self.settings.alpha) * sample.rows

    @property
    def blocks(self) -> Tensor:
        """The sample's mass by row block and key block, float32 [H, R, B]."""
        blocks = self.sample.blocks
        assert blocks is not None, "the settings tell beforehand whether a pattern needs them"
        return blocks

    @cached_property
    def diagonals(self) -> Tensor:
        """The sample's mass on every diagonal of blocks, float32 [H, n]."""
        where, blocks = self.rows.diagonals, self.blocks
        sums = blocks.new_zeros(len(blocks), where.count)
        return sums.index_add_(1, where.number.flatten(), blocks.flatten(1))


@dataclass(frozen=True)
class Proposal:
    """What to keep outside of the bands, of every head.

    Columns are listed as `kernels.top_p_mask` lists them: positions in order, int32 [H, M], and
    how many there are before the band of each tile, int32 [H, T].
    """

    columns: Tensor
    num_columns: Tensor
    blocks: Blocks | None
    held: Callable[[], Tensor]  # mass of the sample that columns and blocks hold, float32 [H]


class Pattern(Protocol):
    """Stateless; works for all heads at once, on their device, and never waits for it."""

    reaches: bool  # whether it holds what is needed in every head, whatever it takes

    def propose(self, request: Request) -> Proposal:
        """The least that this pattern needs to hold the mass that is asked for, or the most
        that it can."""


def listed(request: Request, counts: Tensor) -> Tensor:
    """`Proposal.num_columns` from the counts up to and with each key, int32 [H, N]."""
    rows = request.rows
    before = counts.index_select(1, rows.ends_before)
    return before if rows.query_blocks[0].local_start else before * (rows.ends > 0).int()


def no_columns(request: Request) -> tuple[Tensor, Tensor]:
    """`columns` and `num_columns` of patterns that keep blocks alone."""
    mass, ends = request.sample.mass, request.rows.ends
    num_columns = ends.new_zeros(len(mass), len(ends), dtype=torch.int32)
    return num_columns[:, :0], num_columns


def reaching(weights: Tensor, limits: Tensor, *, num_sink_tokens: int = 0) -> tuple[Tensor, Tensor]:
    """`top_p_mask` of [H, N] until they hold `limits` [H] together."""
    return top_p_mask(
        weights,
        weights,
        limits,
        num_sink_tokens=min(num_sink_tokens, weights.shape[1]),
        at_least=True,
    )


def chosen(counts: Tensor) -> Tensor:
    """Which positions are kept, bool [H, N], from the counts up to and with each."""
    return counts.diff(dim=-1, prepend=counts.new_zeros(len(counts), 1)) > 0


def held_by(weights: Tensor, counts: Tensor) -> Callable[[], Tensor]:
    """`Proposal.held` of the kept ones of weights [H, N]."""
    return lambda: (weights * chosen(counts)).sum(dim=-1)


def held_in(request: Request, kept: Tensor) -> Callable[[], Tensor]:
    """`Proposal.held` of kept blocks [H, R, B]."""
    return lambda: (request.blocks * kept).sum(dim=(1, 2))
