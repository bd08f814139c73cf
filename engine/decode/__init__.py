"""The answer, token by token."""

from .generate import StopReason, generate, greedy
from .sampling import Sampling
from .verbatim import VerbatimDocument

__all__ = ["Sampling", "StopReason", "VerbatimDocument", "generate", "greedy"]
