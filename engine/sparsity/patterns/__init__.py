"""Candidate patterns: each proposes, for every head, what to keep so that it holds enough mass.

`proposals` maps the names of `config.METHODS` to them; a pattern can be used alone, or the
joined rule takes the cheapest for each head.
"""

from __future__ import annotations

from .base import Pattern, Proposal, Request
from .blocks import BlockCluster
from .columns import Triangular, WindowColumns
from .slashes import ColumnsSlashes, IntervalSlash

PATTERNS: dict[str, Pattern] = {
    "triangular": Triangular(),
    "window-columns": WindowColumns(),
    "columns-slashes": ColumnsSlashes(),
    "interval-slash": IntervalSlash(),
    "block-cluster": BlockCluster(),
}

__all__ = ["PATTERNS", "Pattern", "Proposal", "Request"]
