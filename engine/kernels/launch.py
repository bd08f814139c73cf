"""What the Triton kernels share: where they can run, and on which device they are launched."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec

import torch
from torch import Tensor

HAS_TRITON = find_spec("triton") is not None  # there is none outside of Linux on x86-64
_AMPERE = (8, 0)
_LARGEST_HEAD = 256
_SMALLEST_HEAD = 16  # what tensor cores multiply at least


def on_tensor_cores(q: Tensor) -> bool:
    """Whether the attention kernels can compute queries like these on their GPU."""
    return (
        HAS_TRITON
        and q.device.type == "cuda"
        and q.dtype in (torch.bfloat16, torch.float16)
        and q.shape[-1] <= _LARGEST_HEAD
        and torch.cuda.get_device_capability(q.device) >= _AMPERE
    )


def device_of(tensor: Tensor) -> AbstractContextManager[object]:
    """Around a launch: Triton launches on the current device, whatever its tensors are on."""
    return torch.cuda.device(tensor.device) if tensor.device.type == "cuda" else nullcontext()


def padded(size: int) -> int:
    """The head size as blocks have it."""
    return max(_SMALLEST_HEAD, 1 << (size - 1).bit_length())
