"""Window and column stripes in one launch: a Triton kernel for NVIDIA GPUs.

A row block first gathers the kept columns of its tile, all of which its rows see, and then
streams the band up to the causal diagonal, with one running softmax over both.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .launch import HAS_TRITON, device_of, on_tensor_cores, padded

if HAS_TRITON:
    import triton
    import triton.language as tl

SMALLEST_BLOCK = 16  # rows; what tensor cores multiply at least, so a tile is a multiple of it
LARGEST_BLOCK = 128
_LOG2_E = 1.0 / math.log(2.0)


def stripes_on_cuda(q: Tensor, v: Tensor) -> bool:
    """Whether `attend_stripes` can compute these queries and values on their GPU."""
    return on_tensor_cores(q) and v.dtype == q.dtype and v.shape[-1] == q.shape[-1]


def attend_stripes(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    columns: Tensor,
    used: Tensor,
    bands: Tensor,
    *,
    tile: int,
    scale: float,
) -> tuple[Tensor, Tensor]:
    """Attention in which a row of tile t sees the first `used` columns and its band.

    Query head h reads key/value head h // (H / G).  Row r lies in tile r // `tile`; at position
    i it sees the keys `columns[h, :used[h, t]]`, all before the band, and [bands[h, t], i].

    Args:
        q: [H, C, D] at positions [N - C, N); k, v: [G, N, D].  Any strides with a contiguous
            last dimension, D <= 256.
        columns: int32 [H, M], sorted positions with any valid padding; M may be 0.
        used, bands: int32 [H, T].  A dense head has 0 in both.
        tile: rows of a tile, a multiple of 16.
        scale: factor on q @ k.T before the softmax.
    Returns:
        out [H, C, D] in the type of `q`, and lse [H, C] float32 over the keys that a row sees.
    """
    heads, rows, size = q.shape
    groups, keys, _ = k.shape
    assert heads % groups == 0, f"{heads} query heads do not divide by {groups} kv heads"
    assert tile % SMALLEST_BLOCK == 0, f"tiles of {tile} rows"
    assert keys >= rows, f"{rows} queries over {keys} keys"
    assert used.shape == bands.shape == (heads, -(-rows // tile))
    assert q.stride(-1) == k.stride(-1) == v.stride(-1) == 1
    columns, used, bands = columns.contiguous(), used.contiguous(), bands.contiguous()
    block_d = padded(size)
    wide = block_d > 128  # its blocks are halved: two stages of them must fit into shared memory
    # The largest power of two that divides the tile, within the limits.
    block_m = min(tile & -tile, LARGEST_BLOCK // 2 if wide else LARGEST_BLOCK)
    out = torch.empty(heads, rows, size, dtype=q.dtype, device=q.device)
    lse = torch.empty(heads, rows, dtype=torch.float32, device=q.device)
    with device_of(q):
        _stripes[(-(-rows // block_m), heads)](
            q,
            k,
            v,
            out,
            lse,
            columns,
            used,
            bands,
            q.stride(0),
            q.stride(1),
            k.stride(0),
            k.stride(1),
            v.stride(0),
            v.stride(1),
            out.stride(0),
            out.stride(1),
            columns.shape[1],
            used.shape[1],
            rows,
            keys - rows,
            heads // groups,
            scale * _LOG2_E,
            TILE=tile,
            SIZE=size,
            BLOCK_M=block_m,
            BLOCK_N=32 if wide else 64,
            BLOCK_D=block_d,
            LN_2=math.log(2.0),
            num_warps=8 if block_d >= 128 else 4,
            num_stages=2,
        )
    return out, lse


if HAS_TRITON:

    @triton.jit
    def _accumulate(  # type: ignore[no-untyped-def]
        queries, k, v, k_row, v_row, at, real, seen, dims, width, factor, acc, top, total
    ):
        """One step of the running softmax: the keys at the positions `at`, under a mask."""
        inside = real[:, None] & width[None, :]
        where = at.to(tl.int64)[:, None]
        keys = tl.load(k + where * k_row + dims[None, :], mask=inside, other=0.0)
        values = tl.load(v + where * v_row + dims[None, :], mask=inside, other=0.0)
        scores = tl.dot(queries, tl.trans(keys)) * factor
        scores = tl.where(seen, scores, float("-inf"))
        higher = tl.maximum(top, tl.max(scores, 1))
        shrink = tl.exp2(top - higher)
        weights = tl.exp2(scores - higher[:, None])
        total = total * shrink + tl.sum(weights, 1)
        acc = tl.dot(weights.to(values.dtype), values, acc * shrink[:, None])
        return acc, higher, total

    @triton.jit(do_not_specialize=["columns_row", "tiles", "rows", "offset"])  # type: ignore[untyped-decorator]
    def _stripes(  # type: ignore[no-untyped-def]
        q,
        k,
        v,
        out,
        lse,
        columns,
        used,
        bands,
        q_head,
        q_row,
        k_head,
        k_row,
        v_head,
        v_row,
        out_head,
        out_row,
        columns_row,
        tiles,
        rows,
        offset,  # the position of row 0
        shared,
        factor,  # scale * log2(e), for exp2
        TILE: tl.constexpr,
        SIZE: tl.constexpr,
        BLOCK_M: tl.constexpr,
        BLOCK_N: tl.constexpr,
        BLOCK_D: tl.constexpr,
        LN_2: tl.constexpr,
    ):
        """One block of query rows, all of one tile, of one head."""
        first = tl.program_id(0) * BLOCK_M
        head = tl.program_id(1).to(tl.int64)
        group = head // shared
        row = first + tl.arange(0, BLOCK_M)
        step = tl.arange(0, BLOCK_N)
        dims = tl.arange(0, BLOCK_D)
        width = dims < SIZE
        inside = (row < rows)[:, None] & width[None, :]
        where = row.to(tl.int64)[:, None]
        queries = tl.load(q + head * q_head + where * q_row + dims[None, :], mask=inside, other=0.0)
        k += group * k_head
        v += group * v_head
        columns += head * columns_row
        count = tl.load(used + head * tiles + first // TILE)
        band = tl.load(bands + head * tiles + first // TILE)
        end = offset + tl.minimum(first + BLOCK_M, rows)

        # The first step of either loop holds a key that all rows see, so `top` is finite then.
        acc = tl.zeros([BLOCK_M, BLOCK_D], tl.float32)
        top = tl.full([BLOCK_M], float("-inf"), tl.float32)
        total = tl.zeros([BLOCK_M], tl.float32)
        for start in range(0, count, BLOCK_N):
            real = start + step < count
            at = tl.load(columns + start + step, mask=real, other=0)
            acc, top, total = _accumulate(
                queries, k, v, k_row, v_row, at, real, real[None, :], dims, width, factor,
                acc, top, total,
            )  # fmt: skip
        for start in range(band, end, BLOCK_N):
            at = start + step
            seen = at[None, :] <= (offset + row)[:, None]
            acc, top, total = _accumulate(
                queries, k, v, k_row, v_row, at, at < end, seen, dims, width, factor,
                acc, top, total,
            )  # fmt: skip
        # Rows past the last may have counted keys past the end; they are not written.
        result = (acc / total[:, None]).to(out.dtype.element_ty)
        tl.store(out + head * out_head + where * out_row + dims[None, :], result, mask=inside)
        tl.store(lse + head * rows + row, (top + tl.log2(total)) * LN_2, mask=row < rows)
