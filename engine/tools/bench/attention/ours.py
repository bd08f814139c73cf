"""The engine's own attention, as a prefill runs it: chunk by chunk, selection then execution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ....runtime.chunks import chunk_spans
from ....sparsity import SelectionSettings, SparsePlan, query_blocks_of, select
from ....sparsity.autotune import resolve
from ....sparsity.guarantee import ENOUGH_ROWS, PeakCounts
from ....sparsity.plan import QueryBlock, causal_pairs
from ....sparsity.prefill_config import AttentionShape, PrefillConfig
from ....sparsity.rows import rows_of
from ....sparsity.sparse_attention import sparse_attention
from .inputs import Inputs

Plans = tuple[SparsePlan | None, ...]
"""One for each chunk of the context, in order; None is dense in every head."""


def chunks(length: int, device: torch.device) -> list[tuple[int, int]]:
    """[start, end) of every chunk of a prefill on such a device."""
    return chunk_spans(0, length, device)


def dense_plans(inputs: Inputs) -> Plans:
    """Every chunk dense."""
    return (None,) * len(_chunks(inputs))


def _chunks(inputs: Inputs) -> list[tuple[int, int]]:
    return chunks(inputs.length, inputs.q.device)


def select_all(inputs: Inputs, settings: SelectionSettings) -> Plans:
    """Selection for every chunk, rows to measure its recall included, as in a prefill."""
    settings = _tuned(inputs, settings)
    return tuple(_plan(inputs, chunk, settings) for chunk in _chunks(inputs))


def attend_all(inputs: Inputs, plans: Plans) -> Tensor:
    """Attention of the whole context under the plans, [H, L, D]."""
    out = torch.empty_like(inputs.q)
    for (start, end), plan in zip(_chunks(inputs), plans, strict=True):
        out[:, start:end] = _attend(inputs, (start, end), plan)
    return out


def attend_each(inputs: Inputs, plans: Plans) -> None:
    """Attention under the plans, of which the next layer would take each chunk's output."""
    for chunk, plan in zip(_chunks(inputs), plans, strict=True):
        _attend(inputs, chunk, plan)


def select_and_attend(inputs: Inputs, settings: SelectionSettings) -> None:
    """Selection and attention of one chunk after the other, as in a prefill."""
    settings = _tuned(inputs, settings)
    for chunk in _chunks(inputs):
        _attend(inputs, chunk, _plan(inputs, chunk, settings))


def _tuned(inputs: Inputs, settings: SelectionSettings) -> SelectionSettings:
    """With what this machine takes, as before a prefill; measured once, and then kept."""
    shapes = [AttentionShape.of(inputs.q, inputs.k)]
    config = resolve(PrefillConfig(selection=settings), shapes, inputs.length)
    return config.selection_for(inputs.q, inputs.k)


def _plan(inputs: Inputs, chunk: tuple[int, int], settings: SelectionSettings) -> SparsePlan | None:
    q, k = inputs.q[:, slice(*chunk)], inputs.k[:, : chunk[1]]
    later = PeakCounts(ENOUGH_ROWS)  # as in any chunk but the first ones
    selected = select(q, k, scale=inputs.scale, settings=settings, seen=later)
    return None if selected is None else selected[0]


def _attend(inputs: Inputs, chunk: tuple[int, int], plan: SparsePlan | None) -> Tensor:
    q = inputs.q[:, slice(*chunk)]
    k, v = inputs.k[:, : chunk[1]], inputs.v[:, : chunk[1]]
    return sparse_attention(q, k, v, plan, scale=inputs.scale)[0]


def without_tails(plans: Plans) -> Plans:
    """The plans without what stands for the keys that they leave out."""
    return tuple(None if plan is None else replace(plan, tail=None) for plan in plans)


def density(plans: Plans, inputs: Inputs) -> float:
    """Computed pairs / causal pairs, over all chunks and heads."""
    heads, computed = len(inputs.q), 0
    for (start, end), plan in zip(_chunks(inputs), plans, strict=True):
        computed += (
            heads * causal_pairs(start, end) if plan is None else int(plan.pairs_computed.sum())
        )
    return computed / (heads * causal_pairs(0, inputs.length))


def kept_keys(plans: Plans, rows: Sequence[int], inputs: Inputs) -> Tensor:
    """Which keys each row attends to under the plans, [H, len(rows), L] bool."""
    device = inputs.q.device
    shape = len(inputs.q), len(rows), inputs.length
    kept = torch.zeros(shape, dtype=torch.bool, device=device)
    at, key = torch.tensor(rows, device=device), torch.arange(inputs.length, device=device)
    for (start, end), plan in zip(_chunks(inputs), plans, strict=True):
        here = ((at >= start) & (at < end)).nonzero().squeeze(1)
        if plan is None:
            kept[:, here] = key <= at[here, None]
        else:
            kept[:, here, :end] = plan.to_mask(at[here] - start)
    return kept


def rows_not_sampled(
    inputs: Inputs, several: Sequence[SelectionSettings], *, count: int, seed: int
) -> list[int]:
    """Up to `count` random positions, ascending, of rows that no selection by one of these
    settings looks at; alpha does not matter."""
    sampled = {row for settings in several for row in _sampled(inputs, settings)}
    generator = torch.Generator().manual_seed(seed)
    order: list[int] = torch.randperm(inputs.length, generator=generator).tolist()
    return sorted([row for row in order if row not in sampled][:count])


def _sampled(inputs: Inputs, settings: SelectionSettings) -> set[int]:
    block = settings.block
    return {
        row
        for start, end in _chunks(inputs)
        for query_block in query_blocks_of(
            start, end, query_block=settings.query_block, window=settings.window, block=block
        )
        for row in _looked_at(query_block, settings, settings.share_of(end - start))
    }


def _looked_at(query_block: QueryBlock, settings: SelectionSettings, share: float) -> list[int]:
    """Positions of the sampled and the validation rows of a query block."""
    rows = rows_of(
        (query_block,),
        block=settings.block,
        share=share,
        sampling=settings.sampling,
        validation_rows=1,
        device=torch.device("cpu"),
    )
    looked_at: list[int] = rows.positions[: rows.validation.stop].tolist()
    return looked_at
