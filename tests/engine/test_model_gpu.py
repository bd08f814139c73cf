"""The engine's equalities on CUDA: the same checks as on CPU, in float32 and bfloat16."""

from dataclasses import replace

import pytest
import torch

from sa_chat.engine.attention import execute
from sa_chat.engine.cache import KVCache
from sa_chat.engine.decode import generate
from sa_chat.engine.devices import device_use
from sa_chat.engine.kernels import attend
from sa_chat.engine.kernels.reference import attend_reference
from sa_chat.engine.pipeline import extend, prefill
from sa_chat.engine.selection import coverage, select

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
DEVICES = [f"cuda:{index}" for index in range(torch.cuda.device_count())] or ["cuda:0"]
TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 2e-2}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("rows", "keys"), [(1, 63), (63, 1000), (1000, 1000)])
@pytest.mark.parametrize("causal", [True, False])
def test_attend_equals_the_definition(device, dtype, rows, keys, causal):
    torch.manual_seed(keys)
    q = torch.randn(8, rows, 64, device=device, dtype=dtype)
    k, v = torch.randn(2, 2, keys, 64, device=device, dtype=dtype)
    out, lse = attend(q, k, v, causal=causal, scale=0.125)
    expected, expected_lse = attend_reference(q, k, v, causal=causal, scale=0.125)
    atol = TOLERANCE[dtype]
    torch.testing.assert_close(out.float(), expected, atol=atol, rtol=atol)
    torch.testing.assert_close(lse, expected_lse, atol=atol, rtol=atol)


@pytest.mark.parametrize("device", DEVICES)
def test_selection_equals_that_on_cpu(device, striped, small_settings):
    q, k, v, _ = striped()
    settings = replace(small_settings, alpha=0.97)
    plan, seen = select(q, k, scale=0.25, settings=settings)
    here = coverage(execute(q, k, v, plan, scale=0.25)[1], seen)
    q, k, v = q.to(device), k.to(device), v.to(device)
    plan_there, seen = select(q, k, scale=0.25, settings=settings)
    there = coverage(execute(q, k, v, plan_there, scale=0.25)[1], seen)
    assert plan_there.density == pytest.approx(plan.density, rel=0.02)
    torch.testing.assert_close(there.cpu(), here, atol=0.02, rtol=0.02)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("family", ["qwen3", "llama"])
def test_chunked_prefill_equals_one_pass(
    device, family, token_ids, small_settings, build_model, as_loaded
):
    ids = token_ids(400)
    with torch.inference_mode():
        expected = build_model(family, "eager")(torch.tensor([ids])).logits[0, -1]
    loaded = as_loaded(build_model(family), device=device)
    for mode, chunk in [("dense", 400), ("dense", 77), ("sparse", 128)]:
        settings = replace(small_settings, alpha=1.0)
        cache = KVCache(loaded.layers, 400)
        result = prefill(loaded, cache, ids, mode=mode, alpha=1.0, chunk=chunk, settings=settings)
        torch.testing.assert_close(result.last_logits.cpu(), expected, atol=2e-3, rtol=2e-3)


@pytest.mark.parametrize("device", DEVICES)
def test_sparse_prefill_skips_pairs_in_bfloat16(
    device, token_ids, small_settings, build_model, as_loaded
):
    loaded = as_loaded(build_model("qwen3"), device=device, dtype=torch.bfloat16)
    settings = replace(small_settings, alpha=0.9)
    logits = {}
    for mode in ("dense", "sparse"):
        cache = KVCache(loaded.layers, 400)
        result = prefill(
            loaded, cache, token_ids(400), mode=mode, alpha=0.9, chunk=128, settings=settings
        )
        logits[mode] = result.last_logits.float()
    assert result.density < 1.0
    assert torch.cosine_similarity(logits["dense"], logits["sparse"], dim=0) > 0.8


@pytest.mark.parametrize("device", DEVICES)
def test_decoding_equals_that_on_cpu(device, tiny, token_ids, build_model, as_loaded):
    answers = []
    for loaded in (tiny, as_loaded(build_model("qwen3"), device=device)):
        cache = KVCache(loaded.layers, 80)
        logits = extend(loaded, cache, token_ids(40))
        answers.append([*generate(loaded, cache, logits, stop_ids=(), max_tokens=12)])
    assert answers[0] == answers[1]


@pytest.mark.parametrize("device", DEVICES)
def test_memory_is_reported_per_device(device, build_model, as_loaded):
    loaded = as_loaded(build_model("qwen3"), device=device)
    (use,) = device_use(loaded)
    assert device in use.name
    assert 0 < use.used_bytes <= use.peak_bytes < use.total_bytes
