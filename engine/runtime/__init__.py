"""Chunk by chunk through the model: the document sparsely, everything after it densely."""

from .extend import extend
from .forward import forward, on_device
from .prefill import ChunkReport, PrefillResult, prefill

__all__ = ["ChunkReport", "PrefillResult", "extend", "forward", "on_device", "prefill"]
