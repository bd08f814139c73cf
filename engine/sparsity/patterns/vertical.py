"""Single keys that all later queries see, beside the window."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from ...kernels.top_p_mask import mask_from, top_p_mask
from ..guarantee import least_weights, low
from ..rows import SampledRows
from .base import (
    Proposal,
    Request,
    columns_reaching,
    mass_of_columns,
    num_columns_of,
)


class AShape:
    """Sinks and local window alone, whatever they hold (SparseAccelerate, arXiv 2412.06198, names
    it triangular; the definition is ours)."""

    def propose(self, request: Request) -> Proposal:
        mass = request.sample.column_mass
        nothing = mass.new_zeros(len(mass))
        columns, counts = columns_reaching(
            mass, nothing, num_sink_tokens=request.settings.num_sink_tokens
        )
        sinks = request.settings.num_sink_tokens

        def reaches_alpha() -> Tensor:
            nothing = mass.new_zeros(mass.shape)
            by_level, _ = request.sample.source.mass_by_level(nothing, sinks)
            return low(1.0 - by_level[..., 1:].sum(dim=-1)) >= request.settings.alpha

        return Proposal(
            columns,
            num_columns_of(request, counts),
            None,
            mass_of_columns(mass, counts),
            reaches_alpha,
        )


class LocalVertical:
    """SampleAttention's selection of keys (arXiv 2406.15486): of those outside of the local window
    the ones with most attention mass per pair.  There it is done until the sample holds alpha in
    the sum over its rows; here until all but a few validation rows of a head hold it each.

    With a forced density, until they and the local window make up that share of the causal pairs;
    the sinks are kept even where they exceed it.
    """

    def propose(self, request: Request) -> Proposal:
        settings, mass = request.settings, request.sample.column_mass
        sinks = min(settings.num_sink_tokens, mass.shape[1])
        if settings.density is not None:
            columns, counts = _within_density(request, settings.density)
            reached = mass.new_ones(len(mass), dtype=torch.bool)
        else:
            least, reached = least_weights(request.losses, settings.alpha)
            columns, counts = mask_from(request.sample.mean_weight, least, num_sink_tokens=sinks)
        return Proposal(
            columns,
            num_columns_of(request, counts),
            None,
            mass_of_columns(mass, counts),
            lambda: reached,
        )


def columns_for(request: Request, mass: Tensor, needed: Tensor) -> tuple[Tensor, Tensor]:
    """Sinks, and the columns with most mass per pair that together with them hold enough.

    Not those with most mass: a column within the chunk is seen by its later rows only.  To those
    it is worth as much as another, and it costs less.

    Args:
        mass: float32 [H, N], each key's; needed: float32 [H], the sum to reach.
    Returns:
        columns and counts, as `top_p_mask` returns them.
    """
    num_sink_tokens = min(request.settings.num_sink_tokens, mass.shape[1])
    left = needed - mass[:, :num_sink_tokens].sum(dim=-1)
    per_pair = mass / request.rows.pairs_of_columns
    return top_p_mask(per_pair, mass, left, num_sink_tokens=num_sink_tokens, at_least=True)


def _within_density(request: Request, density: float) -> tuple[Tensor, Tensor]:
    """Sinks, and columns for the pairs that local windows and tail leave, those with most mass per
    pair first."""
    mass, rows = request.sample.column_mass, request.rows
    num_sink_tokens = min(request.settings.num_sink_tokens, mass.shape[1])
    allowed = int(density * request.pairs) - request.tail_pairs
    left = _left(rows, allowed, num_sink_tokens).expand(len(mass))
    pairs = rows.pairs_of_columns
    return top_p_mask(mass / pairs, pairs, left, num_sink_tokens=num_sink_tokens, at_least=False)


@lru_cache(maxsize=128)
def _left(rows: SampledRows, pairs: int, num_sink_tokens: int) -> Tensor:
    """What local windows and sinks leave of `pairs` pairs, a float32 scalar."""
    return pairs - rows.local_pairs - rows.pairs_of_columns[:num_sink_tokens].sum()
