"""Sampled rows of a chunk and their attention mass, summed down the columns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from .plan import Tile

# Keys scored at once.  Bounds the float32 scores to [H, R, block]; on CPU they stay in the cache
# of a core, on a GPU the launches are fewer.
_BLOCK = {"cpu": 1024}
_BLOCK_ELSEWHERE = 8192


def sampled_rows(tiles: Sequence[Tile], share: float) -> tuple[list[int], list[int]]:
    """Positions of the sampled rows, ascending, and the band start of each.

    The tail of every tile, `share` of its rows (SampleAttention, arXiv 2406.15486, in its later
    version; strided rows are the earlier one).
    """
    rows: list[int] = []
    bands: list[int] = []
    for tile in tiles:
        count = math.ceil(share * tile.rows)
        rows.extend(range(tile.end - count, tile.end))
        bands.extend([tile.band] * count)
    return rows, bands


def grouped_rows(q: Tensor, rows: Tensor, groups: int) -> Tensor:
    """Rows of the queries q [H, C, D] by kv group: [G, H/G, R, D] float32; rows is [R]."""
    picked = q.index_select(1, rows).float()
    return picked.view(groups, -1, *picked.shape[1:])


def row_lse(q: Tensor, k: Tensor, positions: Tensor, scale: float) -> Tensor:
    """Log-sum-exp of exact causal attention of single rows over all keys so far.

    Args:
        q: [G, H/G, R, D] float32; k: [G, N, D]; positions: [R] ascending, all < N.
    Returns:
        [G, H/G, R] float32.
    """
    first = int(positions[0])
    total: Tensor | None = None
    for start, end in key_blocks(int(positions[-1]) + 1, k.device):
        scores = scores_of(q, k[:, start:end], scale)
        if end > first + 1:
            keys = torch.arange(start, end, device=k.device)
            scores.masked_fill_(keys > positions[:, None], float("-inf"))
        block = torch.logsumexp(scores, dim=-1)
        total = block if total is None else torch.logaddexp(total, block)
    assert total is not None
    return total


def column_mass(q: Tensor, k: Tensor, lse: Tensor, bands: Tensor, scale: float) -> Tensor:
    """Softmax mass outside the band, summed over the sampled rows, for every key.

    Args:
        q: [G, H/G, R, D] float32; k: [G, N, D]; lse: [G, H/G, R] from `row_lse`;
        bands: [R] ascending: row r counts keys before bands[r] only.
    Returns:
        [H, max(bands)] float32; rows have mass 1 each, so the band holds R less its sum.
    """
    first, last = int(bands[0]), int(bands[-1])
    mass = torch.empty(*q.shape[:2], last, dtype=torch.float32, device=k.device)
    for start, end in key_blocks(last, k.device):
        weights = scores_of(q, k[:, start:end], scale).sub_(lse.unsqueeze(-1)).exp_()
        if end > first:
            keys = torch.arange(start, end, device=k.device)
            weights.masked_fill_(keys >= bands[:, None], 0.0)
        mass[..., start:end] = weights.sum(dim=-2)
    return mass.flatten(0, 1)


def key_blocks(keys: int, device: torch.device) -> Iterator[tuple[int, int]]:
    """Ranges [start, end) that cover `keys` keys, each scored at once."""
    block = _BLOCK.get(device.type, _BLOCK_ELSEWHERE)
    for start in range(0, keys, block):
        yield start, min(start + block, keys)


def scores_of(q: Tensor, k: Tensor, scale: float) -> Tensor:
    """Scaled scores [G, H/G, R, B], float32, of q [G, H/G, R, D] float32 and k [G, B, D]."""
    groups, shared, rows, size = q.shape
    flat = q.reshape(groups, shared * rows, size) * scale
    return torch.bmm(flat, k.float().transpose(1, 2)).view(groups, shared, rows, -1)
