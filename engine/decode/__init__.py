"""The answer, token by token."""

from .generate import StopReason, generate, greedy

__all__ = ["StopReason", "generate", "greedy"]
