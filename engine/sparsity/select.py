"""The plan for a chunk, from its queries and all keys so far."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from .cost import kept_pairs
from .guarantee import PeakCounts
from .patterns import PATTERNS, Proposal, Request
from .plan import Blocks, QueryBlock, SparsePlan, causal_pairs, query_blocks_of
from .row_sampling import Sample, sample
from .settings import SelectionSettings
from .tail import tail_of


def select(
    q: Tensor,
    k: Tensor,
    *,
    scale: float,
    settings: SelectionSettings,
    seen: PeakCounts | None = None,
) -> tuple[SparsePlan, Sample] | None:
    """Select the keys of one chunk of one layer.

    The method `auto` takes for every head the cheapest of its patterns that reach alpha, or dense
    attention where that costs no more; the other methods and a forced density keep what they keep
    whatever it costs.  Nothing here waits for the device.

    Args:
        q: [H, C, D], the chunk's queries at positions [N - C, N).
        k: [G, N, D], all keys so far, the chunk's own included.
        scale: factor on q @ k.T before the softmax.
        seen: what this layer's earlier chunks showed, and this one adds to.
    Returns:
        the plan and the sample that it was made from; or None for dense attention in every head:
        at alpha >= 1, where no key lies outside of local window and sinks, and, for the method
        `auto`, in a chunk that ends before the break-even length.
    """
    end = k.shape[1]
    start = end - q.shape[1]
    query_blocks = query_blocks_of(
        start,
        end,
        query_block=settings.query_block,
        window=settings.window,
        block=settings.block,
    )
    if _is_dense(query_blocks, end, settings):
        return None
    seen = PeakCounts() if seen is None else seen
    wanted = seen.wanted(-(-q.shape[1] // settings.block))
    sampled = sample(q, k, query_blocks, settings, scale=scale, validation_rows=wanted)
    request = Request(sampled, causal_pairs(start, end), settings, seen)
    proposals = [PATTERNS[name].propose(request) for name in settings.candidates]
    if settings.method == "auto" and settings.density is None:
        plan = _cheapest(proposals, request)
    else:
        (alone,) = proposals
        plan = _plan_of(alone, request, None, None)
    return _with_tail(plan, request), sampled


def _is_dense(query_blocks: tuple[QueryBlock, ...], end: int, settings: SelectionSettings) -> bool:
    if query_blocks[-1].local_start <= settings.num_sink_tokens:
        return True
    if settings.density is not None:
        return False
    if settings.alpha >= 1.0:
        return True
    if settings.method != "auto":
        return False
    return settings.break_even is None or end < settings.break_even


def _cheapest(proposals: list[Proposal], request: Request) -> SparsePlan:
    """For every head the pattern with the lowest predicted cost, or dense attention."""
    settings, rows = request.settings, request.rows
    num_columns = torch.stack([proposal.num_columns for proposal in proposals])
    pairs = kept_pairs(rows, num_columns, [proposal.blocks for proposal in proposals])
    columns = num_columns[:, :, -1]
    costs = settings.cost.sparse(pairs, columns, len(rows.query_blocks)).float()
    most = int(settings.max_column_share * rows.query_blocks[-1].end)
    costs = costs.masked_fill(columns > most, torch.inf)
    reached = torch.stack([proposal.reaches_alpha() for proposal in proposals])
    costs = costs.masked_fill(~reached, torch.inf)
    lowest, best = costs.min(dim=0)
    chosen = proposals[0] if len(proposals) == 1 else _by_head(proposals, num_columns, best)
    dense = lowest >= settings.cost.dense(request.pairs)
    plan = _plan_of(chosen, request, pairs.gather(0, best[None])[0], dense)
    order = plan.pairs_computed.argsort(descending=True)
    return replace(plan, columns=plan.columns[:, :most], order=order)


def _by_head(proposals: list[Proposal], num_columns: Tensor, best: Tensor) -> Proposal:
    """For every head proposal number `best` [H]; `num_columns` [P, H, T] are the proposals'."""
    columns = max((p.columns for p in proposals), key=lambda listed: listed.shape[1])
    blocks = None
    for number, proposal in enumerate(proposals):
        more = proposal.columns.shape[1] > 0 and proposal.columns is not columns
        if proposal.blocks is None and not more:
            continue
        mine = best == number
        if more:
            columns = torch.where(mine[:, None], proposal.columns, columns)
        if proposal.blocks is not None:
            kept = proposal.blocks.kept & mine[:, None, None]
            blocks = kept if blocks is None else blocks | kept
            size = proposal.blocks.size
    return Proposal(
        columns,
        num_columns.gather(0, best[None, :, None].expand(1, *num_columns.shape[1:]))[0],
        None if blocks is None else Blocks(size, blocks),
        lambda: torch.stack([p.kept_mass() for p in proposals]).gather(0, best[None])[0],
        lambda: torch.stack([p.reaches_alpha() for p in proposals]).gather(0, best[None])[0],
    )


def _plan_of(
    proposal: Proposal, request: Request, computed: Tensor | None, dense: Tensor | None
) -> SparsePlan:
    """The plan that keeps what is proposed, except for the dense heads, bool [H]."""
    num_columns, blocks, rows = proposal.num_columns, proposal.blocks, request.rows
    if computed is None:
        computed = kept_pairs(rows, num_columns[None], [blocks])[0]
    local_starts = rows.local_starts_of_query_blocks.expand_as(num_columns)
    if dense is not None:
        num_columns = num_columns.masked_fill(dense[:, None], 0)
        local_starts = local_starts.masked_fill(dense[:, None], 0)
        computed = computed.masked_fill(dense, request.pairs)
        if blocks is not None:
            blocks = Blocks(blocks.size, blocks.kept & ~dense[:, None, None])
    return SparsePlan(
        rows.query_blocks,
        proposal.columns,
        num_columns,
        local_starts,
        computed,
        request.pairs,
        blocks,
    )


def _with_tail(plan: SparsePlan, request: Request) -> SparsePlan:
    """The plan with a tail for the heads that keep columns alone."""
    span, mass = request.settings.span, request.sample.column_mass
    keys = mass.shape[1]
    if span is None or keys < span:
        return plan
    heads = ~plan.dense
    if plan.blocks is not None:
        heads &= ~plan.blocks.kept.any(dim=2).any(dim=1)
    listed = torch.arange(plan.columns.shape[1], device=mass.device) < plan.num_columns[:, -1:]
    # What is no column goes to one more place, which is cut off.
    places = torch.where(listed, plan.columns, keys).long()
    kept = torch.zeros(len(mass), keys + 1, dtype=torch.bool, device=mass.device)
    kept = kept.scatter_(1, places, True)[:, :keys]
    computed = plan.pairs_computed + heads * request.tail_pairs
    tail = tail_of(request.sample, kept, heads, span)
    return replace(plan, tail=tail, pairs_computed=computed)
