"""Top-level symbols in the source files of most languages, found with patterns."""

from __future__ import annotations

from .finding import SYMBOL_SUFFIXES, symbols

__all__ = ["SYMBOL_SUFFIXES", "symbols"]
