"""Attention on CPU as bfloat16 matrix products, where those outrun PyTorch's own operator.

Measured on two cores with AVX512-BF16 at D = 64, for each (query, key) pair: PyTorch's tiled
operator 1.7 to 1.9 ns; product, `exp` and product, over blocks that stay in the cache, 1.0 ns.

A product rounds its result to bfloat16, and a score of 20 would be off by up to 0.06.  So a
typical score of each row is subtracted inside the product, by one more dimension of q and k: the
scores that count then come out near 0, where the steps of bfloat16 are small.  Rows whose typical
score was far too low are computed again.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .instructions import has_amx, has_avx512_bf16

RELIABLE_SUM = 2.0**15  # of a row's weights; a row with more is computed again
_KEYS = 512  # of a block: its weights and its values stay in the second-level cache
_ROWS = 2048
_KEY_MULTIPLE = 32  # of the keys, zeros included, see `_padded`
_SCORED_KEYS = 2048  # of a block of `shifted_weights`
_FIRST = 16  # keys of the context among which a row's largest score often is
_BELOW_NEAR = 3.0  # nats from the local window's log-sum-exp to the scores with most of its weight


def cpu_bf16_supported(q: Tensor, v: Tensor) -> bool:
    """Whether `attend_cpu_bf16` is the fastest implementation for these queries and values.

    With AMX PyTorch's own operator is, and without AVX512-BF16 bfloat16 is emulated.
    """
    return cpu_bf16_products(q, v) and not has_amx()


def cpu_bf16_products(q: Tensor, k: Tensor) -> bool:
    """Whether the CPU multiplies these bfloat16 matrices natively."""
    bfloat16 = q.device.type == "cpu" and q.dtype == k.dtype == torch.bfloat16
    return bfloat16 and (has_avx512_bf16() or has_amx())


def attend_cpu_bf16(
    q: Tensor, k: Tensor, v: Tensor, *, typical: Tensor, scale: float
) -> tuple[Tensor, Tensor]:
    """Softmax attention of every query over all given keys, for one head.

    Args:
        q: [C, D]; k: [N, D]; v: [N, E], all bfloat16, N >= 1.
        typical: [C] float32, a score near those that hold most of each row's weight.  Weights
            are exact to about 2^-9 times their score's distance from it; one that is far too
            low costs time, one that is far too high loses all weight.
        scale: factor on q @ k.T before the softmax.
    Returns:
        out [C, E] and lse [C], both float32; 0 and -inf where all weight was lost.
    """
    keys, values = _padded(k, -1.0), _padded(v, 1.0)  # the values' last dimension sums the weights
    queries, shift = shifted_queries(q, typical, scale)
    sums = _weighted_sums(queries, keys, values)
    again = (~(sums[:, -1] <= RELIABLE_SUM)).nonzero().squeeze(1)
    if len(again):
        queries, shift[again] = shifted_queries(q[again], largest_scores(q[again], k, scale), scale)
        sums[again] = _weighted_sums(queries, keys, values)
    total = sums[:, -1:]
    out = sums[:, :-1] / total.clamp(min=torch.finfo(torch.float32).tiny)
    return out, shift + total.squeeze(1).log()


def typical_scores(q: Tensor, k: Tensor, near: Tensor, scale: float) -> Tensor:
    """Typical scores for `attend_cpu_bf16`.

    Args:
        q: [..., D]; k: [N, D].
        near: [...] float32, the rows' log-sum-exp over the keys near them.
        scale: factor on q @ k.T before the softmax.
    Returns:
        [...] float32.
    """
    first = (q.float() @ k[:_FIRST].float().T).amax(dim=-1) * scale
    return torch.maximum(near - _BELOW_NEAR, first)


def largest_scores(q: Tensor, k: Tensor, scale: float) -> Tensor:
    """The largest scaled score of each row of q [C, D] over the keys k [N, D]: [C] float32."""
    best = torch.full((len(q),), -math.inf)
    for keys in torch.split(k, _ROWS):
        best = torch.maximum(best, (q.float() @ keys.float().T).amax(dim=-1) * scale)
    return best


def shifted_weights(
    q: Tensor, k: Tensor, typical: Tensor, scale: float
) -> tuple[list[Tensor], Tensor]:
    """exp(scaled scores - shift) of every row over every key.

    Args:
        q: [C, D]; k: [N, D], both bfloat16.
        typical: [C] float32, as for `attend_cpu_bf16`.
        scale: factor on q @ k.T.
    Returns:
        bfloat16 blocks [C, n] of successive keys, in which a weight is infinite where `typical`
        was more than about 80 too low; and the shift, [C] float32.
    """
    queries, shift = shifted_queries(q, typical, scale)
    keys = shifted_keys(k)
    return [(queries @ some.T).exp_() for some in torch.split(keys, _SCORED_KEYS)], shift


def shifted_queries(q: Tensor, shift: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Queries whose products with `shifted_keys` are scaled scores minus the shift.

    Args:
        q: [..., C, D]; shift: [..., C] float32.
    Returns:
        [..., C, D + 1], and the shift rounded to bfloat16, [..., C] float32.
    """
    rounded = shift.bfloat16()
    return torch.cat([q * scale, rounded.unsqueeze(-1)], dim=-1), rounded.float()


def shifted_keys(k: Tensor) -> Tensor:
    """[..., N, D + 1]; see `shifted_queries`."""
    return torch.cat([k, k.new_full((*k.shape[:-1], 1), -1.0)], dim=-1)


def _padded(rows: Tensor, last: float) -> Tensor:
    """Rows [N, D] with `last` in one more dimension, and zero rows up to a multiple of 32.

    A key of zeros has the weight 1 and a value of zeros, so it adds nothing.  oneDNN's products
    with AMX take 32 numbers of a row at a time; where fewer are left they read into the next row
    and multiply what they find by 0, so an infinite weight there would spoil this row's sum, too.
    """
    padded = nn.functional.pad(rows, (0, 1, 0, -len(rows) % _KEY_MULTIPLE))
    padded[: len(rows), -1] = last
    return padded


def _weighted_sums(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """exp(queries @ keys.T) @ values in float32, block by block."""
    sums = torch.zeros(len(queries), values.shape[-1])
    for rows, block in zip(torch.split(sums, _ROWS), torch.split(queries, _ROWS), strict=True):
        for some_keys, some_values in zip(
            torch.split(keys, _KEYS), torch.split(values, _KEYS), strict=True
        ):
            rows += (block @ some_keys.T).exp_() @ some_values
    return sums
