"""Single keys that all later queries see, beside the window."""

from __future__ import annotations

from functools import lru_cache

from torch import Tensor

from ...kernels.top_p_mask import top_p_mask
from ..rows import SampledRows
from .base import Proposal, Request, columns_reaching, mass_of_columns, num_columns_of


class AShape:
    """Sinks and local window alone, whatever they hold (SparseAccelerate, arXiv 2412.06198, names
    it triangular; the definition is ours)."""

    reaches_alpha = False

    def propose(self, request: Request) -> Proposal:
        mass = request.sample.column_mass
        nothing = mass.new_zeros(len(mass))
        columns, counts = columns_reaching(
            mass, nothing, num_sink_tokens=request.settings.num_sink_tokens
        )
        return Proposal(
            columns, num_columns_of(request, counts), None, mass_of_columns(mass, counts)
        )


class LocalVertical:
    """SampleAttention's selection of keys (arXiv 2406.15486): of those outside of the local window
    the ones with most attention mass per pair, until local window, sinks and columns together
    hold alpha of the sample's mass.

    With a forced density, until they and the local window make up that share of the causal pairs;
    the sinks are kept even where they exceed it.
    """

    reaches_alpha = True

    def propose(self, request: Request) -> Proposal:
        mass = request.sample.column_mass
        if request.settings.density is not None:
            columns, counts = _within_density(request, request.settings.density)
        else:
            columns, counts = columns_for(request, mass, request.needed_mass)
        return Proposal(
            columns, num_columns_of(request, counts), None, mass_of_columns(mass, counts)
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
    per_pair = mass / pairs_of_columns(request.rows)
    return top_p_mask(per_pair, mass, left, num_sink_tokens=num_sink_tokens, at_least=True)


def _within_density(request: Request, density: float) -> tuple[Tensor, Tensor]:
    """Sinks, and columns for the pairs that are left, those with most mass per pair first."""
    mass, rows = request.sample.column_mass, request.rows
    num_sink_tokens = min(request.settings.num_sink_tokens, mass.shape[1])
    left = _left(rows, int(density * request.pairs), num_sink_tokens).expand(len(mass))
    pairs = pairs_of_columns(rows)
    return top_p_mask(mass / pairs, pairs, left, num_sink_tokens=num_sink_tokens, at_least=False)


@lru_cache(maxsize=128)  # all layers of a model ask for the same
def pairs_of_columns(rows: SampledRows) -> Tensor:
    """Pairs that keeping each key before the last local window adds, float32 [N]: the rows of the
    query blocks whose local window begins after it."""
    keys = rows.query_blocks[-1].local_start
    counts = rows.heights.new_zeros(keys + 1).index_add_(0, rows.ends, rows.heights)
    return (counts.sum() - counts.cumsum(dim=0))[:keys].float()


@lru_cache(maxsize=128)
def _left(rows: SampledRows, pairs: int, num_sink_tokens: int) -> Tensor:
    """What local windows and sinks leave of `pairs` pairs, a float32 scalar."""
    return pairs - rows.local_pairs - pairs_of_columns(rows)[:num_sink_tokens].sum()
