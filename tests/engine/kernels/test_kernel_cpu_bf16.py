"""Attention as bfloat16 matrix products against the definition, whatever the machine is fast at."""

import math
import sys
from dataclasses import replace

import pytest
import torch

from sa_chat.engine.kernels.cpu_bf16 import (
    attend_cpu_bf16,
    cpu_bf16_supported,
    shifted_weights,
    typical_scores,
)
from sa_chat.engine.kernels.reference import attend_reference
from sa_chat.engine.sparsity import SelectionSettings, held_out_recall, select
from sa_chat.engine.sparsity.row_sampling import sample
from sa_chat.engine.sparsity.sparse_attention import sparse_attention

SCALE = 0.125


def _tensors(rows: int, keys: int, size: int = 64, heads: int = 1, groups: int = 1, sharp=1.0):
    torch.manual_seed(rows + keys)
    q = (sharp * torch.randn(heads, rows, size)).bfloat16()
    k, v = torch.randn(2, groups, keys, size).bfloat16()
    return q, k, v


def _error(out: torch.Tensor, expected: torch.Tensor) -> float:
    return float((out.float() - expected).norm() / expected.norm())


@pytest.mark.parametrize(("rows", "keys"), [(1, 1), (7, 3), (63, 1000), (2100, 769), (130, 5001)])
@pytest.mark.parametrize("size", [16, 64, 128])
@pytest.mark.parametrize("sharp", [0.5, 2.0, 8.0])
def test_equals_the_definition(rows, keys, size, sharp):
    q, k, v = _tensors(rows, keys, size, sharp=sharp)
    expected, expected_lse = attend_reference(q, k, v, causal=False, scale=SCALE)
    scores = q[0].float() @ k[0].float().T * SCALE
    typical = (scores.softmax(dim=-1) * scores).sum(dim=-1)
    out, lse = attend_cpu_bf16(q[0], k[0], v[0], typical=typical, scale=SCALE)
    assert _error(out, expected[0]) < 0.01
    torch.testing.assert_close(lse, expected_lse[0], atol=0.02, rtol=0.002)


@pytest.mark.parametrize("off", [-1000.0, -90.0, -20.0, 3.0, 10.0])
def test_a_bad_guess_of_the_typical_score_costs_little(off):
    q, k, v = _tensors(200, 3000, sharp=8.0)
    expected, expected_lse = attend_reference(q, k, v, causal=False, scale=SCALE)
    typical = expected_lse[0] + off
    out, lse = attend_cpu_bf16(q[0], k[0], v[0], typical=typical, scale=SCALE)
    assert _error(out, expected[0]) < 0.01
    torch.testing.assert_close(lse, expected_lse[0], atol=0.04, rtol=0.0)


@pytest.mark.parametrize("keys", [3000, 3008, 513])  # whole blocks for AMX or not
def test_only_the_rows_with_a_bad_guess_are_computed_again(keys, monkeypatch):
    """Their infinite weights do not spoil the rows beside them."""
    q, k, v = _tensors(200, keys, sharp=8.0)
    _, lse = attend_reference(q, k, v, causal=False, scale=SCALE)
    typical = lse[0].clone()
    typical[[3, 77]] -= 200.0
    module = sys.modules["sa_chat.engine.kernels.cpu_bf16"]
    again, largest = [], module.largest_scores
    monkeypatch.setattr(
        module, "largest_scores", lambda q, *rest: again.append(q) or largest(q, *rest)
    )
    attend_cpu_bf16(q[0], k[0], v[0], typical=typical, scale=SCALE)
    assert [len(rows) for rows in again] == [2]
    assert torch.equal(again[0], q[0, [3, 77]])


def test_all_weight_lost_is_nothing_to_merge():
    q, k, v = _tensors(5, 40)
    out, lse = attend_cpu_bf16(q[0], k[0], v[0], typical=torch.full((5,), 500.0), scale=SCALE)
    assert (out == 0).all()
    assert (lse == -math.inf).all()


def test_typical_scores_are_those_of_the_local_window_or_of_a_sink():
    q, k, _ = _tensors(6, 50, heads=2)
    near = torch.tensor([[90.0] * 6, [-90.0] * 6])
    first = (q.float() @ k[0, :16].float().T).amax(-1) * SCALE
    typical = typical_scores(q, k[0], near, SCALE)
    torch.testing.assert_close(typical, torch.stack([near[0] - 3.0, first[1]]))


def test_shifted_weights_are_those_of_the_definition():
    q, k, _ = _tensors(30, 2500)
    blocks, shift = shifted_weights(q[0], k[0], torch.full((30,), 1.3), SCALE)
    assert [block.shape[1] for block in blocks] == [2048, 452]
    exact = (q[0].float() @ k[0].float().T * SCALE - shift[:, None]).exp()
    torch.testing.assert_close(torch.cat(blocks, 1).float(), exact, atol=0.02, rtol=0.03)


@pytest.fixture
def cpu_bf16_everywhere(monkeypatch):
    """cpu_bf16 on every CPU, with bfloat16 tensors."""
    rooms = {"sparse_attention": "cpu_bf16_supported", "row_weights": "cpu_bf16_products"}
    for name, decision in rooms.items():
        monkeypatch.setattr(
            sys.modules[f"sa_chat.engine.sparsity.{name}"],
            decision,
            lambda q, v: q.dtype == v.dtype == torch.bfloat16,
        )


@pytest.mark.parametrize("dense", [(), (0, 2)])
def test_a_plan_is_carried_out_by_cpu_bf16(striped, small_settings, cpu_bf16_everywhere, dense):
    q, k, v, _ = striped(rows=100, keys=400)
    plan, seen = select(q, k, scale=0.25, settings=small_settings)
    at = torch.tensor(dense, dtype=torch.long)
    num_columns, local_starts = (
        t.index_fill(0, at, 0) for t in (plan.num_columns, plan.local_starts)
    )
    plan = replace(plan, num_columns=num_columns, local_starts=local_starts)
    assert plan.dense.nonzero().squeeze(1).tolist() == [*dense]
    expected, expected_lse = sparse_attention(q, k, v, plan, scale=0.25)
    out, lse = sparse_attention(q.bfloat16(), k.bfloat16(), v.bfloat16(), plan, scale=0.25)
    assert out.dtype == torch.bfloat16
    assert _error(out, expected) < 0.01
    torch.testing.assert_close(lse, expected_lse, atol=0.05, rtol=0.005)
    assert (held_out_recall(lse, seen) - held_out_recall(expected_lse, seen)).abs().max() < 0.05


def test_a_sample_by_cpu_bf16_is_that_in_float32(striped, small_settings, cpu_bf16_everywhere):
    q, k, _, _ = striped(rows=97, keys=2500)
    query_blocks = select(q, k, scale=0.25, settings=small_settings)[0].query_blocks
    q, k = q.bfloat16(), k.bfloat16()
    right = sample(
        q.float(), k.float(), query_blocks, replace(small_settings, sampled_share=0.1), scale=0.25
    )
    seen = sample(q, k, query_blocks, replace(small_settings, sampled_share=0.1), scale=0.25)
    assert seen.rows == right.rows
    torch.testing.assert_close(seen.column_mass, right.column_mass, atol=0.01, rtol=0.02)
    torch.testing.assert_close(seen.held_out_lse, right.held_out_lse, atol=0.02, rtol=0.0)


def test_scores_far_above_the_guess_are_sampled_in_float32(cpu_bf16_everywhere):
    q, k, _ = _tensors(97, 2500, heads=2, sharp=4.0)
    k[0, 1000] = 30.0 * q[0, 50].float().sign().bfloat16()  # far above sinks and local window
    settings = SelectionSettings(
        query_block=32, window=32, block=32, num_sink_tokens=2, break_even=1, sampled_share=0.1
    )
    query_blocks = select(q, k, scale=SCALE, settings=settings)[0].query_blocks
    right = sample(q.float(), k.float(), query_blocks, settings, scale=SCALE)
    seen = sample(q, k, query_blocks, settings, scale=SCALE)
    torch.testing.assert_close(seen.column_mass, right.column_mass, atol=1e-4, rtol=1e-3)


def test_cpu_bf16_is_for_bfloat16_on_cpu():
    q, _, v = _tensors(4, 4)
    assert not cpu_bf16_supported(q.float(), v.float())
    assert not cpu_bf16_supported(q.to("meta"), v.to("meta"))
