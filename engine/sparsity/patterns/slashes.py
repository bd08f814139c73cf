"""Diagonals: key blocks at fixed distances from the row's own.

A distance in tokens lies on one or two diagonals of blocks.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from ...kernels.top_p_mask import top_p_members
from ..plan import Blocks
from .base import (
    Proposal,
    Request,
    blocks_reach_alpha,
    is_kept,
    mass_of_blocks,
    no_columns,
    num_columns_of,
)
from .vertical import columns_for

_LONGEST_PERIOD = 64  # blocks


class VerticalSlash:
    """Columns and slashes (SampleAttention, in its later version).

    There both have thresholds of their own, alpha_c and alpha_s, and so they do here where the
    settings give them: slashes are the heaviest diagonals that hold alpha_s of what diagonals can
    hold, columns the heaviest that hold alpha_c of what those leave.  Otherwise one threshold of
    mass per computed pair serves both, the highest at which their masses add up to the needed
    one.  In either case only mass outside of the slashes counts for columns: none counts twice.
    They hold alpha in the sum over rows, as the paper has it: `auto` does not take it, for it
    promises nothing to each row.
    """

    def propose(self, request: Request) -> Proposal:
        sample, alphas = request.sample, request.settings.alpha_vertical_slash
        mass = request.diagonal_mass
        if alphas is None:
            slashes = _heaviest_diagonals(request, mass)
        else:
            slashes = top_p_members(mass, mass, alphas[1] * mass.sum(dim=-1))
        kept = on_diagonals(request, slashes)
        on_slashes = (mass * slashes).sum(dim=-1)
        outside = sample.column_mass_outside(kept)
        needed = request.needed_mass - on_slashes
        if alphas is not None:
            needed = alphas[0] * (sample.outside_mass - on_slashes)
        columns, counts = columns_for(request, outside, needed)
        return Proposal(
            columns,
            num_columns_of(request, counts),
            Blocks(request.settings.block, kept),
            lambda: on_slashes + (outside * is_kept(counts)).sum(dim=-1),
            lambda: torch.zeros_like(on_slashes, dtype=torch.bool),
        )


class IntervalSlash:
    """Diagonals that recur at a regular distance, and the first block (SparseAccelerate, arXiv
    2412.06198, names it; the definition is ours): the longest period, in blocks, for which the
    diagonals of one phase hold the needed mass."""

    def propose(self, request: Request) -> Proposal:
        mass = request.diagonal_mass
        phases, periods = _phases(1 << mass.shape[1].bit_length(), mass.device)
        phase_mass = mass @ phases[: mass.shape[1]]
        # Among several phases of a period the heaviest.
        merit = periods + 0.5 * phase_mass / request.sample.rows
        best = merit.masked_fill(phase_mass < request.needed_mass[:, None], 0.0).argmax(dim=-1)
        slashes = phases[: mass.shape[1]].T.index_select(0, best) > 0
        kept = on_diagonals(request, slashes)
        kept[:, :, :1] = request.rows.diagonals.valid[:, :1]
        blocks = Blocks(request.settings.block, kept)
        return Proposal(
            *no_columns(request),
            blocks,
            mass_of_blocks(request, kept),
            blocks_reach_alpha(request, blocks),
        )


def _heaviest_diagonals(request: Request, diagonals: Tensor) -> Tensor:
    """Which diagonals [H, n] are among the heaviest of diagonals and columns, by mass per pair."""
    rows, columns = request.rows, request.sample.column_mass
    height = rows.query_blocks[-1].end - rows.query_blocks[0].start
    each = columns / rows.pairs_of_columns
    per_pair = torch.cat([diagonals / (request.settings.block * height), each], dim=-1)
    mass = torch.cat([diagonals, columns], dim=-1)
    return top_p_members(per_pair, mass, request.needed_mass)[:, : diagonals.shape[1]]


def on_diagonals(request: Request, slashes: Tensor) -> Tensor:
    """The blocks on the given diagonals [H, n], bool [H, R, B]."""
    valid, number = request.rows.diagonals.valid, request.rows.diagonals.number
    return slashes.index_select(1, number.flatten()).view(-1, *valid.shape) & valid


@lru_cache(maxsize=8)  # all layers and chunks of a model share a few
def _phases(diagonals: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """For every period up to the longest and each of its phases, which diagonals belong to it,
    float32 [diagonals, P], and the period, float32 [P]."""
    numbers = torch.arange(diagonals, device=device)[:, None]
    every = range(1, _LONGEST_PERIOD + 1)
    members = [numbers % p == torch.arange(p, device=device) for p in every]
    periods = torch.cat([torch.full((p,), float(p), device=device) for p in every])
    return torch.cat(members, dim=1).float(), periods
