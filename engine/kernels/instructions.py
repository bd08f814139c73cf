"""Which matrix formats the CPU multiplies natively.

The probes are private in PyTorch, hence the look before the call.
"""

from __future__ import annotations

import torch


def has_avx512_bf16() -> bool:
    """Whether there are vector instructions for bfloat16."""
    return _probe("_is_avx512_bf16_supported")


def has_amx() -> bool:
    """Whether there are matrix instructions, for bfloat16 among others."""
    return _probe("_is_amx_tile_supported")


def _probe(name: str) -> bool:
    return bool(getattr(torch.cpu, name, bool)())
