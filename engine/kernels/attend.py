"""The one attention call of the engine: exact, rectangular, with log-sum-exp."""

from __future__ import annotations

from torch import Tensor

from .cpu import attend_cpu
from .cuda import attend_cuda, attend_cuda_supported
from .torch_native import attend_torch_native


def attend(q: Tensor, k: Tensor, v: Tensor, *, causal: bool, scale: float) -> tuple[Tensor, Tensor]:
    """Softmax attention of every query over the given keys.

    Query head h reads key/value head h // (H / G).  `causal` is aligned to the bottom right:
    the last query sees all keys, the one before it all but the last, and so on.

    Args:
        q: [H, C, D]; any strides with a contiguous last dimension.
        k, v: [G, N, D] with H a multiple of G and N >= 1; N >= C when `causal`.
        scale: factor on q @ k.T before the softmax.
    Returns:
        out [H, C, D] in a float type (that of `q`, or float32 where parts were merged) and
        lse [H, C] float32, the natural log-sum-exp of each row's scaled scores.
    """
    heads, rows, _ = q.shape
    num_kv_heads, keys, _ = k.shape
    assert heads % num_kv_heads == 0, f"{heads} query heads over {num_kv_heads} kv heads"
    assert keys >= (rows if causal else 1), f"{rows} queries over {keys} keys, causal={causal}"
    if q.device.type == "cpu" and v.shape[-1] == q.shape[-1]:
        return attend_cpu(q, k, v, causal=causal, scale=scale)
    if attend_cuda_supported(q, v):
        return attend_cuda(q, k, v, causal=causal, scale=scale)
    return attend_torch_native(q, k, v, causal=causal, scale=scale)
