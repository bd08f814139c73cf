"""The inputs of one attention layer, and the simplest way to generate them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..presets import HeadShape


@dataclass(frozen=True)
class Inputs:
    """One layer's attention inputs: q [H, L, D]; k, v [G, L, D]."""

    q: Tensor
    k: Tensor
    v: Tensor

    @property
    def length(self) -> int:
        return self.q.shape[1]

    @property
    def scale(self) -> float:
        """Factor on q @ k.T before the softmax."""
        return float(self.q.shape[-1] ** -0.5)


def random_inputs(
    shape: HeadShape, length: int, *, seed: int, device: torch.device, dtype: torch.dtype
) -> Inputs:
    """Standard normal values: every head needs most keys."""
    generator = torch.Generator(device).manual_seed(seed)

    def normal(heads: int) -> Tensor:
        out = torch.empty(heads, length, shape.head_size, device=device, dtype=dtype)
        for head in out:
            head.copy_(torch.randn(head.shape, generator=generator, device=device))
        return out

    return Inputs(normal(shape.heads), normal(shape.kv_heads), normal(shape.kv_heads))
