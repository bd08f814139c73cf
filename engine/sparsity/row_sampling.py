"""Sampled rows of a chunk: exact attention over all keys so far, its mass by key and by block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from ..kernels.block_mass import block_mass
from ..kernels.column_mass import column_mass
from ..kernels.mass_by_level import mass_by_level, mass_by_level_torch
from ..kernels.row_lse import row_lse
from ..kernels.sampled_rows import sampled_rows_supported
from .plan import QueryBlock
from .row_weights import by_matrices, column_mass_outside, validation_blocks
from .rows import SampledRows, rows_of
from .settings import SelectionSettings

NEGLIGIBLE_MASS = 0.005  # share of all mass in the blocks, together, that have no mass by key


@dataclass(frozen=True)
class Sample:
    """What one chunk's sampled, validation and held-out rows attend to.

    The attention mass (sum of softmax weights) of a sampled row is 1, that of the sample `rows`.
    The part that lies outside of the local windows is summed up: in total, by key, and by row
    block and key block.  Validation rows tell what a row that was not sampled would lose.
    `held_out_lse` is the log-sum-exp over all keys of the chunk's rows `held_out_rows`, which
    selection does not look at: they measure its recall.
    """

    rows: int
    outside_mass: Tensor  # float32 [H]
    column_mass: Tensor  # float32 [H, N] up to the last local window; negligible blocks evenly
    block_mass: Tensor | None  # float32 [H, R, B]; None where no pattern needs it
    validation_blocks: Tensor | None  # float32 [H, V, B], before the local windows; so is this
    held_out_rows: Tensor  # int64 [T]
    held_out_lse: Tensor  # float32 [H, T]
    source: Source
    known_levels: tuple[Tensor, Tensor] | None  # `mass_by_level`, where it came with the rest
    num_sink_tokens: int

    def column_mass_outside(self, kept: Tensor) -> Tensor:
        """`column_mass` without what lies in kept blocks, bool [H, R, B]."""
        return self.source.column_mass_outside(kept)

    @cached_property
    def mean_weight(self) -> Tensor:
        """Each key's mean weight over the sampled rows that see it, about, float32 [H, N]."""
        return self.column_mass * self.source.rows.mean_of_mass

    def mass_by_level(self) -> tuple[Tensor, Tensor]:
        """The mass of each validation row outside of its local window by the level of its keys'
        mean weight, and its squares, [H, V, LEVELS]; see `kernels.mass_by_level`."""
        if self.known_levels is not None:
            return self.known_levels
        return self.source.mass_by_level(self.mean_weight, self.num_sink_tokens)


@dataclass(frozen=True)
class Source:
    """The tensors that a sample was taken from."""

    q: Tensor  # [H, R + V + T, D], the sampled, the validation and the held-out rows
    k: Tensor  # [G, N, D]
    lse: Tensor  # [H, R + V + T], over all keys that a row sees
    rows: SampledRows
    block: int
    scale: float
    mass_of_blocks: Tensor | None  # float32 [H, B], outside of the local windows; None on CPUs

    def column_mass(self) -> Tensor:
        """The mass of each key over all sampled rows, [H, N], by the kernel."""
        return self._by_kernel(None)

    def column_mass_outside(self, kept: Tensor) -> Tensor:
        """The mass of each key over the sampled rows whose row block does not keep the key's
        block, [H, N]; kept: bool [H, R, B]."""
        if self.mass_of_blocks is None:
            return column_mass_outside(self.q, self.k, self.rows, kept, self.block, self.scale)
        return self._by_kernel(kept)

    def mass_by_level(self, weights: Tensor, num_sink_tokens: int) -> tuple[Tensor, Tensor]:
        """As `Sample.mass_by_level`, by other weights of the keys up to the last local window,
        float32 [H, N]."""
        by_level = mass_by_level_torch if self.mass_of_blocks is None else mass_by_level
        return by_level(
            self.q,
            self.k,
            self.lse,
            self.rows.validation_local_starts,
            weights,
            first_row=self.rows.count,
            first_local_start=self.rows.query_blocks[0].local_start,
            num_sink_tokens=num_sink_tokens,
            scale=self.scale,
        )

    def _by_kernel(self, kept: Tensor | None) -> Tensor:
        assert self.mass_of_blocks is not None
        rows = self.rows
        return column_mass(
            self.q,
            self.k,
            self.lse,
            rows.local_starts,
            rows.query_blocks[0].local_start,
            self.mass_of_blocks,
            NEGLIGIBLE_MASS * rows.count / max(1, self.mass_of_blocks.shape[1]),
            None if kept is None else (kept, rows.row_block),
            keys=rows.query_blocks[-1].local_start,
            block=self.block,
            scale=self.scale,
        )


def sample(
    q: Tensor,
    k: Tensor,
    query_blocks: Sequence[QueryBlock],
    settings: SelectionSettings,
    *,
    scale: float,
    validation_rows: int = 1,
) -> Sample:
    """Exact causal softmax of the sampled rows, and the log-sum-exp of the validation and held-out
    ones.

    Args:
        q: [H, C, D], the chunk's queries at positions [N - C, N); k: [G, N, D], all keys so far.
        query_blocks: those of the chunk, whose last local window does not begin at key 0.
        scale: factor on q @ k.T before the softmax.
        validation_rows: of each segment.
    """
    rows = rows_of(
        tuple(query_blocks),
        block=settings.block,
        share=settings.share_of(q.shape[1]),
        sampling=settings.sampling,
        validation_rows=validation_rows,
        device=q.device,
    )
    picked = q.index_select(1, rows.at)
    block = settings.block
    by_block: Tensor | None
    by_validation: Tensor | None = None
    levels: tuple[Tensor, Tensor] | None = None
    sinks = min(settings.num_sink_tokens, query_blocks[-1].local_start)
    if sampled_rows_supported(q, block):
        parts = row_lse(picked, k, rows.positions, block=block, scale=scale)
        lse, by_block = block_mass(
            *parts,
            rows.local_starts,
            rows.row_block,
            row_blocks=rows.row_blocks,
            blocks=query_blocks[-1].local_start // block,
            block=block,
        )
        mass_of_blocks = by_block.sum(dim=1)
        source = Source(picked, k, lse, rows, block, scale, mass_of_blocks)
        mass, outside = source.column_mass(), mass_of_blocks.sum(dim=1)
        if settings.needs_blocks:
            of_rows = parts[1][: by_block.shape[-1], :, rows.validation]
            by_validation = (of_rows - lse[:, rows.validation]).exp_().permute(1, 2, 0)
    else:
        found = by_matrices(
            picked,
            k,
            rows,
            scale,
            block=block if settings.needs_blocks else None,
            num_sink_tokens=sinks if settings.needs_levels else None,
        )
        lse, mass, by_block, levels = found.lse, found.mass, found.by_block, found.levels
        source = Source(picked, k, lse, rows, block, scale, None)
        outside = mass.sum(dim=-1)
        if settings.needs_blocks:
            by_validation = validation_blocks(picked, k, lse, rows, block, scale)
    held_out = rows.held_out, lse[:, rows.validation.stop :]
    return Sample(
        rows.count, outside, mass, by_block, by_validation, *held_out, source, levels, sinks
    )
