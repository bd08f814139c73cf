"""Joining attention over two disjoint sets of keys (the name is that of vLLM and FlashInfer)."""

from __future__ import annotations

import torch
from torch import Tensor


def merge_attention_states(
    out_a: Tensor, lse_a: Tensor, out_b: Tensor, lse_b: Tensor
) -> tuple[Tensor, Tensor]:
    """Attention over the union of two disjoint key sets, from the results over each.

    Each output is a softmax average over its own keys, so the union's is their average with
    weights exp(lse_a) and exp(lse_b): weight_a = sigmoid(lse_a - lse_b).  Only the difference
    is ever exponentiated, so nothing overflows.

    Args:
        out_a, out_b: [..., C, D], any float type.
        lse_a, lse_b: [..., C] float32, natural logarithm; finite, or -inf in one of the two.
    Returns:
        out [..., C, D] float32 and lse [..., C] float32.
    """
    weight_a = torch.sigmoid(lse_a - lse_b).unsqueeze(-1)
    out = torch.lerp(out_b.float(), out_a.float(), weight_a)
    return out, torch.logaddexp(lse_a, lse_b)
