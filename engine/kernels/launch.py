"""What the Triton kernels share: where they can run, and what they are launched with."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

HAS_TRITON = find_spec("triton") is not None  # there is none outside of Linux on x86-64
if HAS_TRITON:
    from triton.tools.tensor_descriptor import TensorDescriptor

LOG2_E = 1.0 / math.log(2.0)
_AMPERE = (8, 0)  # compute capability
_LARGEST_HEAD_DIM = 256
_SMALLEST_HEAD_DIM = 16  # what tensor cores multiply at least
_HEAD_DIM_MULTIPLE = 8  # a row of a tensor descriptor is a multiple of 16 bytes
_LARGE_SHARED_BYTES = 226 * 1024  # what a program can have on Hopper and the large Blackwells


def tensor_cores_supported(q: Tensor) -> bool:
    """Whether the attention kernels can compute queries like these on their GPU."""
    return (
        HAS_TRITON
        and q.device.type == "cuda"
        and q.dtype in (torch.bfloat16, torch.float16)
        and q.shape[-1] <= _LARGEST_HEAD_DIM
        and q.shape[-1] % _HEAD_DIM_MULTIPLE == 0
        and _capability(q.device) >= _AMPERE
    )


def elementwise_supported(tensor: Tensor) -> bool:
    """Whether kernels without matrix products can compute with the tensor on its GPU."""
    return (
        HAS_TRITON
        and tensor.device.type == "cuda"
        and tensor.dtype in (torch.bfloat16, torch.float16, torch.float32)
        and _capability(tensor.device) >= _AMPERE
    )


def has_large_shared_memory(tensor: Tensor) -> bool:
    """Whether a program on this tensor's GPU can have 226 KB of shared memory; else 99."""
    return tensor.device.type == "cuda" and _shared_bytes(tensor.device) >= _LARGE_SHARED_BYTES


@cache  # asking takes as long as a launch does
def _capability(device: torch.device) -> tuple[int, int]:
    return torch.cuda.get_device_capability(device)


@cache
def _shared_bytes(device: torch.device) -> int:
    """The most shared memory that a program can have, in bytes."""
    properties = torch.cuda.get_device_properties(device)
    most: int = getattr(properties, "shared_memory_per_block_optin")  # noqa: B009 (not in its stub)
    return most


def device_of(tensor: Tensor) -> AbstractContextManager[object]:
    """A context to launch in: Triton launches on the current device, wherever its tensors are."""
    device = tensor.device
    if device.type != "cuda" or device.index == torch.cuda.current_device():
        return nullcontext()
    return torch.cuda.device(device)


def padded_head_dim(head_dim: int) -> int:
    """The head size as blocks have it: a power of two, at least 16."""
    return max(_SMALLEST_HEAD_DIM, 1 << (head_dim - 1).bit_length())


def descriptor(tensor: Tensor, rows: int) -> Any:
    """A descriptor of [heads, N, D] that loads blocks [1, `rows`, padded D]; zeros outside."""
    block = [1, rows, padded_head_dim(tensor.shape[-1])]
    return TensorDescriptor(tensor, list(tensor.shape), list(tensor.stride()), block)
