"""Attention of single rows by its definition, in float64: what every method is checked with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor


def row_weights(
    q: Tensor, k: Tensor, rows: Sequence[int], *, scale: float
) -> Iterator[tuple[slice, Tensor]]:
    """Causal softmax weights of single query rows over all keys, one kv head at a time.

    Args:
        q: [H, L, D]; k: [G, L, D]; rows: positions below L.
    Yields:
        the query heads of the kv head, and their weights [H / G, len(rows), L] in float64.
    """
    at = torch.tensor(rows, device=q.device)
    later = torch.arange(k.shape[1], device=q.device) > at[:, None]  # [R, L]
    group_size = q.shape[0] // k.shape[0]
    for kv_head in range(k.shape[0]):
        heads = slice(kv_head * group_size, (kv_head + 1) * group_size)
        scores = q[heads].index_select(1, at).double() @ k[kv_head].double().T
        yield heads, scores.mul_(scale).masked_fill_(later, float("-inf")).softmax(dim=-1)


def exact_rows(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    rows: Sequence[int],
    *,
    scale: float,
    kept: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Causal attention of single rows over the kept keys, and their recall.

    Args:
        q: [H, L, D]; k, v: [G, L, D].
        kept: [H, len(rows), L] bool; None is all keys.
    Returns:
        out [H, len(rows), D] and recall [H, len(rows)], the share of the row's softmax mass
        under full attention that the kept keys hold; both float64.
    """
    shape, device = (q.shape[0], len(rows)), q.device
    out = torch.empty(*shape, v.shape[-1], dtype=torch.float64, device=device)
    recall = torch.ones(*shape, dtype=torch.float64, device=device)
    for kv_head, (heads, weights) in enumerate(row_weights(q, k, rows, scale=scale)):
        if kept is not None:
            weights = weights.mul_(kept[heads])
            recall[heads] = weights.sum(dim=-1)
            weights = weights.div_(recall[heads].unsqueeze(-1))
        out[heads] = weights @ v[kv_head].double()
    return out, recall


def oracle_density(
    q: Tensor, k: Tensor, rows: Sequence[int], *, share: float = 0.95
) -> tuple[float, ...]:
    """For every head, the fewest keys that hold `share` of each row's attention mass, over the keys
    that the rows see: what a perfect selection would compute for these rows.

    Args:
        q: [H, L, D]; k: [G, L, D]; rows: positions below L.
    Returns:
        [H], in (0, 1].
    """
    seen = torch.tensor(rows, device=q.device) + 1
    needed = torch.zeros(q.shape[0], dtype=torch.float64, device=q.device)
    for heads, weights in row_weights(q, k, rows, scale=float(q.shape[-1] ** -0.5)):
        reached = weights.sort(dim=-1, descending=True).values.cumsum(dim=-1)
        fewest = (reached < share).sum(dim=-1) + 1
        needed[heads] = fewest.minimum(seen).sum(dim=-1).double()
    by_head: list[float] = (needed / seen.sum()).tolist()
    return tuple(by_head)
