"""Rotary position embedding (arXiv 2104.09864) of queries and keys at once: a Triton kernel.

In the form in which the two halves of a head are rotated against each other: the first becomes
first * cos - second * sin, the second becomes second * cos + first * sin.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .launch import HAS_TRITON, device_of, elementwise_supported

if HAS_TRITON:
    import triton
    import triton.language as tl

_ROWS = 16  # of one head in a program


def rotate_supported(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor) -> bool:
    """Whether `rotate` can compute tensors of these shapes on their GPU."""
    return (
        elementwise_supported(q)
        and q.dim() == k.dim() == 4
        and len(q) == len(k) == len(cos) == 1
        and q.dtype == k.dtype == cos.dtype
        and cos.shape == sin.shape == (1, q.shape[2], q.shape[3])
        and k.shape[2:] == q.shape[2:]
        and q.shape[3] % 2 == 0
        and q.stride(3) == k.stride(3) == 1
        and cos.is_contiguous()
        and sin.is_contiguous()
    )


def rotate(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
    """Queries and keys rotated by the angles of their rows, computed in float32 and rounded once.

    Args:
        q: [1, H, C, D]; k: [1, G, C, D]; any strides with a contiguous last dimension, D even.
        cos, sin: [1, C, D], contiguous; the two halves need not have the same angles.
    Returns:
        q and k rotated, in their shapes and types.
    """
    _, heads, rows, head_dim = q.shape
    out_q, out_k = torch.empty_like(q), torch.empty_like(k)
    with device_of(q):
        _rotate_kernel[(-(-rows // _ROWS), heads + k.shape[1])](
            q,
            k,
            cos,
            sin,
            out_q,
            out_k,
            rows,
            heads,
            *q.stride()[1:3],
            *k.stride()[1:3],
            *out_q.stride()[1:3],
            *out_k.stride()[1:3],
            HALF=head_dim // 2,
            ROWS=_ROWS,
            BLOCK_D=1 << (head_dim // 2 - 1).bit_length(),
            num_warps=4,
        )
    return out_q, out_k


def rotate_torch(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
    """`rotate` in plain torch, for every device."""

    def rotated(x: Tensor) -> Tensor:
        first, second = x.float().chunk(2, dim=-1)
        turned = torch.cat((-second, first), dim=-1)
        return (x.float() * cos.float() + turned * sin.float()).to(x.dtype)

    return rotated(q), rotated(k)


if HAS_TRITON:

    @triton.jit(do_not_specialize=["rows"])  # type: ignore[untyped-decorator]
    def _rotate_kernel(  # type: ignore[no-untyped-def]
        q,
        k,
        cos,
        sin,
        out_q,
        out_k,
        rows,
        heads,
        q_head,
        q_row,
        k_head,
        k_row,
        out_q_head,
        out_q_row,
        out_k_head,
        out_k_row,
        HALF: tl.constexpr,
        ROWS: tl.constexpr,
        BLOCK_D: tl.constexpr,
    ):
        """Some rows of one query head or, behind them, of one kv head."""
        head = tl.program_id(1).to(tl.int64)
        row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
        dim = tl.arange(0, BLOCK_D)[None, :]
        inside = (row < rows) & (dim < HALF)
        if head < heads:
            x = q + head * q_head + row * q_row + dim
            y = out_q + head * out_q_head + row * out_q_row + dim
        else:
            x = k + (head - heads) * k_head + row * k_row + dim
            y = out_k + (head - heads) * out_k_head + row * out_k_row + dim
        at = row * (2 * HALF) + dim
        first = tl.load(x, mask=inside, other=0.0).to(tl.float32)
        second = tl.load(x + HALF, mask=inside, other=0.0).to(tl.float32)
        c = tl.load(cos + at, mask=inside, other=0.0).to(tl.float32)
        s = tl.load(sin + at, mask=inside, other=0.0).to(tl.float32)
        kind = out_q.dtype.element_ty
        tl.store(y, (first * c - second * s).to(kind), mask=inside)
        c = tl.load(cos + at + HALF, mask=inside, other=0.0).to(tl.float32)
        s = tl.load(sin + at + HALF, mask=inside, other=0.0).to(tl.float32)
        tl.store(y + HALF, (second * c + first * s).to(kind), mask=inside)
