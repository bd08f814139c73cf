"""Attention on CPU as bfloat16 matrix products, where those outrun PyTorch's own operator.

Measured on two cores with AVX512-BF16 at D = 64, for each (query, key) pair: PyTorch's tiled
operator 1.7 to 1.9 ns; product, `exp` and product, over blocks that stay in the cache, 1.0 ns.

A product rounds its result to bfloat16, and a score of 20 would be off by up to 0.06.  So a
typical score of each row is taken off inside of the product, by one more dimension of q and k:
the scores that count then come out near 0, where the steps of bfloat16 are small.  Rows for which
that was far too low are computed again.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .instructions import has_amx, has_avx512_bf16

_KEYS = 512  # of a block: its weights and its values stay in the second-level cache
_ROWS = 2048
_SCORED_KEYS = 1024  # of a block of `products`
_FIRST = 16  # keys of the context among which a row's largest score often is
_BELOW_NEAR = 3.0  # nats from the band's log-sum-exp to the scores that hold most of its weight
RELIABLE = 2.0**15  # sum of a row's weights up to which they are not computed again


def cpu_bf16_supported(q: Tensor, v: Tensor) -> bool:
    """Whether `attend_cpu_bf16` is the fastest on these queries and values.

    With AMX PyTorch's own operator is, and without AVX512-BF16 bfloat16 is emulated.
    """
    return (
        q.device.type == "cpu"
        and q.dtype == v.dtype == torch.bfloat16
        and has_avx512_bf16()
        and not has_amx()
    )


def attend_cpu_bf16(
    q: Tensor, k: Tensor, v: Tensor, *, typical: Tensor, scale: float
) -> tuple[Tensor, Tensor]:
    """Softmax attention of every query over all of the given keys, of one head.

    Args:
        q: [C, D]; k: [N, D]; v: [N, E], all bfloat16, N >= 1.
        typical: [C] float32, a score near those that hold most of each row's weight.  Weights
            are exact to about 2^-9 times their score's distance from it; one that is far too
            low costs time, one that is far too high loses all weight.
        scale: factor on q @ k.T before the softmax.
    Returns:
        out [C, E] and lse [C], both float32; 0 and -inf where all weight was lost.
    """
    keys, values = shifted_keys(k), _with_ones(v)
    queries, shift = shifted_queries(q, typical, scale)
    sums = _sums(queries, keys, values)
    again = (~(sums[:, -1] <= RELIABLE)).nonzero().squeeze(1)
    if len(again):
        shift[again] = _largest(q[again], k, scale)
        queries, shift[again] = shifted_queries(q[again], shift[again], scale)
        sums[again] = _sums(queries, keys, values)
    total = sums[:, -1:]
    out = sums[:, :-1] / total.clamp(min=torch.finfo(torch.float32).tiny)
    return out, shift + total.squeeze(1).log()


def typical_scores(q: Tensor, k: Tensor, near: Tensor, scale: float) -> Tensor:
    """What `attend_cpu_bf16` takes for rows [..., D] over keys [N, D], whose log-sum-exp over
    some near keys is known: [...] float32."""
    first = (q.float() @ k[:_FIRST].float().T).amax(dim=-1) * scale
    return torch.maximum(near - _BELOW_NEAR, first)


def products(q: Tensor, k: Tensor, typical: Tensor, scale: float) -> tuple[list[Tensor], Tensor]:
    """exp(scaled scores - shift) of rows [C, D] over keys [N, D], and the shift [C] float32.

    The weights are bfloat16 blocks [C, n] of successive keys; some may be infinite if `typical`
    was more than 80 too low.
    """
    queries, shift = shifted_queries(q, typical, scale)
    keys = shifted_keys(k)
    return [(queries @ some.T).exp_() for some in torch.split(keys, _SCORED_KEYS)], shift


def shifted_queries(q: Tensor, shift: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Queries [..., C, D + 1] whose products with `shifted_keys` are scaled scores minus the
    shift, and the shift [..., C] float32 as bfloat16 has it."""
    rounded = shift.bfloat16()
    return torch.cat([q * scale, rounded.unsqueeze(-1)], dim=-1), rounded.float()


def shifted_keys(k: Tensor) -> Tensor:
    """[..., N, D + 1]; see `shifted_queries`."""
    return torch.cat([k, k.new_full((*k.shape[:-1], 1), -1.0)], dim=-1)


def _with_ones(v: Tensor) -> Tensor:
    """Values whose last dimension adds up the weights."""
    return torch.cat([v, v.new_ones(len(v), 1)], dim=-1)


def _sums(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """exp(queries @ keys.T) @ values in float32, block by block."""
    sums = torch.zeros(len(queries), values.shape[-1])
    for rows, block in zip(torch.split(sums, _ROWS), torch.split(queries, _ROWS), strict=True):
        for some_keys, some_values in zip(
            torch.split(keys, _KEYS), torch.split(values, _KEYS), strict=True
        ):
            rows += (block @ some_keys.T).exp_() @ some_values
    return sums


def _largest(q: Tensor, k: Tensor, scale: float) -> Tensor:
    """The largest scaled score of each row, [C] float32."""
    best = torch.full((len(q),), -math.inf)
    for keys in torch.split(k, _ROWS):
        best = torch.maximum(best, (q.float() @ keys.float().T).amax(dim=-1) * scale)
    return best
