"""Device and number format, by what the machine can do."""

from __future__ import annotations

import torch

from ..errors import ModelError
from ..kernels.instructions import has_amx, has_avx512_bf16


def resolve_device(wanted: str) -> torch.device:
    """The device for "auto", "cpu" or "cuda".  Raises `ModelError` for a GPU that is not there."""
    has_cuda = torch.cuda.is_available()
    if wanted == "cuda" and not has_cuda:
        raise ModelError(
            "No CUDA device was found, or this PyTorch was built without CUDA.",
            "Use --device cpu, or install a PyTorch built for CUDA.",
        )
    if wanted == "cpu" or not has_cuda:
        return torch.device("cpu")
    return torch.device("cuda", torch.cuda.current_device())


def resolve_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device multiplies it natively, else float32."""
    if device.type == "cuda":
        native = torch.cuda.get_device_capability(device) >= (8, 0)
    else:
        native = has_avx512_bf16() or has_amx()  # without them it is slower than float32
    return torch.bfloat16 if native else torch.float32
