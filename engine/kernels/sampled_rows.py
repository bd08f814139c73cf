"""Exact attention of a few sampled rows over all keys, on NVIDIA GPUs.

Two passes over the keys, each of which computes the scores anew: `row_lse` for the rows'
log-sum-exps, in total and by key block, from which `block_mass` follows; then `column_mass` for
each key's sum of softmax weights.  No matrix of rows x keys is ever in memory.  Measured on an
H100 at head size 128 and 131,072 keys: 408 and 335 TFLOP/s; exp takes about as long as the
products.
"""

from __future__ import annotations

from torch import Tensor

from .launch import tensor_cores_supported

KEY_SPAN = 4096  # keys of which one program of `row_lse` sees all, so that there are many
_KEY_MULTIPLE = 128


def sampled_rows_supported(q: Tensor, block: int) -> bool:
    """Whether these kernels can compute queries like these on their GPU, by blocks of this size."""
    return tensor_cores_supported(q) and block % _KEY_MULTIPLE == 0 == KEY_SPAN % block
