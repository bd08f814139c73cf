"""Models of several families attend through the engine and compute the same as without it."""

from dataclasses import replace

import pytest
import torch
from transformers.masking_utils import create_causal_mask

from sa_chat.engine.attention import CONTEXT_KEYWORD, NAME, AttentionStats, ForwardContext
from sa_chat.engine.cache import KVCache
from sa_chat.engine.kernels.reference import attend_reference
from sa_chat.engine.model.keywords import cache_keyword
from sa_chat.engine.sparsity import select
from sa_chat.engine.sparsity.sparse_attention import sparse_attention
from sa_chat.protocol.errors import ModelError

SCALE = 0.25


def test_the_cache_goes_by_the_name_that_the_model_has_for_it():
    class Old(torch.nn.Module):
        def forward(self, tokens, past_key_values=None, **others): ...

    class New(torch.nn.Module):
        def forward(self, tokens, cache=None, **others): ...

    assert [cache_keyword(Old()), cache_keyword(New())] == ["past_key_values", "cache"]


@pytest.mark.filterwarnings("error:.*past_key_values.*:FutureWarning")
@pytest.mark.parametrize("family", ["qwen3", "qwen2", "llama", "mistral"])
@pytest.mark.parametrize("other", ["eager", "sdpa"])
def test_dense_forward_equals_transformers(family, other, token_ids, build_model):
    tokens = torch.tensor([token_ids(150)])
    model, twin = build_model(family), build_model(family, other)
    cache, stats = KVCache(3, 150), AttentionStats()
    with torch.inference_mode():
        arguments = {cache_keyword(model): cache, CONTEXT_KEYWORD: ForwardContext(stats=stats)}
        out = model(tokens, use_cache=True, **arguments).logits
        expected = twin(tokens).logits
    assert stats.calls == 3
    torch.testing.assert_close(out, expected, atol=2e-4, rtol=1e-3)


def test_no_mask_is_built(token_ids, build_model):
    model = build_model("qwen3")
    cache = KVCache(3, 64)
    embeds = torch.zeros(1, 64, 48)
    assert model.config._attn_implementation == NAME
    assert create_causal_mask(model.config, embeds, None, cache, None) is None


def test_plan_is_carried_out_exactly(striped, small_settings):
    q, k, v, _ = striped(rows=100, keys=400)
    q[1] = 0.0
    settings = replace(small_settings, alpha=0.9)
    plan, _ = select(q, k, scale=SCALE, settings=settings)
    mixed = replace(  # one head dense, the others as planned
        plan,
        num_columns=plan.num_columns.clone().index_fill_(0, torch.tensor([0]), 0),
        local_starts=plan.local_starts.clone().index_fill_(0, torch.tensor([0]), 0),
    )
    out, lse = sparse_attention(q, k, v, mixed, scale=SCALE)
    mask = mixed.to_mask()
    assert mask[0].sum(-1).tolist() == [*range(301, 401)]
    assert (mask[2:].sum((1, 2)) < mask[0].sum()).all()
    expected, expected_lse = attend_reference(q, k, v, scale=SCALE, mask=mask)
    torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(lse, expected_lse, atol=1e-5, rtol=1e-4)


def test_first_chunk_has_nothing_before_its_first_tile(striped, small_settings):
    q, k, v, _ = striped(rows=300, keys=300)
    plan, _ = select(q, k, scale=SCALE, settings=replace(small_settings, alpha=0.97))
    assert plan.density < 0.9
    out, _ = sparse_attention(q, k, v, plan, scale=SCALE)
    expected, _ = attend_reference(q, k, v, causal=True, scale=SCALE)
    torch.testing.assert_close(out[:, :64], expected[:, :64], atol=1e-5, rtol=1e-4)
    assert (out - expected).norm() / expected.norm() < 0.15


def test_a_model_that_hands_no_context_on_is_refused(token_ids, build_model):
    model = build_model("qwen3")
    with torch.inference_mode(), pytest.raises(ModelError, match="no keyword arguments"):
        model(torch.tensor([token_ids(8)]))


@pytest.mark.parametrize(
    ("keyword", "name"),
    [("softcap", "soft-capped"), ("position_bias", "an attention bias")],
)
def test_what_is_not_computed_is_refused_by_name(token_ids, keyword, name, build_model):
    model = build_model("llama")
    extra = {CONTEXT_KEYWORD: ForwardContext(), keyword: 4}
    with torch.inference_mode(), pytest.raises(ModelError, match=name):
        model(torch.tensor([token_ids(8)]), **extra)


def test_window_and_sinks_are_handed_through(token_ids, build_model):
    model, tokens = build_model("llama"), torch.tensor([token_ids(60)])
    with torch.inference_mode():
        plain = model(tokens, **{CONTEXT_KEYWORD: ForwardContext()}).logits
        for extra in ({"sliding_window": 7}, {"s_aux": torch.full((4,), 2.0)}):
            stats = AttentionStats()
            context = ForwardContext(stats=stats)
            changed = model(tokens, **{CONTEXT_KEYWORD: context}, **extra).logits
            assert not torch.allclose(changed, plain)
            assert set(stats.windows.values()) == ({7} if "sliding_window" in extra else set())
