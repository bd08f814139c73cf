"""Learned attention sinks: a logit of each head that takes a share of the softmax."""

from __future__ import annotations

import torch
from torch import Tensor


def with_sink_logits(out: Tensor, lse: Tensor, sink_logits: Tensor) -> Tensor:
    """Attention whose denominator has one more term, exp(sink), that has no value.

    Args:
        out: [H, C, D]; lse: [H, C] float32, over the keys.
        sinks: [H], any float type; logits that are not scaled.
    Returns:
        [H, C, D] in the type of `out`.
    """
    assert sink_logits.shape == out.shape[:1], "one sink for each query head"
    share = torch.sigmoid(lse - sink_logits.float().unsqueeze(-1))
    return (out.float() * share.unsqueeze(-1)).to(out.dtype)
