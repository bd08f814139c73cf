"""Chunk by chunk through the model: the document sparsely, everything after it densely."""

from ..attention import Cancelled
from .extend import extend
from .forward import forward
from .prefill import ChunkReport, PrefillResult, prefill

__all__ = ["Cancelled", "ChunkReport", "PrefillResult", "extend", "forward", "prefill"]
