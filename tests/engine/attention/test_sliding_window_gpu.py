"""Sliding windows and sink logits on CUDA: kernels, and whole models with graphs."""

import pytest
import torch
from transformers import AutoModelForCausalLM, Gemma3TextConfig, GptOssConfig, MistralConfig

from running import extend, no_graph, prefill
from sa_chat.engine.attention.sliding_window import sliding_window_attention
from sa_chat.engine.cache import KVCache
from sa_chat.engine.model import load_model
from sa_chat.engine.runtime import ModelRunner
from sa_chat.engine.sparsity import SelectionSettings
from sa_chat.protocol.config import EngineConfig

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 2e-2}
KINDS = ["sliding_attention", "full_attention"]
SMALL = {
    "hidden_size": 128,
    "intermediate_size": 192,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "vocab_size": 97,
    "max_position_embeddings": 8192,
    "initializer_range": 0.1,
    "pad_token_id": 0,
}
MODELS = [
    MistralConfig(**SMALL, sliding_window=100),
    Gemma3TextConfig(
        **SMALL, query_pre_attn_scalar=64, sliding_window=128, layer_types=[*KINDS, *KINDS]
    ),
    GptOssConfig(
        **SMALL,
        sliding_window=128,
        layer_types=[*KINDS, *KINDS],
        num_local_experts=4,
        num_experts_per_tok=2,
    ),
]


def _definition(q, k, v, window, scale):
    """In float64, head by head; out [H, C, D] and lse [H, C]."""
    group_size, rows, keys = len(q) // len(k), q.shape[1], k.shape[1]
    key = torch.arange(keys, device=q.device)
    row = key[-rows:, None]
    unseen = (key > row) | (key <= row - window)
    outs, lses = [], []
    for head, queries in enumerate(q):
        scores = queries.double() @ k[head // group_size].double().T * scale
        scores.masked_fill_(unseen, -torch.inf)
        lses.append(scores.logsumexp(-1))
        outs.append(scores.softmax(-1) @ v[head // group_size].double())
    return torch.stack(outs), torch.stack(lses)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("window", [1, 128, 1000, 1024, 4096])
@pytest.mark.parametrize(
    ("rows", "keys"), [(1, 9000), (50, 9000), (2048, 9000), (8192, 8192), (8192, 9000)]
)
def test_a_window_is_computed_as_defined(rows, keys, window, dtype):
    torch.manual_seed(rows)
    q = torch.randn(8, rows, 64, device="cuda", dtype=dtype)
    k, v = torch.randn(2, 2, keys + 100, 64, device="cuda", dtype=dtype)
    k, v = k[:, :keys], v[:, :keys]
    out, lse = sliding_window_attention(q, k, v, window=window, scale=0.2)
    expected, expected_lse = _definition(q, k, v, window, 0.2)
    assert out.dtype == dtype
    atol = TOLERANCE[dtype]
    torch.testing.assert_close(out.double(), expected, atol=atol, rtol=atol)
    torch.testing.assert_close(lse.double(), expected_lse, atol=atol, rtol=atol)


def test_many_rows_take_little_memory():
    q = torch.randn(32, 32_768, 128, device="cuda", dtype=torch.bfloat16)
    k, v = torch.randn(2, 8, 32_768, 128, device="cuda", dtype=torch.bfloat16)
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    sliding_window_attention(q, k, v, window=1024, scale=0.1)
    assert torch.cuda.max_memory_allocated() - before < 3 * q.nbytes


def _loaded(config, folder, dtype, device="cuda"):
    torch.manual_seed(5)
    model = AutoModelForCausalLM.from_config(config)
    for name, parameter in model.named_parameters():
        if name.endswith("sinks"):
            torch.nn.init.normal_(parameter, std=2.0)
    model.save_pretrained(folder)
    config = EngineConfig(model=str(folder), device=device, gpus=1)
    return load_model(config, progress=lambda stage, part: None, dtype=dtype)


@pytest.mark.parametrize("config", MODELS, ids=lambda config: config.model_type)
def test_logits_are_those_of_transformers(config, tmp_path, token_ids):
    loaded = _loaded(config, tmp_path, torch.float32)
    theirs = AutoModelForCausalLM.from_pretrained(
        tmp_path, attn_implementation="eager", dtype=torch.float32
    ).to(loaded.device)
    ids = token_ids(3000)
    with torch.inference_mode():
        expected = theirs(torch.tensor([ids], device=loaded.device), logits_to_keep=1).logits[0, -1]
    for chunk in (3000, 1024, 77):
        cache = KVCache(loaded.layers, 3000)
        result = prefill(loaded, cache, ids, mode="dense", alpha=1.0, chunk=chunk)
        torch.testing.assert_close(result.last_logits, expected, atol=5e-3, rtol=5e-3)


@pytest.mark.parametrize("config", MODELS, ids=lambda config: config.model_type)
def test_a_graph_writes_what_single_calls_write(config, tmp_path, token_ids, monkeypatch):
    """A graph is as near to what float32 gives as single calls are; which experts a router takes
    jumps where roundings differ, in both."""
    rounded = _loaded(config, tmp_path, torch.bfloat16)
    exact = _loaded(config, tmp_path, torch.float32)
    exact.model.load_state_dict(rounded.model.state_dict())
    logits = {}
    for loaded, graphs in ((rounded, True), (rounded, False), (exact, False)):
        cache = KVCache(loaded.layers, 400)
        extend(loaded, cache, token_ids(100))
        if not graphs:
            monkeypatch.setattr("sa_chat.engine.runtime.runner.captured_step", no_graph)
        runner = ModelRunner(loaded, cache)
        assert (runner.graph is not None) == graphs
        found = [runner.step(token).float().clone() for token in token_ids(80)]
        runner.truncate(90)  # the graph follows
        found += [runner.step(token).float().clone() for token in token_ids(80)]
        logits[loaded.dtype, graphs] = torch.stack(found).cpu()
    expected = logits[torch.float32, False]
    graph, calls = (
        (logits[torch.bfloat16, graphs] - expected).norm(dim=-1) / expected.norm(dim=-1)
        for graphs in (True, False)
    )
    assert graph.median() <= 1.2 * calls.median()
    assert graph.max() <= 1.5 * calls.max()


@pytest.mark.parametrize("config", MODELS[1:], ids=lambda config: config.model_type)
def test_full_layers_are_sparse_and_sliding_ones_whole(config, tmp_path, token_ids):
    loaded = _loaded(config, tmp_path, torch.bfloat16)
    settings = SelectionSettings(density=0.4, break_even=1024)
    cache = KVCache(loaded.layers, 6000)
    result = prefill(
        loaded, cache, token_ids(6000), mode="sparse", alpha=0.9, chunk=2048, settings=settings
    )
    by_layer = [set(heads) for heads in result.density_by_head]
    assert by_layer[0] == by_layer[2] == {1.0}
    assert max(by_layer[1] | by_layer[3]) < 1.0
    assert result.last_logits.isfinite().all()
