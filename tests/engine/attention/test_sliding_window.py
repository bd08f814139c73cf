"""Sliding windows and sink logits against the definition, a masked softmax."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AttentionInterface

from sa_chat.engine.attention import (
    CONTEXT_KEYWORD,
    NAME,
    AttentionStats,
    DenseBackend,
    ForwardContext,
    RecallSummary,
    SparseBackend,
    register,
    sliding_window,
)
from sa_chat.engine.attention.sink_logits import with_sink_logits
from sa_chat.engine.attention.sliding_window import sliding_window_attention, windowed_pairs
from sa_chat.engine.kernels import attend
from sa_chat.engine.sparsity.prefill_config import PrefillConfig
from sa_chat.engine.tools.bench.prefill.check import ReferenceBackend

SCALE = 0.3
CASES = [  # rows, keys, window
    (1, 1, 1),
    (1, 100, 7),
    (1, 5, 7),
    (5, 5, 1),
    (300, 300, 1),
    (64, 200, 64),
    (63, 200, 64),
    (65, 200, 64),
    (128, 128, 64),
    (127, 129, 64),
    (200, 230, 64),  # rows from before the first window's end on
    (30, 70, 64),
    (1000, 1000, 63),
    (100, 1000, 999),
    (100, 1000, 1000),
    (100, 1000, 5000),
]


def _inputs(rows, keys, *, heads=4, num_kv_heads=2, head_dim=16, value_dim=16, dtype=torch.float32):
    torch.manual_seed(rows + keys)
    q = torch.randn(heads, rows, head_dim, dtype=dtype)
    k = torch.randn(num_kv_heads, keys, head_dim, dtype=dtype)
    return q, k, torch.randn(num_kv_heads, keys, value_dim, dtype=dtype)


def _definition(q, k, v, window, sink_logits=None):
    """In float64, with the whole score matrix and a mask; lse without the sinks."""
    group_size = len(q) // len(k)
    q, k, v = q.double(), *(each.double().repeat_interleave(group_size, 0) for each in (k, v))
    scores = q @ k.transpose(1, 2) * SCALE
    key = torch.arange(k.shape[1])
    row = key[-q.shape[1] :, None]
    scores.masked_fill_((key > row) | (key <= row - window), -torch.inf)
    lse = scores.logsumexp(-1)
    if sink_logits is not None:
        sink_logits = sink_logits.double()[:, None, None].expand(*scores.shape[:2], 1)
        scores = torch.cat([scores, sink_logits], dim=-1)
    return scores.softmax(-1)[..., : k.shape[1]] @ v, lse


def _check(q, k, v, window, atol=1e-5):
    out, lse = sliding_window_attention(q, k, v, window=window, scale=SCALE)
    expected, expected_lse = _definition(q, k, v, window)
    assert out.dtype == q.dtype
    torch.testing.assert_close(out.double(), expected, atol=atol, rtol=atol)
    torch.testing.assert_close(lse.double(), expected_lse, atol=atol, rtol=atol)


@pytest.mark.parametrize(("heads", "num_kv_heads"), [(4, 4), (4, 2), (6, 1)])
@pytest.mark.parametrize(("rows", "keys", "window"), CASES)
def test_a_window_is_computed_as_defined(rows, keys, window, heads, num_kv_heads):
    _check(*_inputs(rows, keys, heads=heads, num_kv_heads=num_kv_heads), window)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_shape(data):
    keys = data.draw(st.integers(1, 200))
    rows, window = data.draw(st.integers(1, keys)), data.draw(st.integers(1, keys + 3))
    _check(*_inputs(rows, keys), window)


@pytest.mark.parametrize(("limit", "value"), [("ROWS_TOGETHER", 64), ("HEADS_TOGETHER", 16)])
def test_many_blocks_go_in_groups(limit, value, monkeypatch):
    monkeypatch.setattr(sliding_window, limit, value)
    _check(*_inputs(500, 530), 16)


def test_in_bfloat16_with_values_of_another_size_and_a_view_of_a_cache():
    _check(*_inputs(300, 400, dtype=torch.bfloat16), 50, atol=3e-2)
    q, k, v = _inputs(300, 500, value_dim=24)
    _check(q, k[:, :400], v[:, :400], 50)


@pytest.mark.parametrize("window", [300, 301, 10_000])
def test_a_window_over_all_keys_is_causal_attention(window):
    q, k, v = _inputs(120, 300)
    out, lse = sliding_window_attention(q, k, v, window=window, scale=SCALE)
    expected, expected_lse = attend(q, k, v, causal=True, scale=SCALE)
    assert torch.equal(out, expected)
    assert torch.equal(lse, expected_lse)


@pytest.mark.parametrize(("rows", "window"), [(90, 40), (30, 40), (1, 40), (200, 1)])
def test_keys_before_the_window_change_nothing(rows, window):
    q, k, v = _inputs(rows, 300)
    before = slice(0, 300 - rows + 1 - window)
    found = []
    for value in (0.0, 1e4):
        k[:, before] = v[:, before] = value
        found.append(sliding_window_attention(q, k, v, window=window, scale=SCALE))
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])


@given(start=st.integers(0, 40), rows=st.integers(1, 40), window=st.integers(1, 50))
def test_pairs_within_a_window_are_counted(start, rows, window):
    counted = sum(min(at + 1, window) for at in range(start, start + rows))
    assert windowed_pairs(start, start + rows, window) == counted


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("window", [None, 20])
def test_sinks_take_their_share_of_the_softmax(window, dtype):
    q, k, v = _inputs(50, 90)
    sink_logits = torch.tensor([-30.0, 0.5, 3.0, 40.0], dtype=dtype)
    out, _ = DenseBackend().attend(
        0, q, k, v, None, scale=SCALE, window=window, sink_logits=sink_logits
    )
    expected, _ = _definition(q, k, v, window or 90, sink_logits)
    torch.testing.assert_close(out.double(), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("window", [None, 20, 1, 500])
def test_what_the_benchmark_checks_against_is_the_definition(window):
    q, k, v = _inputs(50, 90)
    sink_logits = torch.tensor([-30.0, 0.5, 3.0, 40.0])
    out, _ = ReferenceBackend().attend(
        0, q, k, v, None, scale=SCALE, window=window, sink_logits=sink_logits
    )
    expected, _ = _definition(q, k, v, window or 90, sink_logits)
    torch.testing.assert_close(out.double(), expected, atol=1e-5, rtol=1e-5)


def test_sinks_keep_the_type_of_the_output():
    out = with_sink_logits(torch.ones(2, 3, 4).bfloat16(), torch.zeros(2, 3), torch.zeros(2))
    assert out.dtype == torch.bfloat16
    assert (out == 0.5).all()


def _attend(context, layer, q, k, v, **extra):
    """As a model's attention layer is called; [H, C, D]."""
    module = torch.nn.Module().eval()
    module.layer_idx = layer
    function = AttentionInterface()[NAME]
    extra[CONTEXT_KEYWORD] = context
    out, _ = function(module, q[None], k[None], v[None], None, scaling=SCALE, **extra)
    return out[0].transpose(0, 1)


def _sparse(settings):
    return ForwardContext(SparseBackend(PrefillConfig(selection=settings)), AttentionStats())


def test_a_sliding_layer_is_never_selected_from_and_counts_its_window(striped, small_settings):
    register()
    q, k, v, _ = striped()
    context = _sparse(replace(small_settings, alpha=0.5))
    out = _attend(context, 0, q, k, v, sliding_window=100)
    stats = context.stats
    assert stats.recall == RecallSummary(1.0, 1.0, 1.0)  # no row was held out
    assert stats.windows == {0: 100}
    counts = stats.counts()
    assert counts.causal == (128 * 100,)
    assert counts.density == 1.0
    expected, _ = _definition(q, k, v, 100)
    torch.testing.assert_close(out.double(), expected, atol=1e-5, rtol=1e-5)
    _attend(context, 1, q, k, v)
    assert stats.counts().density < 1.0
    assert stats.recall.minimum < 1.0
    assert stats.windows == {0: 100}


def test_sinks_behind_a_sparse_layer(striped, small_settings):
    register()
    q, k, v, _ = striped()
    contexts = [_sparse(replace(small_settings, alpha=0.6)) for _ in range(2)]
    plain = _attend(contexts[0], 0, q, k, v)
    found = _attend(contexts[1], 0, q, k, v, s_aux=torch.full((4,), -200.0))
    assert contexts[1].stats.counts().density < 1.0
    assert contexts[1].stats.recall == contexts[0].stats.recall
    torch.testing.assert_close(found, plain)
