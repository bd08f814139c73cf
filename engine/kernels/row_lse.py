"""The log-sum-exp of sampled rows, in spans and in blocks of keys: a Triton kernel."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .launch import HAS_TRITON, LOG2_E, descriptor, device_of, padded_head_dim
from .sampled_rows import KEY_SPAN

if HAS_TRITON:
    import triton
    import triton.language as tl

_ROWS = 64  # of a program


def row_lse(
    q: Tensor, k: Tensor, positions: Tensor, *, block: int, scale: float
) -> tuple[Tensor, Tensor]:
    """The log-sum-exp of single rows over the keys that they see.

    Query head h reads key/value head h // (H / G); a row at position p sees the keys [0, p].

    Args:
        q: [H, R, D] contiguous, rows at `positions` (int32 [R], below N); k: [G, N, D], any
            strides with a contiguous last dimension.
        block: keys of a block, a multiple of 128 that divides 4,096.
        scale: factor on q @ k.T before the softmax.
    Returns:
        the log-sum-exp over each span of 4,096 keys, [S, H, R], and over each block of keys,
        [ceil(N / block), H, R]; float32, natural logarithms, -inf where a row sees no key.
    """
    heads, rows, head_dim = q.shape
    num_kv_heads, keys, _ = k.shape
    width = padded_head_dim(head_dim)
    step = 128 if width <= 128 else 64
    assert block % step == 0 == KEY_SPAN % block
    # The heads of a kv head become rows over it, so that no block of rows is half empty.
    merged = q.view(num_kv_heads, -1, head_dim)
    spans, steps = -(-keys // KEY_SPAN), -(-keys // block) * (block // step)
    by_span = torch.empty(spans, heads, rows, dtype=torch.float32, device=q.device)
    by_step = torch.empty(steps, heads, rows, dtype=torch.float32, device=q.device)
    with device_of(q):
        _row_lse_kernel[(spans, -(-merged.shape[1] // _ROWS), num_kv_heads)](
            merged,
            descriptor(k, step),
            by_span,
            by_step,
            positions,
            merged.shape[1],
            rows,
            keys,
            steps,
            scale * LOG2_E,
            SPAN=KEY_SPAN,
            HEAD_DIM=head_dim,
            ROWS=_ROWS,
            KEYS=step,
            BLOCK_D=width,
            LN_2=math.log(2.0),
            # Several programs on a processor are faster than one that loads ahead.
            num_warps=4 if width <= 128 else 8,
            num_stages=1 if width <= 128 else 2,
        )
    if block > step:
        by_step = by_step.view(-1, block // step, heads, rows).logsumexp(dim=1)
    return by_span, by_step


def row_lse_torch(
    q: Tensor, k: Tensor, positions: Tensor, *, block: int, scale: float
) -> tuple[Tensor, Tensor]:
    """`row_lse` in plain torch, for every device, with the whole score matrix in float32."""
    keys = k.shape[1]
    k = k.float().repeat_interleave(len(q) // len(k), dim=0)
    scores = q.float() @ k.transpose(1, 2) * scale  # [H, R, N]
    scores = scores.masked_fill(
        torch.arange(keys, device=q.device) > positions[:, None], float("-inf")
    )

    def over(size: int) -> Tensor:
        padded = nn.functional.pad(scores, (0, -keys % size), value=float("-inf"))
        lse = padded.view(*padded.shape[:-1], -1, size).logsumexp(dim=-1)
        return lse.permute(2, 0, 1).contiguous()

    return over(KEY_SPAN), over(block)


if HAS_TRITON:

    @triton.jit(  # type: ignore[untyped-decorator]
        do_not_specialize=["rows", "positions_count", "keys", "steps"]
    )
    def _row_lse_kernel(  # type: ignore[no-untyped-def]
        q,  # [G, rows, HEAD_DIM]
        k,  # descriptor
        by_span,
        by_step,
        positions,
        rows,
        positions_count,
        keys,
        steps,
        factor,  # scale * log2(e), for exp2
        SPAN: tl.constexpr,
        HEAD_DIM: tl.constexpr,
        ROWS: tl.constexpr,
        KEYS: tl.constexpr,
        BLOCK_D: tl.constexpr,
        LN_2: tl.constexpr,
    ):
        """One block of rows of one kv head over one span of keys."""
        span, kv_head = tl.program_id(0), tl.program_id(2)
        row = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
        real = row < rows
        position = tl.load(positions + row % positions_count, mask=real, other=-1)
        dims = tl.arange(0, BLOCK_D)
        line = kv_head.to(tl.int64) * rows + row
        inside = real[:, None] & (dims < HEAD_DIM)[None, :]
        queries = tl.load(q + line[:, None] * HEAD_DIM + dims[None, :], mask=inside, other=0.0)
        lines = tl.num_programs(2).to(tl.int64) * rows
        top = tl.full([ROWS], float("-inf"), tl.float32)
        total = tl.zeros([ROWS], tl.float32)
        first = span * SPAN
        stop = tl.minimum(first + SPAN, steps * KEYS)
        # All keys before the one that every row sees, in whole steps, need no mask.
        least = tl.min(tl.where(real, position, keys)) + 1
        clear = first + tl.maximum(tl.minimum(stop, least) - first, 0) // KEYS * KEYS
        for start in tl.range(first, clear, KEYS):
            scores = tl.dot(queries, k.load([kv_head, start, 0]).reshape(KEYS, BLOCK_D).T)
            highest = tl.max(scores, 1) * factor
            weight = tl.sum(tl.exp2(scores * factor - highest[:, None]), 1)
            here = highest + tl.log2(weight)
            tl.store(by_step + start // KEYS * lines + line, here * LN_2, mask=real)
            higher = tl.maximum(top, highest)
            total = total * tl.exp2(top - higher) + weight * tl.exp2(highest - higher)
            top = higher
        for start in tl.range(clear, stop, KEYS):
            scores = tl.dot(queries, k.load([kv_head, start, 0]).reshape(KEYS, BLOCK_D).T)
            seen = (start + tl.arange(0, KEYS))[None, :] <= position[:, None]
            scores = tl.where(seen, scores * factor, float("-inf"))
            highest = tl.max(scores, 1)
            some = highest > float("-inf")
            safe = tl.where(some, highest, 0.0)
            weight = tl.sum(tl.exp2(scores - safe[:, None]), 1)
            here = highest + tl.log2(tl.where(some, weight, 1.0))
            tl.store(by_step + start // KEYS * lines + line, here * LN_2, mask=real)
            higher = tl.maximum(top, highest)
            safe = tl.where(higher > float("-inf"), higher, 0.0)
            total = total * tl.exp2(top - safe) + weight * tl.exp2(highest - safe)
            top = higher
        # For a row that sees no key of the span `top` is -inf, and so is the result.
        lse = (top + tl.log2(tl.where(total > 0.0, total, 1.0))) * LN_2
        tl.store(by_span + span * lines + line, lse, mask=real)
