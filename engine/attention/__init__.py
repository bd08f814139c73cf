"""Attention as `transformers` calls it: the plan of each chunk, carried out.

A forward pass gets a `Run` through the model's keyword arguments (`RUN_KEYWORD`); it says how
to attend and collects what was computed.
"""

from .context import Coverage, Run, StepRun
from .interface import NAME, RUN_KEYWORD, register

__all__ = ["NAME", "RUN_KEYWORD", "Coverage", "Run", "StepRun", "register"]
