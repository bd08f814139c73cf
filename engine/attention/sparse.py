"""Sparse prefill: each chunk computes what its selection keeps."""

from __future__ import annotations

from torch import Tensor

from ..sparsity import select
from ..sparsity.prefill_config import PrefillConfig
from .backend import Selection
from .dense import DenseBackend


class SparseBackend(DenseBackend):
    """SampleAttention's selection, with SparseAccelerate's choice among patterns."""

    selects = True

    def __init__(self, config: PrefillConfig) -> None:
        """The configuration is resolved: nothing is measured here."""
        self._config = config

    def select(self, q: Tensor, k: Tensor, *, scale: float) -> Selection | None:
        """See `AttentionBackend.select`."""
        selected = select(q, k, scale=scale, settings=self._config.selection_for(q, k))
        return None if selected is None else Selection(*selected)
