"""What the CPU multiplies natively.

The probes are private in PyTorch, hence the look before the call.
"""

from __future__ import annotations

import torch


def has_avx512_bf16() -> bool:
    """Vector instructions for bfloat16."""
    return _probe("_is_avx512_bf16_supported")


def has_amx() -> bool:
    """Matrix instructions, for bfloat16 among others."""
    return _probe("_is_amx_tile_supported")


def _probe(name: str) -> bool:
    return bool(getattr(torch.cpu, name, bool)())
