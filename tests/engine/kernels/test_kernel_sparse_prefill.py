"""Attention by a plan in one kernel: its twin, interpreted on the CPU, and on a real GPU."""

import sys
from dataclasses import replace

import pytest
import torch
from interpreter import run_interpreted

from sa_chat.engine.kernels.reference import attend_reference
from sa_chat.engine.kernels.sparse_prefill import sparse_prefill, sparse_prefill_supported
from sa_chat.engine.kernels.sparse_prefill_torch import sparse_prefill_torch
from sa_chat.engine.kernels.tail import span_means
from sa_chat.engine.kernels.top_p_mask import top_p_mask
from sa_chat.engine.sparsity.plan import (
    Blocks,
    SparsePlan,
    Tail,
    causal_pairs,
    query_blocks_of,
)
from sa_chat.engine.sparsity.rows import segments_of
from sa_chat.engine.sparsity.sparse_attention import (
    block_lists_of,
    query_block_rows,
    sparse_attention,
)


def _plan(
    heads: int, start: int, end: int, query_block: int, window: int, kept: int, block: int = 0
) -> SparsePlan:
    """Random columns; head 0 is dense and head 1 keeps none.  With `block` also random blocks,
    of which head 2 keeps all and head 3 none."""
    query_blocks = query_blocks_of(
        start, end, query_block=query_block, window=window, block=max(1, block)
    )
    chosen = torch.zeros(heads, end, dtype=torch.bool)
    for head in range(2, heads):
        chosen[head, torch.randperm(end)[:kept]] = True
    ends = torch.tensor([query_block.local_start for query_block in query_blocks])
    nothing = torch.zeros(heads)
    columns, counts = top_p_mask(
        chosen.float(), chosen.float(), nothing + kept, num_sink_tokens=0, at_least=True
    )
    counts = torch.where(chosen.any(1, keepdim=True), counts, 0)
    num_columns = torch.nn.functional.pad(counts, (1, 0)).index_select(1, ends)
    local_starts = ends.repeat(heads, 1).index_fill_(0, torch.tensor([0]), 0)
    pairs = causal_pairs(start, end)
    blocks = None
    if block:
        of_blocks = torch.tensor(
            [t.local_start for t in query_blocks for _ in segments_of(t, block)]
        )
        before = torch.arange(query_blocks[-1].local_start // block) * block < of_blocks[:, None]
        some = (
            torch.rand(heads, *before.shape)
            < torch.tensor([0.0, 0.3, 1.0, 0.0] * 9)[:heads, None, None]
        )
        some[4:] = torch.rand(some[4:].shape) < 0.4
        blocks = Blocks(block, some & before)
    computed = torch.full((heads,), pairs)
    return SparsePlan(
        query_blocks, columns, num_columns.int(), local_starts.int(), computed, pairs, blocks
    )


def _tensors(
    heads: int, num_kv_heads: int, rows: int, keys: int, head_dim: int
) -> list[torch.Tensor]:
    """Views as a model makes them: keys in a longer buffer of NaN."""
    torch.manual_seed(rows + keys)
    q = torch.randn(rows, heads, head_dim).transpose(0, 1)
    cache = torch.full((2, num_kv_heads, keys + 5, head_dim), float("nan"))
    cache[:, :, :keys] = torch.randn(2, num_kv_heads, keys, head_dim)
    return [q, cache[0, :, :keys], cache[1, :, :keys]]


def _with_tail(plan: SparsePlan, k: torch.Tensor, span: int) -> SparsePlan:
    """A random tail; head 3 has nothing left in every other span."""
    heads, spans = len(plan.columns), plan.query_blocks[-1].local_start // span
    weights = torch.rand(heads, spans, span, device=k.device)
    weights = (weights / weights.sum(dim=-1, keepdim=True)).to(k.dtype)
    log_weights = torch.randn(heads, spans, device=k.device)
    log_weights[3, ::2] = -torch.inf
    return replace(plan, tail=Tail(span, span_means(weights, k), weights, log_weights))


def _attend_with_tail(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, plan: SparsePlan
) -> torch.Tensor:
    """Attention over the kept keys and those of the tail together, by definition."""
    group, tail, rows = len(q) // len(k), plan.tail, q.shape[1]
    k, v = (each.float().repeat_interleave(group, dim=0) for each in (k, v))
    values = tail.with_values(v[::group].to(tail.keys.dtype)).values.float()
    scores = (q.float() @ k.transpose(1, 2) * 0.25).masked_fill(~plan.to_mask(), -torch.inf)
    rest = q.float() @ tail.keys.float().transpose(1, 2) * 0.25 + tail.log_weights[:, None]
    starts = plan.local_starts.repeat_interleave(plan.query_blocks[0].rows, dim=1)[:, :rows]
    ends = (torch.arange(rest.shape[-1], device=q.device) + 1) * tail.span
    rest = rest.masked_fill(ends > starts[..., None], -torch.inf)
    return torch.cat([scores, rest], dim=-1).softmax(-1) @ torch.cat([v, values], dim=1)


def check_interpreted() -> None:
    """Run by the test below in a process of its own, under the interpreter."""
    for rows, keys, query_block, window, head_dim, block in [
        (1, 1, 16, 16, 16, 0),
        (1, 150, 128, 32, 16, 0),
        (63, 63, 32, 16, 16, 0),
        (63, 300, 32, 40, 24, 0),
        (200, 200, 48, 20, 64, 0),
        (200, 457, 128, 100, 16, 0),
        (40, 200, 64, 20, 160, 0),
        (200, 457, 128, 100, 16, 64),
        (130, 900, 128, 128, 64, 128),
    ]:
        q, k, v = _tensors(4, 2, rows, keys, head_dim)
        plan = _plan(4, keys - rows, keys, query_block, window, keys // 2, block)
        tables = plan.columns, plan.num_columns, plan.local_starts, block_lists_of(plan)
        right = attend_reference(q, k, v, scale=0.25, mask=plan.to_mask())
        for result in (
            sparse_prefill(q, k, v, *tables, query_block=query_block, scale=0.25),
            sparse_prefill_torch(q, k, v, *tables, query_block=query_block, scale=0.25),
            sparse_attention(q, k, v, plan, scale=0.25),
        ):
            torch.testing.assert_close(result, right, atol=2e-5, rtol=1e-4)
        if plan.query_blocks[-1].local_start >= 8:
            check_tail(q, k, v, plan, query_block)
        q, k, v = q.half(), k.half(), v.half()
        out, lse = sparse_prefill(q, k, v, *tables, query_block=query_block, scale=0.25)
        assert out.dtype == torch.float16
        torch.testing.assert_close((out.float(), lse), right, atol=2e-2, rtol=2e-2)


def check_tail(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, plan: SparsePlan, query_block: int
) -> None:
    """Everywhere the same output as by definition, and the log-sum-exp of the kept keys alone."""
    plan = _with_tail(plan, k, 8)
    plan.tail.log_weights[1, :1] = 200.0  # more than all kept keys, and than exp can hold
    tables = plan.columns, plan.num_columns, plan.local_starts, block_lists_of(plan), None
    tables = *tables, plan.tail.with_values(v)
    right = _attend_with_tail(q, k, v, plan)
    lse = attend_reference(q, k, v, scale=0.25, mask=plan.to_mask())[1]
    for result in (
        sparse_prefill(q, k, v, *tables, query_block=query_block, scale=0.25),
        sparse_prefill_torch(q, k, v, *tables, query_block=query_block, scale=0.25),
        sparse_attention(q, k, v, plan, scale=0.25),
    ):
        torch.testing.assert_close(result, (right, lse), atol=2e-5, rtol=1e-4)


def test_interpreted_kernel_equals_its_twin_and_the_mask():
    run_interpreted(__file__)


@pytest.mark.parametrize(
    ("rows", "query_block", "expected"),
    [(1, 512, 128), (63, 512, 128), (129, 512, 256), (300, 96, 96)],
)
def test_a_single_query_block_has_a_round_number_of_rows(rows, query_block, expected):
    assert query_block_rows(_plan(2, 700 - rows, 700, query_block, 256, 10)) == expected


def test_cpu_tensors_are_not_for_the_kernel():
    q = torch.randn(2, 5, 16, dtype=torch.bfloat16)
    assert not sparse_prefill_supported(q, q)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("head_dim", [64, 80, 128, 256])
@pytest.mark.parametrize(
    ("rows", "keys", "query_block", "block"),
    [
        (2048, 5000, 256, 0),
        (2048, 5000, 256, 128),
        (2048, 9000, 512, 128),
        (1000, 9001, 512, 128),
        (2048, 2048, 512, 0),
        (1000, 3001, 96, 0),
        (63, 700, 256, 0),
        (1, 700, 512, 0),
    ],
)
def test_gpu_agrees_with_the_cpu(rows, keys, query_block, block, head_dim, dtype, monkeypatch):
    q, k, v = (t.to(dtype) for t in _tensors(8, 2, rows, keys, head_dim))
    plan = _plan(8, keys - rows, keys, query_block, 256, keys // 8, block)
    tail = None
    if plan.query_blocks[-1].local_start >= 32:
        plan = _with_tail(plan, k.float(), 32)
        parts = plan.tail.keys.to(dtype), plan.tail.weights.to(dtype), plan.tail.log_weights
        tail = Tail(32, *(each.cuda() for each in parts))
    right, right_lse = sparse_attention(q.float(), k.float(), v.float(), plan, scale=head_dim**-0.5)
    moved = {
        name: getattr(plan, name).cuda() for name in ("columns", "num_columns", "local_starts")
    }
    blocks = None if plan.blocks is None else Blocks(block, plan.blocks.kept.cuda())
    some, mask = torch.arange(0, rows, 7), plan.to_mask()
    plan = replace(plan, **moved, blocks=blocks, tail=tail)
    assert torch.equal(plan.to_mask(some.cuda()).cpu(), mask[:, some])
    # Views stay views of a buffer with NaN past the last key.
    cache = torch.full((2, 2, keys + 100, head_dim), float("nan"), dtype=dtype, device="cuda")
    cache[0, :, :keys], cache[1, :, :keys] = k, v
    q = q.cuda()
    assert sparse_prefill_supported(q, cache[1])
    # The module, not the function of the same name
    module = sys.modules["sa_chat.engine.sparsity.sparse_attention"]
    monkeypatch.delattr(module, "attend")  # which every way around the kernel needs
    torch.full((8, keys, head_dim), float("nan"), dtype=dtype, device="cuda")  # freed, for reuse
    out, lse = sparse_attention(q, *cache[:, :, :keys], plan, scale=head_dim**-0.5)
    assert out.dtype == dtype
    torch.testing.assert_close(lse.cpu(), right_lse, atol=2e-3, rtol=1e-3)
    assert (out.float().cpu() - right).norm() / right.norm() < 5e-3


if __name__ == "__main__":
    check_interpreted()
