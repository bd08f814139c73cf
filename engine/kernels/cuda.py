"""Attention on NVIDIA GPUs through PyTorch's own fused operators, which return the LSE.

Measured on an H200 with 32/8 heads x 128 in bfloat16: cuDNN 640-690 TFLOP/s on chunks of 2,048
rows, FlashAttention-2 320-350; for one query row FlashAttention-2 reads the cache at 3.2 TB/s,
cuDNN at 0.35.  But cuDNN compiles every new shape for 36 ms, FlashAttention-2 none.  So cuDNN gets
whole chunks, over keys in blocks of a few sizes, and FlashAttention-2 everything else.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .merge_attention_states import merge_attention_states

_HOPPER = (9, 0)  # compute capability from which on cuDNN is the faster one
_AMPERE = (8, 0)  # what either of them needs
_LARGEST_HEAD_DIM = 256
_CUDNN_HEAD_DIM = 128
_CUDNN_ROWS = 1024  # a multiple of them goes to cuDNN
_CUDNN_KEYS = 2048  # key blocks have this size, or it times a power of two


def attend_cuda_supported(q: Tensor, v: Tensor) -> bool:
    """Whether `attend_cuda` can compute these queries and values."""
    head_dim = q.shape[-1]
    return (
        q.device.type == "cuda"
        and q.dtype in (torch.bfloat16, torch.float16)
        and v.shape[-1] == head_dim
        and head_dim % 8 == 0
        and head_dim <= _LARGEST_HEAD_DIM
        and torch.cuda.get_device_capability(q.device) >= _AMPERE
    )


def attend_cuda(
    q: Tensor, k: Tensor, v: Tensor, *, causal: bool, scale: float
) -> tuple[Tensor, Tensor]:
    """`attend` for CUDA tensors that are supported; shapes and meaning as there.

    The operators' own causality is aligned to the top left, so a causal rectangle is split into
    the keys before the first query (no mask) and the square that remains.
    """
    with torch.cuda.device(q.device):
        rows, keys = q.shape[1], k.shape[1]
        if rows == 1:
            return _one_row(q, k, v, scale)
        if not causal:
            return _rectangle(q, k, v, scale)
        before = keys - rows
        square = _fused(q, k[:, before:], v[:, before:], True, scale)
        if before == 0:
            return square
        return merge_attention_states(*_rectangle(q, k[:, :before], v[:, :before], scale), *square)


def _rectangle(q: Tensor, k: Tensor, v: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """All queries over all keys, in blocks of few sizes where cuDNN does it."""
    keys = k.shape[1]
    if not _for_cudnn(q) or keys < _CUDNN_KEYS:
        return _flash(q, k, v, False, scale)
    result: tuple[Tensor, Tensor] | None = None
    start = 0
    while start < keys:
        units = (keys - start) // _CUDNN_KEYS
        size = _CUDNN_KEYS << (units.bit_length() - 1) if units else keys - start
        block = slice(start, start + size)
        operator = _cudnn if units else _flash
        part = operator(q, k[:, block], v[:, block], False, scale)
        result = part if result is None else merge_attention_states(*result, *part)
        start += size
    assert result is not None
    return result


def _one_row(q: Tensor, k: Tensor, v: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """The heads of a group as rows over its one kv head, so that K and V are read once."""
    heads, _, head_dim = q.shape
    num_kv_heads = k.shape[0]
    out, lse, *_ = torch.ops.aten._scaled_dot_product_flash_attention(
        q.reshape(num_kv_heads, 1, heads // num_kv_heads, head_dim),
        k.unsqueeze(1),
        v.unsqueeze(1),
        0.0,
        False,
        False,
        scale=scale,
    )
    return out.reshape(heads, 1, head_dim), lse.reshape(heads, 1)


def _for_cudnn(q: Tensor) -> bool:
    return (
        q.shape[1] % _CUDNN_ROWS == 0
        and q.shape[2] <= _CUDNN_HEAD_DIM
        and torch.cuda.get_device_capability(q.device) >= _HOPPER
        and torch.backends.cuda.cudnn_sdp_enabled()  # type: ignore[no-untyped-call]
    )


def _fused(q: Tensor, k: Tensor, v: Tensor, causal: bool, scale: float) -> tuple[Tensor, Tensor]:
    return (_cudnn if _for_cudnn(q) else _flash)(q, k, v, causal, scale)


def _cudnn(q: Tensor, k: Tensor, v: Tensor, causal: bool, scale: float) -> tuple[Tensor, Tensor]:
    out, lse, *_ = torch.ops.aten._scaled_dot_product_cudnn_attention(
        q[None], k[None], v[None], None, True, 0.0, causal, False, scale=scale
    )
    return out[0], lse.reshape(q.shape[:2])


def _flash(q: Tensor, k: Tensor, v: Tensor, causal: bool, scale: float) -> tuple[Tensor, Tensor]:
    out, lse, *_ = torch.ops.aten._scaled_dot_product_flash_attention(
        q[None], k[None], v[None], 0.0, causal, False, scale=scale
    )
    return out[0], lse[0, :, : q.shape[1]]
