"""The twins of `top_p_mask` and `top_p_members` in plain torch, for every device."""

from __future__ import annotations

import torch
from torch import Tensor

BITS = 15  # of a weight that are looked at: 6 of its exponent, and 9 after the point
UNUSED_BITS = 23 - 9  # the last ones of float32's
SMALLEST = (127 - 50) << 9  # the bits of 2^-50: what is smaller counts as nothing
NONE = 0x7FFFFFFF  # above the bits of every weight


def top_p_mask_torch(
    weights: Tensor, counted: Tensor, limits: Tensor, *, num_sink_tokens: int, at_least: bool
) -> tuple[Tensor, Tensor]:
    """`top_p_mask` in plain torch."""
    least = _threshold(weights, counted, limits, num_sink_tokens, at_least)
    return _lists(weights, least, num_sink_tokens)


def mask_from_torch(
    weights: Tensor, least: Tensor, *, num_sink_tokens: int
) -> tuple[Tensor, Tensor]:
    """`mask_from` in plain torch."""
    return _lists(weights, least.contiguous().view(torch.int32), num_sink_tokens)


def _lists(weights: Tensor, least: Tensor, num_sink_tokens: int) -> tuple[Tensor, Tensor]:
    """Columns and counts, from the least bits that are kept, int32 [H]."""
    heads, keys = weights.shape
    bits = weights[:, num_sink_tokens:].contiguous().view(torch.int32)
    first = least.new_ones(heads, min(num_sink_tokens, keys)) > 0
    kept = torch.cat([first, bits >= least[:, None]], dim=-1)
    counts = kept.cumsum(dim=-1, dtype=torch.int32)
    positions = torch.arange(keys, dtype=torch.int32, device=weights.device).expand(heads, -1)
    # What is not kept goes to one more place, which is cut off.
    places = torch.where(kept, counts - 1, keys)
    columns = positions.new_zeros(heads, keys + 1).scatter_(1, places.long(), positions)
    return columns[:, :keys], counts


def top_p_members_torch(
    weights: Tensor, counted: Tensor, limits: Tensor, *, num_sink_tokens: int = 0
) -> Tensor:
    """`top_p_members` in plain torch."""
    least = _threshold(weights, counted, limits, num_sink_tokens, True)
    return weights.contiguous().view(torch.int32) >= least[:, None]


def _threshold(
    weights: Tensor, counted: Tensor, limits: Tensor, num_sink_tokens: int, at_least: bool
) -> Tensor:
    """The bits of a float32 from which on each row's entries are kept, int32 [H]."""
    bits = weights[:, num_sink_tokens:].contiguous().view(torch.int32) >> UNUSED_BITS
    others = counted[..., num_sink_tokens:]
    least = torch.full((len(weights), 1), SMALLEST, dtype=torch.int32, device=weights.device)
    for shift in range(BITS - 1, -1, -1):
        tried = least + (1 << shift)
        total = torch.where(bits >= tried, others, 0.0).sum(dim=-1, keepdim=True)
        enough = total >= limits[:, None] if at_least else total > limits[:, None]
        least = torch.where(enough, tried, least)
    if at_least:
        least = (least << UNUSED_BITS).masked_fill(least == SMALLEST, 0)
        least = least.masked_fill(limits[:, None] <= 0.0, NONE)
    else:
        everything = others.expand(bits.shape).sum(dim=-1, keepdim=True)
        least = ((least + 1) << UNUSED_BITS).masked_fill(everything <= limits[:, None], 0)
        least = least.masked_fill(limits[:, None] < 0.0, NONE)
    return least[:, 0]
