"""Whether a model fits, and where its layers go, told from its configuration alone."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    DeepseekV2Config,
    Gemma3TextConfig,
    GPT2Config,
    LlamaConfig,
    Phi3Config,
    Qwen2Config,
    Qwen3Config,
    SmolLM3Config,
)

from sa_chat.engine.model import placement
from sa_chat.engine.model.fit import DeviceBudget, most_tokens, place_stages
from sa_chat.engine.model.placement import device_budgets, resolve_dtype
from sa_chat.engine.model.structure import needs_of, structure_of
from sa_chat.engine.platform.devices import candidates, resolve_device
from sa_chat.protocol.errors import ModelError

GIB = 2**30
SMALL = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 5,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 97,
    "pad_token_id": 0,
}
LLAMA_8B = LlamaConfig(
    hidden_size=4096,
    intermediate_size=14_336,
    num_hidden_layers=32,
    num_attention_heads=32,
    num_key_value_heads=8,
    vocab_size=128_256,
)


def _meta(config, dtype=torch.float32):
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config, dtype=dtype)


def _needs(config, dtype=torch.bfloat16):
    model = _meta(config, dtype)
    return needs_of(model, structure_of(model), "The model m")


def _budgets(*gib, speeds=(1.0, 1.0)):
    return [
        DeviceBudget(torch.device("cuda", at), "card", int(each * GIB), speed)
        for at, (each, speed) in enumerate(zip(gib, speeds, strict=False))
    ]


@pytest.mark.parametrize(
    "config",
    [
        LlamaConfig(**SMALL),
        Qwen2Config(**SMALL),
        Qwen3Config(**SMALL, head_dim=16, tie_word_embeddings=True),
        Phi3Config(**SMALL),
        SmolLM3Config(**SMALL),
        Gemma3TextConfig(**SMALL, head_dim=16),
        GPT2Config(n_layer=5, n_head=2, n_embd=16, vocab_size=20, n_positions=32),
    ],
    ids=lambda config: config.model_type,
)
def test_every_parameter_has_one_place_and_is_counted_once(config):
    model = _meta(config)
    structure = structure_of(model)
    devices = torch.device("cuda", 0), torch.device("cuda", 1)
    parts = structure.parts(devices, 3)
    for name, _ in model.named_parameters():
        assert sum(name.startswith(f"{part}.") for part in parts) == 1, name
    assert [parts[layer].index for layer in structure.layers] == [0, 0, 0, 1, 1]
    embedding = model.get_input_embeddings().weight
    for part, device in parts.items():
        module = model.get_submodule(part)
        embeds = isinstance(module, nn.Embedding)  # GPT-2's positions too
        if embeds or any(p is embedding for p in module.parameters()):
            assert device.index == 0
    needs = needs_of(model, structure, "m")
    rotary_bytes = needs.weights - 4 * sum(p.numel() for p in model.parameters())
    assert 0 <= rotary_bytes <= 256


def test_eight_billion_parameters_and_128k_tokens_are_split_over_two_cards_of_24_gb():
    needs = _needs(LLAMA_8B)
    assert needs.weights == pytest.approx(16.06e9, rel=0.01)
    assert needs.kv_per_token * 32 == 128 * 1024
    stages = place_stages(needs, _budgets(23.5, 23.5), 131_072)
    assert [stage.layers for stage in stages] == [range(16), range(16, 32)]
    assert sum(stage.weights for stage in stages) == needs.weights
    assert all(stage.needed < 23.5 * GIB for stage in stages)
    assert "layers 16 to 31" in str(stages[1])


def test_what_does_not_fit_says_by_how_much_and_what_would():
    needs = _needs(LLAMA_8B)
    with pytest.raises(
        ModelError, match=r"34\.\d GiB .*; 10\.\d are missing on cuda:0 .24\.0"
    ) as error:
        place_stages(needs, _budgets(24), 131_072)
    most = most_tokens(needs, _budgets(24))
    assert f"{most:,} tokens would fit" in error.value.hint
    assert 0 < most < 131_072
    place_stages(needs, _budgets(24), most)
    with pytest.raises(ModelError):
        place_stages(needs, _budgets(24), most + 1024)
    with pytest.raises(ModelError, match="missing") as error:
        place_stages(needs, _budgets(8), 1024)
    assert "smaller model" in error.value.hint


def test_the_faster_card_and_the_roomier_card_get_more_layers():
    needs = _needs(LLAMA_8B)
    by_speed = place_stages(needs, _budgets(80, 80, speeds=(1.0, 3.0)), 8192)
    assert [len(stage.layers) for stage in by_speed] == [8, 24]
    by_room = place_stages(needs, _budgets(12, 40), 32_768)
    assert len(by_room[0].layers) < 16
    assert all(stage.missing == 0 for stage in by_room)


def test_a_small_model_stays_on_one_card_and_a_card_without_room_is_left_out():
    small = _needs(LlamaConfig(**SMALL))
    (stage,) = place_stages(small, _budgets(24, 24), 131_072)
    assert stage.layers == range(5)
    large = _needs(LLAMA_8B)
    (stage,) = place_stages(large, _budgets(0.1, 80), 4096)
    assert stage.budget.device.index == 1
    assert (
        place_stages(replace(small, layer_weights=(GIB,) * 5), _budgets(24, 24), 1)[0].layers.stop
        < 5
    )


class Cards:
    """GPUs as torch tells of them: name, free and all memory in GiB."""

    def __init__(self, monkeypatch, *cards, fraction=1.0):
        def gib(at):
            return (int(cards[at.index][1] * GIB), int(cards[at.index][2] * GIB))

        told = {
            "is_available": lambda: True,
            "current_device": lambda: 0,
            "device_count": lambda: len(cards),
            "get_device_name": lambda at: cards[at.index][0],
            "get_device_capability": lambda at: cards[at.index][3:] or (8, 6),
            "mem_get_info": gib,
            "memory_reserved": lambda at: 0,
            "memory_allocated": lambda at: 0,
            "get_per_process_memory_fraction": lambda at: fraction,
        }
        for name, tell in told.items():
            monkeypatch.setattr(torch.cuda, name, tell)


def test_of_three_cards_the_two_with_the_most_free_memory_are_used(monkeypatch):
    Cards(monkeypatch, ("a", 20, 24), ("a", 2, 24), ("a", 22, 24))
    found = device_budgets(candidates("auto"), 2)
    assert [budget.device.index for budget in found] == [0, 2]
    assert [budget.free_bytes / GIB for budget in found] == [20, 22]
    assert [budget.speed for budget in found] == [1.0, 1.0]
    assert [budget.device.index for budget in device_budgets(candidates("auto"), 1)] == [2]


def test_a_limit_counts_as_the_memory_that_is_free(monkeypatch):
    Cards(monkeypatch, ("a", 78, 80), ("a", 79, 80), fraction=0.3)
    assert [budget.free_bytes / GIB for budget in device_budgets(candidates("cuda"), 2)] == [24, 24]


def test_unlike_cards_are_compared_and_one_without_bfloat16_is_left_out(monkeypatch):
    speeds = {0: 1.0, 1: 2.5}
    monkeypatch.setattr(placement, "matmul_speed", lambda device: speeds[device.index])
    Cards(monkeypatch, ("a", 20, 24), ("b", 40, 48))
    assert [budget.speed for budget in device_budgets(candidates("auto"), 2)] == [1.0, 2.5]
    for cards, native in (
        ((("a", 10, 24), ("old", 30, 32, 7, 5)), 0),
        ((("old", 15, 16, 7, 0), ("a", 70, 80)), 1),
    ):
        Cards(monkeypatch, *cards)
        (budget,) = device_budgets(candidates("auto"), 2)
        assert budget.device.index == native
        assert resolve_dtype(budget.device) == torch.bfloat16
    Cards(monkeypatch, ("old", 15, 16, 7, 5), ("old", 14, 16, 7, 5))
    assert len(device_budgets(candidates("auto"), 2)) == 2


def test_a_hidden_card_is_told(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ModelError, match="No CUDA device was found"):
        resolve_device("cuda")
    (budget,) = device_budgets(candidates("auto"), 2)
    assert budget.device.type == "cpu"


def test_weights_are_counted_in_the_format_that_they_are_computed_in():
    config = LlamaConfig(**SMALL, dtype=torch.bfloat16)
    assert _needs(config, torch.float32).weights == pytest.approx(
        2 * _needs(config, torch.bfloat16).weights, rel=1e-3
    )


@pytest.mark.parametrize(
    ("told", "bits"),
    [
        ({"quant_method": "gptq", "bits": 4}, 4),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, 4),
        ({"quant_method": "fp8"}, 8),
        ({"quant_method": "unheard-of"}, 16),
    ],
)
def test_quantised_layers_are_as_small_as_they_are_stored(told, bits):
    whole = _needs(LlamaConfig(**SMALL))
    model = _meta(LlamaConfig(**SMALL), torch.bfloat16)
    model.config.quantization_config = told
    needs = needs_of(model, structure_of(model), "m")
    share = 1.0 if bits == 16 else 1.1 * bits / 16
    assert sum(needs.layer_weights) == pytest.approx(share * sum(whole.layer_weights), rel=1e-3)
    assert needs.first_weights == whole.first_weights


def test_latent_attention_keeps_whole_heads():
    config = DeepseekV2Config(
        **{**SMALL, "num_key_value_heads": 4, "num_hidden_layers": 2},
        kv_lora_rank=16,
        q_lora_rank=None,
        qk_nope_head_dim=16,
        qk_rope_head_dim=8,
        v_head_dim=12,
        first_k_dense_replace=2,
    )
    assert _needs(config).kv_per_token == 4 * (16 + 8 + 12) * 2


def test_on_a_cpu_no_gpu_is_advised():
    cpu = [DeviceBudget(torch.device("cpu"), "cpu", 100)]
    with pytest.raises(ModelError, match="missing on cpu") as error:
        place_stages(_needs(LLAMA_8B), cpu, 1024)
    assert "GPU" not in error.value.hint
