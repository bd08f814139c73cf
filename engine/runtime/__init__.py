"""`ModelRunner`: the one object that owns a model, a cache and its graphs."""

from .results import ChunkReport, PrefillResult
from .runner import ModelRunner
from .sampling import Sampling, greedy

__all__ = ["ChunkReport", "ModelRunner", "PrefillResult", "Sampling", "greedy"]
