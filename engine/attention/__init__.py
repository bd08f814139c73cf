"""Attention as `transformers` calls it: a backend attends, stats count, a poll cancels.

A forward pass gets a `ForwardContext` through the model's keyword arguments (`CONTEXT_KEYWORD`).
"""

from .context import ForwardContext
from .dense import DenseBackend
from .head_figures import HeadFigures
from .head_probe import HeadProbe
from .interface import CONTEXT_KEYWORD, NAME, register
from .sparse import SparseBackend
from .stats import AttentionStats, PairCounts, RecallSummary

__all__ = [
    "CONTEXT_KEYWORD",
    "NAME",
    "AttentionStats",
    "DenseBackend",
    "ForwardContext",
    "HeadFigures",
    "HeadProbe",
    "PairCounts",
    "RecallSummary",
    "SparseBackend",
    "register",
]
