"""Candidate patterns: each proposes, for every head, keys that hold enough attention mass.

`PATTERNS` maps the names of `protocol.config.METHODS` to them; a pattern can be used alone, or
the method `auto` takes the cheapest for each head.
"""

from __future__ import annotations

from .base import Pattern, Proposal, Request
from .blocks import BlockCluster
from .slashes import IntervalSlash, VerticalSlash
from .vertical import AShape, LocalVertical

PATTERNS: dict[str, Pattern] = {
    "a-shape": AShape(),
    "local-vertical": LocalVertical(),
    "vertical-slash": VerticalSlash(),
    "interval-slash": IntervalSlash(),
    "block-cluster": BlockCluster(),
}

__all__ = ["PATTERNS", "Pattern", "Proposal", "Request"]
