"""Sampled rows of a chunk: exact attention over all keys so far, summed down the columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .plan import Tile

WORKSPACE_BYTES = 256 * 2**20  # of float32 scores alive at once, about


@dataclass(frozen=True)
class Sample:
    """What one chunk's sampled and held-out rows attend to.

    `mass` [H, last band start] is the softmax mass of every key outside the band, summed over
    the `rows` sampled rows of mass 1 each.  `held` [H, T, N] are the softmax weights of the
    `held_rows` [T], which selection does not look at: they measure its coverage.
    """

    rows: int
    mass: Tensor
    held_rows: tuple[int, ...]
    held: Tensor


def sampled_rows(tile: Tile, share: float) -> range:
    """Positions of the tile's sampled rows: its tail, `share` of its rows.

    SampleAttention, arXiv 2406.15486, in its later version; strided rows are the earlier one.
    """
    return range(tile.end - math.ceil(share * tile.rows), tile.end)


def held_out_row(tile: Tile) -> int:
    """Position of the tile's middle row, which is never sampled in a tile of two rows or more."""
    return tile.start + (tile.rows - 1) // 2


def sample(q: Tensor, k: Tensor, tiles: Sequence[Tile], *, share: float, scale: float) -> Sample:
    """Exact causal softmax of the sampled rows, and of one held-out row a tile.

    A tile of one row has no held-out row.

    Args:
        q: [H, C, D], the chunk's queries at positions [N - C, N); k: [G, N, D], all keys so far.
        tiles: those of the chunk.
    """
    heads, end = q.shape[0], k.shape[1]
    halved = [tile for tile in tiles if tile.rows > 1]
    mass = torch.zeros(heads, tiles[-1].band, device=q.device)
    held = torch.zeros(heads, len(halved), end, device=q.device)
    most = max(len(sampled_rows(tile, share)) + 1 for tile in tiles)
    shared = heads // k.shape[0]
    step = max(1, WORKSPACE_BYTES // (2 * 4 * shared * most * end))  # kv groups at once
    for first in range(0, k.shape[0], step):
        block = slice(first * shared, (first + step) * shared)
        keys = k[first : first + step].float().transpose(1, 2)  # [G', D, N]
        for t, tile in enumerate(tiles):
            tail = sampled_rows(tile, share)
            rows = [held_out_row(tile), *tail] if tile.rows > 1 else [*tail]
            weights = _attention_rows(q[block], keys, rows, scale)  # [H', R, seen]
            mass[block, : tile.band] += weights[:, -len(tail) :, : tile.band].sum(dim=1)
            if tile.rows > 1:
                held[block, t, : weights.shape[-1]] = weights[:, 0]
    total = sum(len(sampled_rows(tile, share)) for tile in tiles)
    return Sample(total, mass, tuple(held_out_row(tile) for tile in halved), held)


def _attention_rows(q: Tensor, keys: Tensor, rows: list[int], scale: float) -> Tensor:
    """Causal softmax weights [H, R, last row + 1] of single rows, in float32.

    Args:
        q: [H, C, D], its last row at the last key's position; keys: [G, D, N] float32.
        rows: positions, ascending.
    """
    heads, count, size = q.shape
    groups, _, end = keys.shape
    at = torch.tensor(rows, device=q.device)
    picked = q.index_select(1, at - (end - count)).float() * scale
    picked = picked.reshape(groups, -1, size)  # the heads of a group over its one kv head
    scores = torch.bmm(picked, keys[..., : rows[-1] + 1]).view(heads, len(rows), -1)
    later = torch.arange(rows[0] + 1, rows[-1] + 1, device=q.device)
    scores[..., rows[0] + 1 :].masked_fill_(later > at[:, None], float("-inf"))
    return scores.softmax(dim=-1)
