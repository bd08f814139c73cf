"""The gated MLP with its gate in one kernel."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from ...kernels.gate import gate_in_place, gate_supported

_LINEAR = ("gate_proj", "up_proj", "down_proj")
_ROWS = 8  # of the trial
_SCALES = (1.0, 1000.0)  # of its inputs: some models clamp what is large
_CLOSE = 2**-7  # of the outputs' norm; each way rounds to bfloat16 at other places


class GatedMLP(nn.Module):
    """down(silu(gate(x)) * up(x)), with the linear layers of another module under their names."""

    def __init__(self, mlp: nn.Module) -> None:
        super().__init__()
        self.gate_proj, self.up_proj, self.down_proj = (_linear(mlp, name) for name in _LINEAR)

    def forward(self, x: Tensor) -> Tensor:
        gate: Tensor = self.gate_proj(x)
        gate_in_place(gate, self.up_proj(x))
        down: Tensor = self.down_proj(gate)
        return down


def _linear(mlp: nn.Module, name: str) -> nn.Linear:
    layer = getattr(mlp, name)
    assert isinstance(layer, nn.Linear)
    return layer


@torch.inference_mode()
def fuse_gates(model: PreTrainedModel) -> int:
    """Replace every MLP of this form on a GPU that gives the same on random rows; how many."""
    found = [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if all(isinstance(getattr(child, part, None), nn.Linear) for part in _LINEAR)
        and not isinstance(child, GatedMLP)
    ]
    replaced = 0
    for parent, name, mlp in found:
        fused = GatedMLP(mlp).train(False)
        if _has_silu(mlp) and gate_supported(fused.gate_proj.weight) and _same(mlp, fused):
            setattr(parent, name, fused)
            replaced += 1
    return replaced


def _has_silu(mlp: nn.Module) -> bool:
    """Another activation can look the same in a trial with small weights."""
    activation = getattr(mlp, "act_fn", None)
    if not isinstance(activation, nn.Module):
        return False
    x = torch.linspace(-8.0, 8.0, 65)
    return torch.allclose(activation(x), nn.functional.silu(x))


def _same(mlp: nn.Module, fused: GatedMLP) -> bool:
    weight = fused.gate_proj.weight
    generator = torch.Generator(weight.device).manual_seed(0)
    rows = torch.randn(_ROWS, weight.shape[1], generator=generator, device=weight.device)
    for scale in _SCALES:
        scaled = (scale * rows).to(weight.dtype)
        expected, found = mlp(scaled).float(), fused(scaled).float()
        if not bool((found - expected).norm() <= _CLOSE * expected.norm()):
            return False
    return True
