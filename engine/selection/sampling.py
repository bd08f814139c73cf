"""Sampled rows of a chunk: exact attention over all keys so far, summed down the columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..kernels.launch import on_tensor_cores
from ..kernels.products import RELIABLE, products, products_on_cpu, typical_scores
from ..kernels.sampled import column_mass, row_lse
from .plan import Tile

WORKSPACE_BYTES = 256 * 2**20  # of scores alive at once, about


@dataclass(frozen=True)
class Sample:
    """What one chunk's sampled and held-out rows attend to.

    `mass` [H, last band start] is the softmax mass of every key outside the band, summed over
    the `rows` sampled rows of mass 1 each.  `held_lse` [H, T] float32 is the log-sum-exp over
    all keys of the chunk's rows `held_rows` [T], which selection does not look at: they measure
    its coverage.
    """

    rows: int
    mass: Tensor
    held_rows: Tensor
    held_lse: Tensor


def sampled_rows(tile: Tile, share: float) -> range:
    """Positions of the tile's sampled rows: its tail, `share` of its rows.

    SampleAttention, arXiv 2406.15486, in its later version; strided rows are the earlier one.
    """
    return range(tile.end - math.ceil(share * tile.rows), tile.end)


def held_out_row(tile: Tile) -> int:
    """Position of the tile's middle row, which is never sampled in a tile of two rows or more."""
    return tile.start + (tile.rows - 1) // 2


def sample(q: Tensor, k: Tensor, tiles: Sequence[Tile], *, share: float, scale: float) -> Sample:
    """Exact causal softmax of the sampled rows, and the log-sum-exp of one held-out row a tile.

    A tile of one row has no held-out row.

    Args:
        q: [H, C, D], the chunk's queries at positions [N - C, N); k: [G, N, D], all keys so far.
        tiles: those of the chunk.
    """
    device, heads = q.device, q.shape[0]
    start = tiles[0].start
    rows = [row - start for tile in tiles for row in sampled_rows(tile, share)]
    held = [held_out_row(tile) - start for tile in tiles if tile.rows > 1]
    bands = [tile.band for tile in tiles for _ in sampled_rows(tile, share)]
    at = torch.tensor(rows + held, device=device)
    bands_at = torch.tensor(bands, device=device)
    if on_tensor_cores(q):
        picked, last = q.index_select(1, at), tiles[-1].band
        lse = row_lse(picked, k, (at + start).int(), scale=scale)
        sampled, lse_sampled = picked[:, : len(rows)], lse[:, : len(rows)]
        before = bands_at.int()
        mass = column_mass(sampled, k, lse_sampled, before, keys=last, scale=scale)
        return Sample(len(rows), mass, at[len(rows) :], lse[:, len(rows) :])
    mass = torch.zeros(heads, tiles[-1].band, device=device)
    lse = torch.empty(heads, len(at), device=device)
    shared = heads // k.shape[0]
    step = max(1, WORKSPACE_BYTES // (4 * len(at) * k.shape[1]))  # heads at once
    for group, keys in enumerate(k):
        for first in range(group * shared, (group + 1) * shared, step):
            some = slice(first, min(first + step, (group + 1) * shared))
            picked = q[some].index_select(1, at)
            lse[some] = _add_mass(mass[some], picked, keys, at + start, bands_at, tiles, scale)
    return Sample(len(rows), mass, at[len(rows) :], lse[:, len(rows) :])


def _add_mass(
    mass: Tensor,
    q: Tensor,
    k: Tensor,
    positions: Tensor,
    bands: Tensor,
    tiles: Sequence[Tile],
    scale: float,
) -> Tensor:
    """Adds to `mass` [S, last band] what the first rows of q give to the keys before their bands.

    Args:
        q: [S, R, D], rows at `positions` [R]; the first of them are sampled, one a band, the
            others only measured.  k: [N, D].
    Returns:
        the log-sum-exp of every row over all keys, [S, R].
    """
    before = tiles[0].band  # all rows see these, and no row has them in its band
    near = torch.arange(before, len(k), device=k.device)
    scores = (q.float() @ k[before:].float().T) * scale
    scores = scores.masked_fill_(near > positions[:, None], -math.inf)
    lse = scores.logsumexp(dim=-1)
    sampled = slice(0, len(bands))
    if before:
        blocks, shift, total = _far_weights(q, k[:before], lse, scale)
        lse = torch.logaddexp(lse, shift + total.log())
        factors = (shift - lse).exp()[:, None, sampled]
        done = 0
        for block in blocks:
            added = (factors.to(block.dtype) @ block[:, sampled]).squeeze(1)
            mass[:, done : done + block.shape[-1]] += added
            done += block.shape[-1]
    between = tiles[-1].band - before
    inside = near[:between] < bands[:, None]
    weights_near = (scores[:, sampled, :between] - lse[:, sampled, None]).exp_()
    mass[:, before:] += (weights_near * inside).sum(dim=1)
    return lse


def _far_weights(
    q: Tensor, k: Tensor, near: Tensor, scale: float
) -> tuple[list[Tensor], Tensor, Tensor]:
    """exp(scaled scores - shift) of rows [S, R, D] over keys [N, D] that all of them see.

    Args:
        near: [S, R], the rows' log-sum-exp over other keys.
    Returns:
        blocks [S, R, n] of successive keys; the shift and the sum of all blocks, [S, R] float32.
    """
    if products_on_cpu(q, k):
        typical = typical_scores(q, k, near, scale)
        flat, shift = products(q.flatten(0, 1), k, typical.flatten(), scale)
        total = torch.stack([block.sum(dim=-1) for block in flat]).sum(dim=0, dtype=torch.float32)
        if bool((total <= RELIABLE).all()):
            shape = q.shape[:2]
            return [block.view(*shape, -1) for block in flat], shift.view(shape), total.view(shape)
    scores = (q.float() @ k.float().T) * scale
    shift = scores.amax(dim=-1)
    weights = scores.sub_(shift.unsqueeze(-1)).exp_()
    return [weights], shift, weights.sum(dim=-1)
