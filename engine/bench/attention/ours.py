"""The engine's own attention, as a prefill runs it: chunk by chunk, selection then execution."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...attention import execute
from ...attention.calibration import calibrated
from ...pipeline.forward import CHUNK
from ...selection import Plan, SelectionSettings, select, tiles_of
from ...selection.plan import causal_pairs
from ...selection.sampling import sampled_rows
from .inputs import Inputs

Plans = tuple[Plan | None, ...]
"""One for each chunk of the context, in order; None is dense in every head."""


def chunks(length: int) -> list[tuple[int, int]]:
    """[start, end) of every chunk of a prefill."""
    return [(start, min(start + CHUNK, length)) for start in range(0, length, CHUNK)]


def dense_plans(length: int) -> Plans:
    """Every chunk dense."""
    return (None,) * len(chunks(length))


def select_all(inputs: Inputs, settings: SelectionSettings) -> Plans:
    """Selection for every chunk, rows to measure its coverage included, as in a prefill."""
    plans: list[Plan | None] = []
    for start, end in chunks(inputs.length):
        q, k = inputs.q[:, start:end], inputs.k[:, :end]
        here = calibrated(settings, q, k)
        selected = select(q, k, scale=inputs.scale, settings=here)
        plans.append(None if selected is None else selected[0])
    return tuple(plans)


def attend_all(inputs: Inputs, plans: Plans) -> Tensor:
    """Attention of the whole context under the plans, [H, L, D]."""
    out = torch.empty_like(inputs.q)
    for (start, end), plan in zip(chunks(inputs.length), plans, strict=True):
        k, v = inputs.k[:, :end], inputs.v[:, :end]
        out[:, start:end], _ = execute(inputs.q[:, start:end], k, v, plan, scale=inputs.scale)
    return out


def density(plans: Plans, heads: int, length: int) -> float:
    """Computed pairs / causal pairs, over all chunks and heads."""
    computed = 0
    for (start, end), plan in zip(chunks(length), plans, strict=True):
        computed += (
            heads * causal_pairs(start, end) if plan is None else int(plan.pairs_computed.sum())
        )
    return computed / (heads * causal_pairs(0, length))


def kept_keys(plans: Plans, rows: Sequence[int], inputs: Inputs) -> Tensor:
    """Which keys each row attends to under the plans, [H, len(rows), L] bool."""
    kept = torch.zeros(
        len(inputs.q), len(rows), inputs.length, dtype=torch.bool, device=inputs.q.device
    )
    for r, row in enumerate(rows):
        plan = plans[row // CHUNK]
        if plan is None:
            kept[:, r, : row + 1] = True
            continue
        t = next(t for t, tile in enumerate(plan.tiles) if row < tile.end)
        for head, columns in enumerate(plan.columns):
            kept[head, r, columns[: plan.used[head, t]]] = True
            kept[head, r, plan.bands[head, t] : row + 1] = True
    return kept


def rows_not_sampled(
    length: int, settings: SelectionSettings, *, count: int, seed: int
) -> list[int]:
    """Up to `count` random positions, ascending, of rows that selection does not look at.

    These settings' sizes decide; alpha and density do not matter.
    """
    sampled = {
        row
        for start, end in chunks(length)
        for tile in tiles_of(start, end, tile=settings.tile, window=settings.window)
        for row in sampled_rows(tile, settings.sampled_share)
    }
    generator = torch.Generator().manual_seed(seed)
    order: list[int] = torch.randperm(length, generator=generator).tolist()
    return sorted([row for row in order if row not in sampled][:count])
