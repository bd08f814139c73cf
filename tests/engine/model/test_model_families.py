"""Small folders of many families: computed exactly as `transformers` computes them, or refused."""

from dataclasses import replace

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3Config,
    Gemma3TextConfig,
    GptOssConfig,
    LlamaConfig,
    MinistralConfig,
    MistralConfig,
    Phi3Config,
    PhimoeConfig,
    Qwen2Config,
    Qwen2MoeConfig,
    Qwen3Config,
    SmolLM3Config,
)

from running import decode, extend, prefill
from sa_chat.engine.cache import KVCache
from sa_chat.engine.cancellation import Stopped
from sa_chat.engine.model import load_model
from sa_chat.engine.model.pretrained import measured
from sa_chat.protocol.config import EngineConfig
from sa_chat.protocol.errors import ModelError

SMALL = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 97,
    "max_position_embeddings": 1024,
    "initializer_range": 0.2,
    "pad_token_id": 0,
}
GEMMA = {**SMALL, "head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 32}
KINDS = ["sliding_attention", "full_attention"]
SLIDING = [
    MistralConfig(**SMALL, sliding_window=64),
    Phi3Config(**SMALL, sliding_window=50),
    Qwen2Config(**SMALL, use_sliding_window=True, sliding_window=64, max_window_layers=1),
    MinistralConfig(**SMALL, head_dim=16, sliding_window=48, layer_types=[*KINDS, *KINDS]),
    SmolLM3Config(**SMALL, use_sliding_window=True, sliding_window=40),
    Gemma3TextConfig(**GEMMA, layer_types=[*KINDS, *KINDS]),
    GptOssConfig(
        **SMALL,
        head_dim=16,
        sliding_window=16,
        layer_types=[*KINDS, *KINDS],
        num_local_experts=4,
        num_experts_per_tok=2,
    ),
]
COMPUTED = [
    LlamaConfig(**SMALL),
    LlamaConfig(**SMALL, attention_bias=True, tie_word_embeddings=True),
    Qwen2Config(**SMALL),
    Qwen3Config(**SMALL, head_dim=32),
    MistralConfig(**SMALL, sliding_window=None),
    Phi3Config(**SMALL),
    SmolLM3Config(**SMALL),
    *SLIDING,
]
OTHER_WINDOWS = "sliding-window layers other than it declares"
REFUSED = [
    (Gemma2Config(**GEMMA), "soft-capped attention scores"),
    (Gemma3TextConfig(**GEMMA, use_bidirectional_attention=True), "bidirectional attention"),
    (Qwen2Config(**SMALL, layer_types=[*KINDS, *KINDS]), "sliding windows of no size"),
    # Their attention is not told of the window; transformers has it in the mask alone.
    (
        Qwen2MoeConfig(
            **SMALL,
            use_sliding_window=True,
            sliding_window=64,
            max_window_layers=1,
            num_experts=4,
            num_experts_per_tok=2,
            moe_intermediate_size=16,
            shared_expert_intermediate_size=16,
        ),
        OTHER_WINDOWS,
    ),
    (PhimoeConfig(**SMALL, sliding_window=64, num_local_experts=4), OTHER_WINDOWS),
    # Its attention gets the window in all layers.
    (Phi3Config(**SMALL, sliding_window=64, layer_types=[*KINDS, *KINDS]), OTHER_WINDOWS),
]


def _saved(config, folder, seed=5):
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config)
    for name, parameter in model.named_parameters():
        if name.endswith("sinks"):
            torch.nn.init.normal_(parameter, std=2.0)
    model.save_pretrained(folder)
    return EngineConfig(model=str(folder), device="cpu")


@pytest.mark.parametrize("config", COMPUTED, ids=lambda config: config.model_type)
def test_logits_and_tokens_are_those_of_transformers(config, tmp_path):
    loaded = load_model(
        _saved(config, tmp_path), progress=lambda stage, part: None, dtype=torch.float32
    )
    theirs = AutoModelForCausalLM.from_pretrained(
        tmp_path, attn_implementation="eager", dtype=torch.float32
    )
    ids = torch.randint(1, 97, (300,), generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        expected = theirs(ids[None]).logits[0]
        tokens = theirs.generate(
            ids[None], attention_mask=torch.ones(1, 300), max_new_tokens=8, do_sample=False
        )[0, 300:]
    cache = KVCache(loaded.layers, 320)
    result = prefill(loaded, cache, ids[:250].tolist(), mode="dense", alpha=1.0, chunk=64)
    torch.testing.assert_close(result.last_logits, expected[249], atol=1e-3, rtol=1e-3)
    logits = extend(loaded, cache, ids[250:].tolist())
    torch.testing.assert_close(logits, expected[-1], atol=1e-3, rtol=1e-3)
    mine = [*decode(loaded, cache, logits, stop_ids=(), max_tokens=8)]
    assert mine[: len(tokens)] == tokens.tolist()


@pytest.mark.parametrize("config", SLIDING, ids=lambda config: config.model_type)
def test_sparse_mode_that_leaves_nothing_out_is_dense(config, tmp_path, small_settings):
    loaded = load_model(
        _saved(config, tmp_path), progress=lambda stage, part: None, dtype=torch.float32
    )
    ids = torch.randint(1, 97, (300,), generator=torch.Generator().manual_seed(2)).tolist()
    found = []
    for mode, alpha in (("dense", 1.0), ("sparse", 1.0), ("sparse", 0.7)):
        settings = replace(small_settings, alpha=alpha)
        cache = KVCache(loaded.layers, 320)
        result = prefill(
            loaded, cache, ids, mode=mode, alpha=alpha, chunk=100, settings=settings
        )  # fmt: skip
        found.append(result)
    dense, all_kept, sparse = found
    torch.testing.assert_close(all_kept.last_logits, dense.last_logits, atol=1e-3, rtol=1e-3)
    assert dense.density == all_kept.density == 1.0
    types = getattr(config, "layer_types", None) or ["sliding_attention"] * 4
    for kind, heads in zip(types, sparse.density_by_head, strict=True):
        assert kind == "full_attention" or set(heads) == {1.0}
    assert sparse.density == 1.0 or "full_attention" in types


def test_a_model_with_parts_for_pictures_is_refused(tmp_path):
    text = {**GEMMA, "layer_types": [*KINDS, *KINDS]}
    Gemma3Config(text_config=text).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="parts for pictures or sound"):
        measured(str(tmp_path), torch.float32)


@pytest.mark.parametrize(
    ("config", "what"), REFUSED, ids=lambda value: getattr(value, "model_type", "")
)
def test_what_is_not_computed_is_refused_by_its_name(config, what, tmp_path):
    with pytest.raises(ModelError, match=what):
        load_model(_saved(config, tmp_path), progress=lambda stage, part: None)


def test_a_corrupt_shard_is_told(tmp_path):
    config = _saved(LlamaConfig(**SMALL), tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_model(config, progress=lambda stage, part: None)


def test_progress_goes_up_to_one(tmp_path):
    parts = []
    load_model(
        _saved(LlamaConfig(**SMALL), tmp_path), progress=lambda stage, part: parts.append(part)
    )
    assert parts[0] == 0.0
    assert parts[-1] == 1.0
    assert all(0.0 <= part <= 1.0 for part in parts)


def test_stopped_while_it_loads(tmp_path):
    def stop(stage, part):
        if part > 0.0:
            raise Stopped

    with pytest.raises(Stopped):
        load_model(_saved(LlamaConfig(**SMALL), tmp_path), progress=stop)
