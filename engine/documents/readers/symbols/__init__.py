"""What the source files of most languages declare at their top, found by how it looks."""

from __future__ import annotations

from .finding import SYMBOL_SUFFIXES, symbols

__all__ = ["SYMBOL_SUFFIXES", "symbols"]
