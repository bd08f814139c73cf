"""What attention computed and kept, over the layers and chunks of a prefill."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..platform.stopwatch import Stopwatch
from ..sparsity import held_out_recall
from ..sparsity.plan import causal_pairs
from ..sparsity.prefill_config import AttentionShape
from .backend import Selection
from .sliding_window import windowed_pairs


@dataclass(frozen=True)
class RecallSummary:
    """Recall over rows: mean, 5th percentile, minimum (SampleAttention's CRA)."""

    mean: float = 1.0
    p5: float = 1.0
    minimum: float = 1.0


@dataclass(frozen=True)
class PairCounts:
    """(query, key) pairs of all layers.  Those of a GPU may be read once the work queued before
    is done.

    The causal pairs of a sliding-window layer are those within its window: what the model never
    looks at is nothing that the engine leaves out.
    """

    computed: tuple[Tensor, ...]  # of each layer int64 [H], on the host
    causal: tuple[int, ...]  # of each layer and one head

    @property
    def density(self) -> float:
        """Computed pairs / causal pairs, over all layers and heads; 1.0 before any."""
        layers = zip(self.computed, self.causal, strict=True)
        causal = sum(each * len(heads) for heads, each in layers)
        return sum(int(heads.sum()) for heads in self.computed) / causal if causal else 1.0

    @property
    def density_by_head(self) -> tuple[tuple[float, ...], ...]:
        """[layers][H], as `density`."""
        return tuple(
            tuple(pairs / causal for pairs in heads.tolist())
            for heads, causal in zip(self.computed, self.causal, strict=True)
        )


@dataclass(frozen=True)
class StatsMark:
    """What `AttentionStats.back_to` goes back to."""

    computed: dict[int, Tensor]
    causal: dict[int, int]
    chunks: int


class AttentionStats:
    """Counts what every layer's attention computed; waits for no device.

    The counts are of document tokens alone if, as in the prefill, only their forward passes
    carry them.
    """

    def __init__(self) -> None:
        self.selecting = Stopwatch()
        self.calls = 0  # one a layer and forward pass
        self.windows: dict[int, int] = {}  # layer -> its window, where it has one
        self.shapes: dict[int, AttentionShape] = {}  # layer -> its heads, where it has none
        self._computed: dict[int, Tensor] = {}  # layer -> int64 [H]
        self._causal: dict[int, int] = {}  # layer -> of one head
        self._recall: list[Tensor] = []  # of held-out rows, each [n]

    def record(
        self,
        layer: int,
        q: Tensor,
        k: Tensor,
        lse: Tensor | None,
        selection: Selection | None,
        window: int | None,
    ) -> None:
        """One layer's attention of q [H, C, D] over k [G, N, D], which left lse [H, C]."""
        self.calls += 1
        start, end = k.shape[1] - q.shape[1], k.shape[1]
        if window is not None:
            self.windows[layer] = window
            pairs = windowed_pairs(start, end, window)
        else:
            if layer not in self.shapes:
                self.shapes[layer] = AttentionShape.of(q, k)
            pairs = causal_pairs(start, end)
        if selection is None:
            self._add(layer, torch.full((q.shape[0],), pairs, device=q.device), pairs)
            return
        self._add(layer, selection.plan.pairs_computed, pairs)
        if selection.sample is not None:
            assert lse is not None
            self._recall.append(held_out_recall(lse, selection.sample).flatten())

    def counts(self) -> PairCounts:
        """What has been computed so far; does not wait for queued work."""
        layers = sorted(self._computed)
        heads = [self._computed[layer].to("cpu", non_blocking=True) for layer in layers]
        return PairCounts(tuple(heads), tuple(self._causal[layer] for layer in layers))

    @property
    def recall(self) -> RecallSummary:
        """Kept attention mass of the held-out rows; 1.0 where every chunk was dense."""
        if not self._recall:
            return RecallSummary()
        by_device = defaultdict(list)  # a copy of each chunk's would wait for the device each time
        for rows in self._recall:
            by_device[rows.device].append(rows)
        all_rows = torch.cat([torch.cat(some).cpu() for some in by_device.values()]).numpy()
        percentile = float(np.percentile(all_rows, 5))
        return RecallSummary(float(all_rows.mean()), percentile, float(all_rows.min()))

    def mark(self) -> StatsMark:
        """The state to go back to when a forward pass fails half-way."""
        return StatsMark(dict(self._computed), dict(self._causal), len(self._recall))

    def back_to(self, mark: StatsMark) -> None:
        """Forget what was counted since `mark`."""
        self._computed, self._causal = dict(mark.computed), dict(mark.causal)
        del self._recall[mark.chunks :]

    def _add(self, layer: int, computed: Tensor, causal: int) -> None:
        before = self._computed.get(layer)
        # A new tensor each time: one that was counted stays as it is.
        self._computed[layer] = computed if before is None else before + computed
        self._causal[layer] = self._causal.get(layer, 0) + causal
