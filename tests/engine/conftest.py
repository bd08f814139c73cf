"""Tiny random models that attend through the engine."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from sa_chat.engine.attention import NAME, register
from sa_chat.engine.model.loaded import LoadedModel, loaded_model
from sa_chat.engine.sparsity import CostModel, SelectionSettings

VOCABULARY = 97
_SHAPE = {
    "hidden_size": 48,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 4096,
    "initializer_range": 0.2,
}


def _build_model(family: str, attention: str = NAME) -> PreTrainedModel:
    """A random model of a family; the same weights for the same family."""
    register()
    torch.manual_seed(7)
    model: PreTrainedModel
    if family == "qwen3":
        model = Qwen3ForCausalLM._from_config(Qwen3Config(**_SHAPE), attn_implementation=attention)
    elif family == "qwen2":
        shape = {**_SHAPE, "hidden_size": 64}
        model = Qwen2ForCausalLM._from_config(Qwen2Config(**shape), attn_implementation=attention)
    elif family == "mistral":
        config = MistralConfig(**_SHAPE, sliding_window=None)
        model = MistralForCausalLM._from_config(config, attn_implementation=attention)
    else:
        assert family == "llama"
        shape = {**_SHAPE, "head_dim": 64, "num_key_value_heads": 1}
        model = LlamaForCausalLM._from_config(LlamaConfig(**shape), attn_implementation=attention)
    return model.eval().requires_grad_(False)


def _as_loaded(
    model: PreTrainedModel, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> LoadedModel:
    """The engine's view of a model that a test has built."""
    return loaded_model(
        model.to(device=device, dtype=dtype), "tiny", dtype=dtype, devices=(torch.device(device),)
    )


@pytest.fixture(scope="session")
def tiny() -> LoadedModel:
    """A random Qwen3 in float32: 3 layers, 4 query heads, 2 kv heads of 16."""
    return _as_loaded(_build_model("qwen3"))


@pytest.fixture
def build_model() -> Callable[..., PreTrainedModel]:
    """`build_model(family, attention="sa_chat")`: a random model, the same for the same family."""
    return _build_model


@pytest.fixture
def as_loaded() -> Callable[..., LoadedModel]:
    """`as_loaded(model, device="cpu", dtype=torch.float32)`: the engine's view of a model."""
    return _as_loaded


@pytest.fixture
def token_ids() -> Callable[[int], list[int]]:
    """Random token ids, the same for the same length."""

    def make(length: int) -> list[int]:
        generator = torch.Generator().manual_seed(length)
        return torch.randint(0, VOCABULARY, (length,), generator=generator).tolist()

    return make


@pytest.fixture
def small_settings() -> SelectionSettings:
    """Selection at the scale of a test: every head that can skip a pair does."""
    return SelectionSettings(
        alpha=0.6,
        query_block=32,
        window=32,
        block=16,
        num_sink_tokens=2,
        break_even=64,
        tail_span=None,
        cost=CostModel(gather_pairs=0, call_pairs=0),
    )


@pytest.fixture
def striped() -> Callable[..., tuple[torch.Tensor, torch.Tensor, torch.Tensor, list[int]]]:
    """q [H, C, D], k and v [G, N, D], and the positions of the keys that all queries prefer."""

    def make(
        heads: int = 4, groups: int = 2, rows: int = 128, keys: int = 512, size: int = 16
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, list[int]]:
        torch.manual_seed(3)
        q, k = torch.randn(heads, rows, size), torch.randn(groups, keys, size)
        v = torch.randn(groups, keys, size)
        stripes = sorted([0, 1, *torch.randperm(keys - 200)[:10].add(20).tolist()])
        direction = torch.nn.functional.normalize(torch.ones(size), dim=0)
        k[:, stripes] = 7 * direction
        q += 7 * direction
        return q, k, v, stripes

    return make
