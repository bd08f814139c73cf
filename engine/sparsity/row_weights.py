"""The softmax weights of a chunk's rows of interest in plain torch: what the kernels sum up
without ever storing a weight."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..kernels.cpu_bf16 import (
    RELIABLE_SUM,
    cpu_bf16_products,
    shifted_weights,
    typical_scores,
)
from ..kernels.mass_by_level import LEVELS, levels_of
from .rows import SampledRows

WORKSPACE_BYTES = 256 * 2**20  # of the weights in memory at once, about


@dataclass(frozen=True)
class WeightSums:
    """What `by_matrices` sums up."""

    lse: Tensor  # float32 [H, R + V + T], of every row
    mass: Tensor  # float32 [H, N], of the sampled rows by key
    by_block: Tensor | None  # float32 [H, row blocks, key blocks], of the same
    levels: tuple[Tensor, Tensor] | None  # [H, V, LEVELS], see `kernels.mass_by_level`


@dataclass(frozen=True)
class _Part:
    """Softmax weights of the sampled and validation rows of a few heads over successive keys."""

    at: slice  # of keys; begins with a block
    weights: Tensor  # [S, R + V, n], up to a factor for each row
    factors: Tensor  # [S, R + V] float32

    def column_sums(self, rows: SampledRows, *, by_row_block: bool = False) -> Tensor:
        """Those of the sampled rows, [S, 1 or row blocks, n] float32."""
        factors = self.factors[:, None, : rows.count]
        if by_row_block:
            factors = factors * rows.membership.T
        return (factors.to(self.weights.dtype) @ self.weights[:, : rows.count]).float()

    def blocks(self, block: int) -> slice:
        return slice(self.at.start // block, -(-self.at.stop // block))


def by_matrices(
    q: Tensor,
    k: Tensor,
    rows: SampledRows,
    scale: float,
    *,
    block: int | None = None,
    num_sink_tokens: int | None = None,
) -> WeightSums:
    """The log-sum-exp of all rows of interest, and the mass of the sampled ones outside of their
    local windows.

    Args:
        q: [H, R + V + T, D]; k: [G, N', D], all keys so far.
        block: also sum by row block and blocks of so many keys.
        num_sink_tokens: also sum the validation rows by the level of each key's mean weight, with
            so many first keys at level 0.
    """
    heads, last = len(q), rows.query_blocks[-1].local_start
    mass = torch.zeros(heads, last, device=q.device)
    lse = torch.empty(q.shape[:2], device=q.device)
    by_block = levels = None
    if block is not None:
        by_block = mass.new_zeros(heads, rows.row_blocks, -(-last // block))
    if num_sink_tokens is not None:
        shape = 2, heads, rows.validation_count, LEVELS
        levels = mass.new_zeros(shape)
    for some, keys in _portions(q, k):
        lse[some], parts = _weights(q[some], keys, rows, scale)
        for part in parts:
            sums = part.column_sums(rows, by_row_block=block is not None)
            mass[some, part.at] = sums.sum(dim=1)
            if by_block is not None and block is not None:
                by_block[some, :, part.blocks(block)] = _in_blocks(sums, block)
        if levels is not None and num_sink_tokens is not None:
            mean_weight = mass[some] * rows.mean_of_mass
            levels[:, some] = _by_level(parts, mean_weight, rows, num_sink_tokens)
    return WeightSums(lse, mass, by_block, None if levels is None else (levels[0], levels[1]))


def column_mass_outside(
    q: Tensor, k: Tensor, rows: SampledRows, kept: Tensor, block: int, scale: float
) -> Tensor:
    """The mass of each key over the sampled rows whose row block does not keep the key's block.

    Args:
        q: [H, R + V + T, D]; k: [G, N', D].
        kept: bool [H, row blocks, key blocks].
    Returns:
        float32 [H, N].
    """
    mass = torch.zeros(len(q), rows.query_blocks[-1].local_start, device=q.device)
    for some, keys in _portions(q, k):
        for part in _weights(q[some], keys, rows, scale)[1]:
            counts = ~kept[some, :, part.blocks(block)].repeat_interleave(block, dim=-1)
            sums = part.column_sums(rows, by_row_block=True)
            mass[some, part.at] = (sums * counts[..., : sums.shape[-1]]).sum(dim=1)
    return mass


def validation_blocks(
    q: Tensor, k: Tensor, lse: Tensor, rows: SampledRows, block: int, scale: float
) -> Tensor:
    """The mass of each validation row by key block, float32 [H, V, B]; keys of the local windows
    may count in it.  Shapes as in `by_matrices`; `lse` is what it returns."""
    q, lse = q[:, rows.validation], lse[:, rows.validation]
    last = rows.query_blocks[-1].local_start
    parts = []
    for some, keys in _portions(q, k):
        scores = q[some].float() @ keys[:last].float().T * scale
        seen = torch.arange(last, device=q.device) <= rows.positions[rows.validation, None]
        weights = (scores - lse[some, :, None]).exp_().masked_fill_(~seen, 0.0)
        parts.append(_in_blocks(weights, block))
    return torch.cat(parts)


def _by_level(
    parts: list[_Part], mean_weight: Tensor, rows: SampledRows, num_sink_tokens: int
) -> Tensor:
    """Both sums of `kernels.mass_by_level` for the heads of the parts, [2, S, V, LEVELS]."""
    level = levels_of(mean_weight)
    level[:, :num_sink_tokens] = 0
    sums = mean_weight.new_zeros(2, len(level), rows.validation_count, LEVELS)
    for part in parts:
        factors = part.factors[:, rows.validation, None]
        weights = part.weights[:, rows.validation]
        one_hot = torch.eye(LEVELS, dtype=weights.dtype, device=level.device)
        member = nn.functional.embedding(level[:, part.at], one_hot)
        # Weights relative to a row's typical ones: their squares neither overflow nor vanish.
        sums[0] += (weights @ member).float() * factors
        sums[1] += (weights.square() @ member).float() * factors.square()
    return sums


def _in_blocks(sums: Tensor, block: int) -> Tensor:
    """[..., n] summed over blocks of `block` keys, the last one shorter: [..., ceil(n / block)]."""
    short = -sums.shape[-1] % block
    padded = nn.functional.pad(sums, (0, short))
    return padded.view(*padded.shape[:-1], padded.shape[-1] // block, block).sum(dim=-1)


def _portions(q: Tensor, k: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Slices of the query heads of q [H, R, D] that share a kv head, as many as the workspace
    allows, with its keys [N, D]."""
    group_size = len(q) // len(k)
    step = max(1, WORKSPACE_BYTES // max(1, 4 * q.shape[1] * k.shape[1]))
    for kv_head, keys in enumerate(k):
        first, end = kv_head * group_size, (kv_head + 1) * group_size
        for start in range(first, end, step):
            yield slice(start, min(start + step, end)), keys


def _weights(q: Tensor, k: Tensor, rows: SampledRows, scale: float) -> tuple[Tensor, list[_Part]]:
    """The log-sum-exp of every row of q [S, R + V + T, D] over all keys k [N, D], and the weights
    of the keys before the local windows of the sampled and validation ones."""
    before, last = rows.query_blocks[0].local_start, rows.query_blocks[-1].local_start
    wanted = slice(0, rows.validation.stop)
    near = torch.arange(before, len(k), device=k.device)
    scores = (q.float() @ k[before:].float().T) * scale
    scores = scores.masked_fill_(near > rows.positions[:, None], -math.inf)
    lse = scores.logsumexp(dim=-1)
    parts = []
    if before:  # all rows see these, and no row has them in its local window
        blocks, shift, total = _far_weights(q, k[:before], lse, scale)
        lse = torch.logaddexp(lse, shift + total.log())
        factors = (shift - lse).exp()[:, wanted]
        done = 0
        for block in blocks:
            at = slice(done, done + block.shape[-1])
            parts.append(_Part(at, block[:, wanted], factors))
            done = at.stop
    if before < last:
        starts = torch.cat([rows.local_starts, rows.validation_local_starts])
        inside = near[: last - before] < starts[:, None]
        weights = (scores[:, wanted, : last - before] - lse[:, wanted, None]).exp_() * inside
        parts.append(_Part(slice(before, last), weights, torch.ones_like(lse[:, wanted])))
    return lse, parts


def _far_weights(
    q: Tensor, k: Tensor, near: Tensor, scale: float
) -> tuple[list[Tensor], Tensor, Tensor]:
    """exp(scaled scores - shift) of rows [S, R, D] over keys [N, D] that all of them see.

    Args:
        near: [S, R], the rows' log-sum-exp over other keys.
    Returns:
        blocks [S, R, n] of successive keys; the shift and the sum of all blocks, [S, R] float32.
    """
    if cpu_bf16_products(q, k):
        typical = typical_scores(q, k, near, scale)
        flat, shift = shifted_weights(q.flatten(0, 1), k, typical.flatten(), scale)
        total = torch.stack([block.sum(dim=-1) for block in flat]).sum(dim=0, dtype=torch.float32)
        if bool((total <= RELIABLE_SUM).all()):
            shape = q.shape[:2]
            return [block.view(*shape, -1) for block in flat], shift.view(shape), total.view(shape)
    scores = (q.float() @ k.float().T) * scale
    shift = scores.amax(dim=-1)
    weights = scores.sub_(shift.unsqueeze(-1)).exp_()
    return [weights], shift, weights.sum(dim=-1)
