"""Rotary position embedding of queries and keys in one kernel."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from ...kernels.rotary import rotate, rotate_supported

_NAME = "apply_rotary_pos_emb"  # in the file of every family that `transformers` has
_SIZE, _ROWS = 32, 8  # of the trial

Rotary = Callable[..., tuple[Tensor, Tensor]]


class FusedRotary:
    """In the place of a family's function: the same by one kernel, or else by that function."""

    def __init__(self, original: Rotary) -> None:
        self._original = original

    def __call__(
        self, q: Tensor, k: Tensor, cos: Tensor, sin: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        trains = torch.is_grad_enabled() and (q.requires_grad or k.requires_grad)
        if args or kwargs or trains or not rotate_supported(q, k, cos, sin):
            return self._original(q, k, cos, sin, *args, **kwargs)
        return rotate(q, k, cos, sin)


@torch.inference_mode()
def fuse_rotary(model: PreTrainedModel) -> int:
    """Replace the functions of the model's family that rotate the two halves of a head; how many.

    They stay replaced for all models of the family in this process, which changes nothing for
    those elsewhere than on a GPU.
    """
    replaced = 0
    for file in {type(module).__module__ for module in model.modules()}:
        original = getattr(sys.modules[file], _NAME, None)
        if original is None or isinstance(original, FusedRotary):
            continue
        if _same(original, model.device):
            setattr(sys.modules[file], _NAME, FusedRotary(original))
            replaced += 1
    return replaced


def _same(original: Rotary, device: torch.device) -> bool:
    generator = torch.Generator(device).manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, device=device)

    q, k = draw(1, 4, _ROWS, _SIZE), draw(1, 2, _ROWS, _SIZE)
    cos, sin = draw(1, _ROWS, _SIZE), draw(1, _ROWS, _SIZE)
    if not rotate_supported(q, k, cos, sin):
        return False
    try:
        expected = original(q, k, cos, sin)
    except (TypeError, ValueError, RuntimeError):  # a function of another form
        return False
    found = rotate(q, k, cos, sin)
    return all(
        torch.allclose(mine, theirs, atol=1e-5, rtol=1e-5)
        for mine, theirs in zip(found, expected, strict=True)
    )
