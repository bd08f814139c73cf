"""What a forward pass carries to every layer's attention."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..cancellation import Cancelled, never
from .backend import AttentionBackend
from .dense import DenseBackend
from .head_probe import HeadProbe
from .stats import AttentionStats


@dataclass(frozen=True)
class ForwardContext:
    """The strategy, the measuring and the cancellation of a forward pass, apart.

    Handed through the model's forward pass as the keyword argument `interface.CONTEXT_KEYWORD`.
    """

    backend: AttentionBackend = field(default_factory=DenseBackend)
    stats: AttentionStats | None = None  # None: nothing is counted
    cancelled: Cancelled = never
    probe: HeadProbe | None = None  # None: no single head is measured
