"""PyTorch's fused norm in the place of a model's own, which `transformers` writes out.

Written out, the norms of an 8B Llama are seven launches each and take a tenth of its prefill on an
H100; PyTorch's operator is one.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

_ROWS = 8  # of the trial
_CLOSE = 2**-7  # relative; two of bfloat16's steps, as each way rounds once more than the other


@torch.inference_mode()
def fuse_norms(model: PreTrainedModel) -> int:
    """Replace every RMS norm that PyTorch's is proven equal to on random rows; how many.

    The weight stays where it is, under the same name.  What scales otherwise, such as
    Gemma's norms, stays as it is.
    """
    found = [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if type(child).__name__.endswith("RMSNorm") and not isinstance(child, nn.RMSNorm)
    ]
    replaced = 0
    for parent, name, norm in found:
        fused = _fused(norm)
        if fused is not None:
            setattr(parent, name, fused)
            replaced += 1
    return replaced


def _fused(norm: nn.Module) -> nn.RMSNorm | None:
    """One that gives what `norm` gives, or None."""
    weight = getattr(norm, "weight", None)
    epsilon = getattr(norm, "variance_epsilon", getattr(norm, "eps", None))
    if not isinstance(weight, Tensor) or weight.dim() != 1 or not isinstance(epsilon, float):
        return None
    fused = nn.RMSNorm(len(weight), eps=epsilon, device="meta")
    fused.weight = nn.Parameter(weight, requires_grad=False)
    generator = torch.Generator(weight.device).manual_seed(0)
    rows = torch.randn(_ROWS, len(weight), generator=generator, device=weight.device)
    rows = (3.0 * rows).to(weight.dtype)
    expected, found = norm(rows).float(), fused(rows).float()
    if not torch.allclose(found, expected, rtol=_CLOSE, atol=1e-5):
        return None
    return fused.train(False)
