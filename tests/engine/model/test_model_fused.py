"""What is fused takes the place of a model's own only where it gives the same."""

import os
import subprocess
import sys

import pytest
import torch
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    CohereConfig,
    Gemma3TextConfig,
    LlamaConfig,
    Phi3Config,
    Qwen2Config,
    Qwen3Config,
)

from sa_chat.engine.model.fused import fuse_gates, fuse_norms, fuse_rotary, gate, rotary

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


FAMILIES = [  # gates of two layers, rotary functions
    (LlamaConfig(**SMALL), 2, 1),
    (Qwen2Config(**SMALL), 2, 1),
    (Qwen3Config(**SMALL), 2, 1),
    (Phi3Config(**SMALL), 0, 1),  # gate and up in one product
    (Gemma3TextConfig(**SMALL), 0, 1),  # another activation
    (CohereConfig(**SMALL), 2, 0),  # rotates neighbours
]


def _check_gates_and_rotary(device: str, dtype: torch.dtype) -> None:
    for config, gates, functions in FAMILIES:
        model = _model(config, dtype).to(device)
        _restore(model)
        names = [name for name, _ in model.named_parameters()]
        ids = torch.arange(40, device=device)[None]
        with torch.inference_mode():
            before = model(ids).logits.float()
            assert fuse_rotary(model) == functions, config.model_type
            assert fuse_gates(model) == gates, config.model_type
            after = model(ids).logits.float()
        assert [name for name, _ in model.named_parameters()] == names
        close = 1e-5 if dtype == torch.float32 else 2e-2
        assert (after - before).norm() / before.norm() < close, config.model_type
        assert fuse_rotary(model) == fuse_gates(model) == 0


def _restore(model) -> None:
    """The family's own function, which an earlier test may have replaced in this process."""
    for file in {sys.modules[type(module).__module__] for module in model.modules()}:
        fused = getattr(file, "apply_rotary_pos_emb", None)
        if isinstance(fused, rotary.FusedRotary):
            file.apply_rotary_pos_emb = fused._original


def _interpreted() -> None:
    """Run by the test below in a process of its own, under the interpreter."""
    rotated = []
    rotate = rotary.rotate
    rotary.rotate_supported = lambda q, k, cos, sin: cos.shape == (1, *q.shape[2:])
    rotary.rotate = lambda *tensors: rotated.append(1) or rotate(*tensors)
    gate.gate_supported = lambda weight: True
    _check_gates_and_rotary("cpu", torch.float32)
    assert len(rotated) > 2 * len(FAMILIES)  # not only in the trials


def test_gates_and_rotary_embedding_give_the_same_logits():
    pytest.importorskip("triton")
    code = "import test_model_fused as test; test._interpreted()"
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    here = os.path.dirname(__file__)
    subprocess.run([sys.executable, "-c", code], cwd=here, env=environment, check=True)


class Clamped(torch.nn.Module):
    """A gated MLP as some families have it, whose gate is limited."""

    def __init__(self) -> None:
        super().__init__()
        self.gate_proj, self.up_proj = torch.nn.Linear(64, 96), torch.nn.Linear(64, 96)
        self.down_proj, self.act_fn = torch.nn.Linear(96, 64), torch.nn.SiLU()

    def forward(self, x):
        return self.down_proj(self.act_fn(self.gate_proj(x).clamp(max=7.0)) * self.up_proj(x))


def test_a_limit_that_small_numbers_never_reach_keeps_an_mlp(monkeypatch):
    monkeypatch.setattr(gate, "gate_supported", lambda weight: True)
    monkeypatch.setattr(
        gate, "gate_in_place", lambda x, up: x.copy_(torch.nn.functional.silu(x) * up)
    )
    torch.manual_seed(2)
    clamped = Clamped()
    model = torch.nn.Sequential(torch.nn.ModuleDict({"mlp": clamped}))
    assert fuse_gates(model) == 0
    monkeypatch.setattr(Clamped, "forward", gate.GatedMLP.forward)
    assert fuse_gates(model) == 1


def test_nothing_is_replaced_on_a_cpu():
    model = _model(LlamaConfig(**SMALL), torch.float32)
    assert fuse_rotary(model) == fuse_gates(model) == 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gates_and_rotary_embedding_on_a_gpu(dtype):
    _check_gates_and_rotary("cuda", dtype)
