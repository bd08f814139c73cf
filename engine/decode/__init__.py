"""The answer, token by token."""

from .generate import StopReason, generate, greedy
from .verbatim import VerbatimDocument

__all__ = ["StopReason", "VerbatimDocument", "generate", "greedy"]
