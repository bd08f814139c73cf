"""Attention of layers that look back over a window of keys only, exactly.

The cache keeps all keys of such a layer nevertheless: rolling back needs them.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ..kernels import attend, merge_attention_states
from ..sparsity.plan import causal_pairs

ROWS_TOGETHER = 4096  # or those of one block: what is copied stays a few times as large
HEADS_TOGETHER = 2**15  # a launch has at most 2**16 of them


def sliding_window_attention(
    q: Tensor, k: Tensor, v: Tensor, *, window: int, scale: float
) -> tuple[Tensor, Tensor]:
    """Softmax attention of each row over the last `window` keys, its own included.

    The row at position p sees the keys (p - window, p].  Rows before position `window` are plain
    causal attention.  The others go in blocks of at most `window` rows, all of the same shape as
    heads of one call: a block's last `window` keys are causal, and what is left are the keys of
    which each row sees a suffix, one less than the row before it.  With rows and keys reversed
    these are causal too.  So no mask is ever built, and a row costs about `window` keys.

    Args:
        q: [H, C, D] at positions [N - C, N); k, v: [G, N, D], all keys so far.
        window: keys that a row sees, at least 1.
    Returns:
        out [H, C, D] in the type of `q`, and lse [H, C] float32 over the keys that were seen.
    """
    assert window >= 1
    heads, rows, _ = q.shape
    end = k.shape[1]
    start = end - rows
    if rows == 1 or end <= window:
        near = slice(max(0, end - window), end)
        out, lse = attend(q, k[:, near], v[:, near], causal=True, scale=scale)
        return out.to(q.dtype), lse
    out = torch.empty(heads, rows, v.shape[-1], dtype=q.dtype, device=q.device)
    lse = torch.empty(heads, rows, device=q.device)
    if start < window:
        some = slice(0, window - start)
        part = attend(q[:, some], k[:, :window], v[:, :window], causal=True, scale=scale)
        out[:, some], lse[:, some] = part
    together = max(1, min(ROWS_TOGETHER // window, HEADS_TOGETHER // heads))
    for first, size, count in _blocks(max(start, window), end, window, together):
        some = slice(first - start, first - start + size * count)
        part = _full(q[:, some], k, v, first, size, window=window, scale=scale)
        out[:, some], lse[:, some] = part
    return out, lse


def windowed_pairs(start: int, end: int, window: int) -> int:
    """(query, key) pairs within the window, of the rows [start, end) over all keys so far."""
    short = min(end, window) - min(start, window)  # rows that see fewer, or just all
    return causal_pairs(min(start, window), min(end, window)) + (end - start - short) * window


def _blocks(start: int, end: int, window: int, together: int) -> Iterator[tuple[int, int, int]]:
    """Blocks that cover the rows [start, end), as (first row, rows of a block, number of blocks):
    at most `together` blocks of `window` rows each, and one of what is left."""
    while start < end:
        count = min(together, (end - start) // window)
        size = window if count else end - start
        count = max(1, count)
        yield start, size, count
        start += size * count


def _full(
    q: Tensor, k: Tensor, v: Tensor, first: int, size: int, *, window: int, scale: float
) -> tuple[Tensor, Tensor]:
    """Blocks of `size` rows that all see `window` keys.

    Args:
        q: [H, n * size, D] from position `first` on, at least `window`; one block if `size` is
            less than `window`.  k, v: [G, N, D].
    Returns:
        out [H, n * size, D], lse [H, n * size] float32.
    """
    heads, rows, _ = q.shape
    groups = k.shape[0]
    count = rows // size
    own = slice(first + size - window, first + rows)  # each block's last `window` keys
    before = slice(first - window, first - window + rows)  # as many as there are rows
    q = q.reshape(groups, heads // groups, count, size, -1).transpose(1, 2).flatten(0, 2)
    near = attend(
        q, _split(k[:, own], count), _split(v[:, own], count), causal=True, scale=scale
    )  # fmt: skip
    # Of the `size` keys before these, row r sees those behind r.  Reversed, with the last row,
    # which sees none, moved behind the others, row i sees the first i + 1: it is its own inverse.
    flipped = torch.arange(size - 2, size - 2 - size, -1, device=q.device) % size
    far_out, far_lse = attend(
        q[:, flipped],
        _split(k[:, before], count).flip(1),
        _split(v[:, before], count).flip(1),
        causal=True,
        scale=scale,
    )
    far_lse = far_lse[:, flipped]
    far_lse[:, -1] = float("-inf")
    out, lse = merge_attention_states(*near, far_out[:, flipped], far_lse)
    return _joined(out, groups, count), _joined(lse, groups, count)


def _split(keys: Tensor, count: int) -> Tensor:
    """[G, count * n, D] as [G * count, n, D]."""
    groups, rows, size = keys.shape
    return keys.reshape(groups * count, rows // count, size)


def _joined(found: Tensor, groups: int, count: int) -> Tensor:
    """[G * count * H / G, size, ...] as [H, count * size, ...]."""
    found = found.view(groups, count, -1, *found.shape[1:]).transpose(1, 2)
    return found.flatten(0, 1).flatten(1, 2)
