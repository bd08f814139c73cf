"""The engine's equalities on CUDA: the same checks as on CPU, in float32 and bfloat16."""

from dataclasses import replace
from random import Random

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM

from running import decode, extend, no_graph, prefill
from sa_chat.engine.cache import KVCache
from sa_chat.engine.cancellation import Stopped
from sa_chat.engine.kernels import attend
from sa_chat.engine.kernels.reference import attend_reference
from sa_chat.engine.model import load_model
from sa_chat.engine.runtime import ModelRunner
from sa_chat.engine.runtime.graphs import GraphStep
from sa_chat.engine.session.memory import device_use
from sa_chat.engine.sparsity import SelectionSettings, held_out_recall, select
from sa_chat.engine.sparsity.sparse_attention import sparse_attention
from sa_chat.protocol.config import EngineConfig
from sa_chat.protocol.errors import ModelError

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
    here = held_out_recall(sparse_attention(q, k, v, plan, scale=0.25)[1], seen)
    q, k, v = q.to(device), k.to(device), v.to(device)
    plan_there, seen = select(q, k, scale=0.25, settings=settings)
    there = held_out_recall(sparse_attention(q, k, v, plan_there, scale=0.25)[1], seen)
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
        answers.append([*decode(loaded, cache, logits, stop_ids=(), max_tokens=12)])
    assert answers[0] == answers[1]


@pytest.mark.parametrize("device", DEVICES)
def test_memory_is_reported_per_device(device, build_model, as_loaded):
    loaded = as_loaded(build_model("qwen3"), device=device)
    cache = KVCache(loaded.layers, 40)
    extend(loaded, cache, [1, 2, 3])
    (use,) = device_use(loaded, cache)
    assert device in use.name
    assert 0 < use.used_bytes <= use.peak_bytes < use.total_bytes
    assert use.used_bytes <= use.driver_bytes <= use.total_bytes
    assert use.kv_bytes == cache.nbytes
    assert 0 < use.weights_bytes + use.kv_bytes <= use.used_bytes


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("family", ["qwen3", "llama", "qwen2"])
@pytest.mark.parametrize("kept", ["auto", "int8"])
def test_a_graph_writes_what_single_calls_write(
    device, family, kept, token_ids, build_model, as_loaded, monkeypatch
):
    loaded = as_loaded(build_model(family), device=device, dtype=torch.bfloat16)
    exact = as_loaded(build_model(family).bfloat16(), device=device)
    _check_graph(loaded, exact, kept, token_ids, monkeypatch)


def _check_graph(in_bfloat16, exact, kept, token_ids, monkeypatch):
    """A graph is as near to what float32 gives as single calls are."""
    logits = {}
    for loaded, graphs in ((in_bfloat16, True), (in_bfloat16, False), (exact, False)):
        cache = KVCache(loaded.layers, 120, kept)
        extend(loaded, cache, token_ids(40))
        if not graphs:
            monkeypatch.setattr("sa_chat.engine.runtime.runner.captured_step", no_graph)
        runner = ModelRunner(loaded, cache)
        graph = runner.graph
        assert isinstance(graph, GraphStep) == graphs
        found = [runner.step(token).float().clone() for token in token_ids(30)]
        runner.truncate(50)  # the graph follows
        found += [runner.step(token).float().clone() for token in token_ids(30)]
        assert runner.length == cache.length == 80
        assert runner.graph is graph
        logits[loaded.dtype, graphs] = torch.stack(found).cpu()
    expected = logits[torch.float32, False]
    graph, calls = (
        (logits[torch.bfloat16, graphs] - expected).norm(dim=-1) / expected.norm(dim=-1)
        for graphs in (True, False)
    )
    assert graph.median() <= 1.2 * calls.median()
    assert graph.max() <= 1.5 * calls.max()


@pytest.fixture
def saved_model(tmp_path):
    """A folder with a random model whose layers two GPUs can share."""
    torch.manual_seed(3)
    config = LlamaConfig(
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=5,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=64,
        vocab_size=97,
        max_position_embeddings=40_000,
        initializer_range=0.1,
    )
    LlamaForCausalLM(config).bfloat16().save_pretrained(tmp_path)
    return tmp_path


def _load(folder, gpus, monkeypatch, dtype=torch.bfloat16):
    monkeypatch.setattr("sa_chat.engine.model.fit.SMALL_WEIGHTS", 0)  # else it stays on one
    config = EngineConfig(model=str(folder), device="cuda", gpus=gpus)
    parts = []
    loaded = load_model(
        config, progress=lambda stage, part: parts.append(part), dtype=dtype, tokens=40_000
    )
    assert parts[-1] == 1.0
    return loaded


two_gpus = pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")


@two_gpus
@pytest.mark.parametrize(
    ("mode", "dtype"),
    [("dense", torch.float32), ("dense", torch.bfloat16), ("sparse", torch.bfloat16)],
)
def test_two_gpus_in_a_pipeline_read_what_one_reads(
    saved_model, token_ids, monkeypatch, mode, dtype
):
    ids = token_ids(30_000)
    settings = SelectionSettings(density=0.2)
    found = []
    for gpus, chunk in ((1, None), (2, None), (2, 2048)):
        loaded = _load(saved_model, gpus, monkeypatch, dtype)
        assert len(loaded.devices) == gpus
        reports = []
        cache = KVCache(loaded.layers, 30_100)
        result = prefill(
            loaded, cache, ids, mode=mode, alpha=1.0, chunk=chunk, settings=settings,
            on_chunk=reports.append,
        )  # fmt: skip
        done = [report.tokens_done for report in reports]
        assert done == sorted(set(done))
        assert done[-1] == 30_000
        assert reports[-1].density == pytest.approx(result.density)
        tokens = decode(loaded, cache, result.last_logits, stop_ids=(), max_tokens=20)
        found.append((result.last_logits.float().cpu(), result.density, [*tokens]))
    one, *others = found
    for logits, density, tokens in others:
        if mode == "dense":
            assert density == 1.0
            exact = dtype == torch.float32
            assert (logits - one[0]).norm() / one[0].norm() < (1e-4 if exact else 2e-2)
        if dtype == torch.float32:  # else a graph rounds otherwise than single calls
            assert tokens == one[2]


@two_gpus
@pytest.mark.parametrize("kept", ["auto", "int8"])
def test_graphs_over_two_gpus_write_what_single_calls_write(
    saved_model, kept, token_ids, monkeypatch
):
    loaded = _load(saved_model, 2, monkeypatch)
    cache = KVCache(loaded.layers, 50, kept)
    extend(loaded, cache, token_ids(40))
    assert ModelRunner(loaded, cache).graph.devices == loaded.devices
    exact = _load(saved_model, 2, monkeypatch, torch.float32)
    _check_graph(loaded, exact, kept, token_ids, monkeypatch)


@two_gpus
@pytest.mark.parametrize("kept", ["auto", "int8"])
def test_a_tied_head_goes_back_to_the_first_gpu(tmp_path, kept, token_ids, monkeypatch):
    torch.manual_seed(4)
    config = Qwen3Config(
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=64,
        vocab_size=97,
        max_position_embeddings=40_000,
        initializer_range=0.1,
        tie_word_embeddings=True,
    )
    Qwen3ForCausalLM(config).bfloat16().save_pretrained(tmp_path)
    loaded = _load(tmp_path, 2, monkeypatch)
    cache = KVCache(loaded.layers, 50, kept)
    extend(loaded, cache, token_ids(40))
    devices = ModelRunner(loaded, cache).graph.devices
    assert [device.index for device in devices] == [0, 1, 0]
    exact = _load(tmp_path, 2, monkeypatch, torch.float32)
    _check_graph(loaded, exact, kept, token_ids, monkeypatch)


@two_gpus
def test_a_model_on_two_gpus_is_read_by_its_name_in_the_conversation(saved_model, monkeypatch):
    loaded = _load(saved_model, 2, monkeypatch)
    uses = device_use(loaded)
    assert [f"cuda:{at}" in use.name for at, use in enumerate(uses)] == [True, True]
    on = {name: p.device.index for name, p in loaded.model.named_parameters()}
    assert on["model.embed_tokens.weight"] == on["model.layers.0.mlp.up_proj.weight"] == 0
    assert on["model.layers.4.mlp.up_proj.weight"] == on["lm_head.weight"] == 1


@two_gpus
def test_a_pipeline_stopped_at_random_is_consistent_and_leaks_nothing(
    saved_model, token_ids, monkeypatch
):
    ids = token_ids(12_000)
    loaded = _load(saved_model, 2, monkeypatch)
    cache = KVCache(loaded.layers, 12_100)
    options = {"mode": "dense", "alpha": 1.0, "chunk": 1024}
    expected = prefill(loaded, cache, ids, **options).last_logits.cpu()
    level = None
    random = Random(5)
    for _ in range(100):
        cache.truncate(0)
        left = random.randrange(1, 12 * loaded.layers)

        def cancelled():
            nonlocal left
            left -= 1
            return left == 0

        with pytest.raises(Stopped):
            prefill(loaded, cache, ids, cancelled=cancelled, **options)
        assert cache.length % 1024 == 0
        for device in loaded.devices:
            torch.cuda.synchronize(device)
        used = [torch.cuda.memory_allocated(device) for device in loaded.devices]
        level = level or used
        assert all(now <= at_first + 2**20 for now, at_first in zip(used, level, strict=True))
    rest = prefill(loaded, cache, ids[cache.length :], **options).last_logits.cpu()
    torch.testing.assert_close(rest, expected, atol=2e-2, rtol=2e-2)


def test_a_model_that_does_not_fit_is_told_before_it_is_loaded(saved_model):
    config = EngineConfig(model=str(saved_model), device="cuda", gpus=1)
    with pytest.raises(ModelError, match=r"are missing on cuda:\d") as error:
        load_model(config, progress=lambda stage, part: None, tokens=10**10)
    assert "tokens would fit" in error.value.hint
