"""Single keys that all later queries see, beside the window."""

from __future__ import annotations

from functools import lru_cache

from torch import Tensor

from ...kernels.top_p_mask import top_p_mask
from ..rows import SampledRows
from .base import Proposal, Request, held_by, listed, reaching


class AShape:
    """Sinks and window alone, the A shape, whatever they hold (SparseAccelerate, arXiv
    2412.06198, names it; the definition is ours)."""

    reaches = False

    def propose(self, request: Request) -> Proposal:
        mass = request.sample.mass
        nothing = mass.new_zeros(len(mass))
        columns, counts = reaching(mass, nothing, num_sink_tokens=request.settings.num_sink_tokens)
        return Proposal(columns, listed(request, counts), None, held_by(mass, counts))


class LocalVertical:
    """SampleAttention (arXiv 2406.15486), its key selection: of the keys outside of the band those
    with most mass per pair, until band, sinks and columns together hold alpha of the sample's.

    With a forced density until they and the band make that share of the causal pairs; the sinks
    are kept even where they cost more.
    """

    reaches = True

    def propose(self, request: Request) -> Proposal:
        mass = request.sample.mass
        if request.settings.density is not None:
            columns, counts = _worth(request, request.settings.density)
        else:
            columns, counts = columns_for(request, mass, request.needed)
        return Proposal(columns, listed(request, counts), None, held_by(mass, counts))


def columns_for(request: Request, mass: Tensor, needed: Tensor) -> tuple[Tensor, Tensor]:
    """Sinks, and the heaviest columns by mass per pair that together with them hold `needed` [H]
    of `mass`.

    Not by mass alone: a column within the chunk is seen by its later rows only.  To those it is
    worth as much as another, and it costs less.
    """
    num_sink_tokens = min(request.settings.num_sink_tokens, mass.shape[1])
    left = needed - mass[:, :num_sink_tokens].sum(dim=-1)
    per_pair = mass / pairs_of_columns(request.rows)
    return top_p_mask(per_pair, mass, left, num_sink_tokens=num_sink_tokens, at_least=True)


def _worth(request: Request, density: float) -> tuple[Tensor, Tensor]:
    """Sinks and as many of the columns as pairs are left, those with most mass per pair first."""
    mass, rows = request.sample.mass, request.rows
    num_sink_tokens = min(request.settings.num_sink_tokens, mass.shape[1])
    left = _left(rows, int(density * request.pairs), num_sink_tokens).expand(len(mass))
    pairs = pairs_of_columns(rows)
    return top_p_mask(mass / pairs, pairs, left, num_sink_tokens=num_sink_tokens, at_least=False)


@lru_cache(maxsize=128)  # all layers of a model ask for the same
def pairs_of_columns(rows: SampledRows) -> Tensor:
    """Pairs that keeping each key before the last band adds, float32 [N]: the rows of the tiles
    whose band begins after it."""
    keys = rows.query_blocks[-1].local_start
    counts = rows.heights.new_zeros(keys + 1).index_add_(0, rows.ends, rows.heights)
    return (counts.sum() - counts.cumsum(dim=0))[:keys].float()


@lru_cache(maxsize=128)
def _left(rows: SampledRows, pairs: int, num_sink_tokens: int) -> Tensor:
    """What bands and sinks leave of so many pairs, float32."""
    return pairs - rows.local_pairs - pairs_of_columns(rows)[:num_sink_tokens].sum()
