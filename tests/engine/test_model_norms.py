"""PyTorch's norm takes the place of a model's own only where it gives the same."""

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM, Gemma3TextConfig, LlamaConfig, Qwen3Config

from sa_chat.engine.model.norms import fuse_norms

SMALL = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "vocab_size": 97,
    "pad_token_id": 0,
}


def _model(config, dtype):
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(config).to(dtype).eval()
    for name, weight in model.named_parameters():
        if "norm" in name:
            weight.data.uniform_(0.5, 2.0)
    return model


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("config", "norms"),
    [(LlamaConfig(**SMALL), 5), (Qwen3Config(**SMALL), 9)],
    ids=["llama", "qwen3"],
)
def test_the_fused_norms_give_the_same_logits(config, norms, dtype):
    model = _model(config, dtype)
    names = [name for name, _ in model.named_parameters()]
    ids = torch.arange(40)[None]
    with torch.inference_mode():
        before = model(ids).logits.float()
        assert fuse_norms(model) == norms
        after = model(ids).logits.float()
    assert sum(isinstance(module, nn.RMSNorm) for module in model.modules()) == norms
    assert [name for name, _ in model.named_parameters()] == names
    close = 1e-5 if dtype == torch.float32 else 2e-2
    assert (after - before).norm() / before.norm() < close
    assert fuse_norms(model) == 0


def test_norms_that_scale_otherwise_stay():
    model = _model(Gemma3TextConfig(**SMALL), torch.float32)
    assert fuse_norms(model) == 0
