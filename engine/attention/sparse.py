"""Sparse prefill: each chunk computes what its selection keeps."""

from __future__ import annotations

from collections import defaultdict

from torch import Tensor

from ..sparsity import select
from ..sparsity.guarantee import PeakCounts
from ..sparsity.prefill_config import PrefillConfig
from .backend import Selection
from .dense import DenseBackend


class SparseBackend(DenseBackend):
    """SampleAttention's selection, with SparseAccelerate's choice among patterns.

    Serves one prefill: what a chunk shows of a layer's heads counts for the later ones.
    """

    selects = True

    def __init__(self, config: PrefillConfig) -> None:
        """The configuration is resolved: nothing is measured here."""
        self._config = config
        self._seen: defaultdict[int, PeakCounts] = defaultdict(PeakCounts)  # by layer

    def select(self, layer: int, q: Tensor, k: Tensor, *, scale: float) -> Selection | None:
        """See `AttentionBackend.select`."""
        settings = self._config.selection_for(q, k)
        selected = select(q, k, scale=scale, settings=settings, seen=self._seen[layer])
        return None if selected is None else Selection(*selected)
