"""The Triton kernel of `sparse_prefill`, which alone imports it, where there is Triton."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit  # type: ignore[untyped-decorator]
def _accumulate(  # type: ignore[no-untyped-def]
    queries, keys, values, seen, factor, acc, top, total, MASKED: tl.constexpr
):
    """One step of the running softmax; `top` is in units of the exponent of 2."""
    scores = tl.dot(queries, keys.T)
    if MASKED:
        scores = tl.where(seen, scores, float("-inf"))
    higher = tl.maximum(top, tl.max(scores, 1) * factor)
    # A row that has seen no key yet must not subtract an infinity from another.
    safe = tl.where(higher == float("-inf"), 0.0, higher) if MASKED else higher
    weights = tl.exp2(scores * factor - safe[:, None])
    shrink = tl.exp2(top - safe)
    total = total * shrink + tl.sum(weights, 1)
    acc = acc * shrink[:, None]
    acc = tl.dot(weights.to(values.dtype), values, acc)
    return acc, higher, total


@triton.jit(  # type: ignore[untyped-decorator]
    do_not_specialize=[
        "query_blocks",
        "rows",
        "offset",
        "row_blocks",
        "listed",
        "flags",
        "spans",
    ]
)
def _sparse_prefill_kernel(  # type: ignore[no-untyped-def]
    q,
    k,  # descriptors [G, N, D] of k and v, [H, M, D] of the gathered columns
    v,
    column_keys,
    column_values,
    tail_keys,
    tail_values,
    tail_weights,
    out,
    lse,
    num_columns,
    local_starts,
    order,
    numbers,
    whole_blocks,
    counts,
    excluded,
    q_head,
    q_row,
    out_head,
    out_row,
    query_blocks,
    local_starts_head,
    rows,
    offset,  # the position of row 0
    group_size,
    row_blocks,
    listed,
    flags,
    spans,
    factor,  # scale * log2(e), for exp2
    log2_e,
    QUERY_BLOCK: tl.constexpr,
    HEAD_DIM: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_D: tl.constexpr,
    ORDERED: tl.constexpr,
    KEY_BLOCK: tl.constexpr,  # 0: there are none
    SPAN: tl.constexpr,  # keys that one of the tail stands for; 0: there is no tail
    STAGES: tl.constexpr,
    LN_2: tl.constexpr,
):
    """One block of rows of one head, all of one query block."""
    first = tl.program_id(0) * BLOCK_M
    head = tl.program_id(1)
    if ORDERED:
        head = tl.load(order + head).to(tl.int32)
    wide = head.to(tl.int64)
    kv_head = head // group_size
    row = first + tl.arange(0, BLOCK_M)
    step = tl.arange(0, BLOCK_N)
    dims = tl.arange(0, BLOCK_D)
    inside = (row < rows)[:, None] & (dims < HEAD_DIM)[None, :]
    at = row.to(tl.int64)[:, None]
    queries = tl.load(q + wide * q_head + at * q_row + dims[None, :], mask=inside, other=0.0)
    count = tl.load(num_columns + head * query_blocks + first // QUERY_BLOCK)
    local_start = tl.load(local_starts + head * local_starts_head + first // QUERY_BLOCK)
    end = offset + tl.minimum(first + BLOCK_M, rows)
    acc = tl.zeros([BLOCK_M, BLOCK_D], tl.float32)
    top = tl.full([BLOCK_M], float("-inf"), tl.float32)
    total = tl.zeros([BLOCK_M], tl.float32)

    whole = count // BLOCK_N * BLOCK_N
    for start in tl.range(0, whole, BLOCK_N, num_stages=STAGES):
        keys = column_keys.load([head, start, 0]).reshape(BLOCK_N, BLOCK_D)
        values = column_values.load([head, start, 0]).reshape(BLOCK_N, BLOCK_D)
        acc, top, total = _accumulate(queries, keys, values, None, factor, acc, top, total, False)
    if whole < count:  # what lies past the last column was never written
        real = whole + step < count
        keys = column_keys.load([head, whole, 0]).reshape(BLOCK_N, BLOCK_D)
        values = column_values.load([head, whole, 0]).reshape(BLOCK_N, BLOCK_D)
        values = tl.where(real[:, None], values, 0.0)
        acc, top, total = _accumulate(
            queries, keys, values, real[None, :], factor, acc, top, total, True
        )

    if KEY_BLOCK > 0:
        parts: tl.constexpr = KEY_BLOCK // BLOCK_N
        list_at = wide * row_blocks + first // KEY_BLOCK
        numbers += list_at * listed
        excluded += wide * flags
        clean = tl.load(whole_blocks + list_at) * parts
        for part in tl.range(0, clean, num_stages=STAGES):
            start = tl.load(numbers + part // parts) * KEY_BLOCK + part % parts * BLOCK_N
            keys = k.load([kv_head, start, 0]).reshape(BLOCK_N, BLOCK_D)
            values = v.load([kv_head, start, 0]).reshape(BLOCK_N, BLOCK_D)
            acc, top, total = _accumulate(
                queries, keys, values, None, factor, acc, top, total, False
            )
        for part in tl.range(clean, tl.load(counts + list_at) * parts, num_stages=STAGES):
            start = tl.load(numbers + part // parts) * KEY_BLOCK + part % parts * BLOCK_N
            keys = k.load([kv_head, start, 0]).reshape(BLOCK_N, BLOCK_D)
            values = v.load([kv_head, start, 0]).reshape(BLOCK_N, BLOCK_D)
            free = tl.load(excluded + start + step) == 0
            acc, top, total = _accumulate(
                queries, keys, values, free[None, :], factor, acc, top, total, True
            )

    # The keys before `clear` are seen by all rows.
    clear = local_start + (offset + first + 1 - local_start) // BLOCK_N * BLOCK_N
    for start in tl.range(local_start, clear, BLOCK_N, num_stages=STAGES):
        keys = k.load([kv_head, start, 0]).reshape(BLOCK_N, BLOCK_D)
        values = v.load([kv_head, start, 0]).reshape(BLOCK_N, BLOCK_D)
        acc, top, total = _accumulate(queries, keys, values, None, factor, acc, top, total, False)
    for start in tl.range(clear, end, BLOCK_N, num_stages=STAGES):
        keys = k.load([kv_head, start, 0]).reshape(BLOCK_N, BLOCK_D)
        values = v.load([kv_head, start, 0]).reshape(BLOCK_N, BLOCK_D)
        seen = (start + step)[None, :] <= (offset + row)[:, None]
        acc, top, total = _accumulate(queries, keys, values, seen, factor, acc, top, total, True)

    # Rows past the last may have counted keys past the end; they are not written.
    tl.store(lse + wide * rows + row, (top + tl.log2(total)) * LN_2, mask=row < rows)

    if SPAN > 0:
        tail_weights += wide * spans
        seen_spans = local_start // SPAN
        for start in tl.range(0, seen_spans, BLOCK_N, num_stages=STAGES):
            keys = tail_keys.load([head, start, 0]).reshape(BLOCK_N, BLOCK_D)
            values = tail_values.load([head, start, 0]).reshape(BLOCK_N, BLOCK_D)
            weight = tl.load(
                tail_weights + start + step, mask=start + step < seen_spans, other=float("-inf")
            )
            # Every row has seen a key, so that `top` is finite.
            scores = tl.dot(queries, keys.T) * factor + (weight * log2_e)[None, :]
            higher = tl.maximum(top, tl.max(scores, 1))
            weights = tl.exp2(scores - higher[:, None])
            shrink = tl.exp2(top - higher)
            total = total * shrink + tl.sum(weights, 1)
            acc = tl.dot(weights.to(values.dtype), values, acc * shrink[:, None])
            top = higher
    result = (acc / total[:, None]).to(out.dtype.element_ty)
    tl.store(out + wide * out_head + at * out_row + dims[None, :], result, mask=inside)
