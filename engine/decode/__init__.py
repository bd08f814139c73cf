"""Tokens one by one, and text from them."""

from .generate import StopReason, generate, greedy
from .text import TextStream

__all__ = ["StopReason", "TextStream", "generate", "greedy"]
