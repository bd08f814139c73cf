"""One key and value for what a head leaves out of each span of keys."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class TailKeys:
    """What `sparse_prefill` streams of a tail: key s stands for the keys [s * span, (s + 1) * span)
    of the context that are left out."""

    span: int
    keys: Tensor  # [H, S, D] in the type of the keys; their last dimension is contiguous
    values: Tensor  # the same
    log_weights: Tensor  # float32 [H, S]: exp(score + this) is the mass; -inf where there is none


def span_means(weights: Tensor, rows: Tensor) -> Tensor:
    """The weighted sum of each span's rows.

    Query head h reads key/value head h // (H / G).

    Args:
        weights: [H, S, n] in the type of `rows`.
        rows: [G, N, D], N >= S * n, keys or values.
    Returns:
        [H, S, D] in the type of `rows`.
    """
    heads, spans, span = weights.shape
    groups, size = len(rows), rows.shape[-1]
    # Each span of a key/value head is multiplied with the weights of all heads that read it.
    of_group = weights.view(groups, heads // groups, spans, span).transpose(1, 2)
    spanned = rows[:, : spans * span].view(groups, spans, span, size)
    sums = torch.matmul(of_group, spanned)  # [G, S, H / G, D]
    return sums.transpose(1, 2).reshape(heads, spans, size)
