"""The state of one prefill or answer: how to attend, and what it has cost so far."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ..cancellation import Stopped
from ..kernels.decode_attention import decode_attention
from ..platform.stopwatch import Stopwatch
from ..sparsity import Sample, SelectionSettings, SparsePlan, held_out_recall, select
from ..sparsity.autotune import calibrated
from ..sparsity.plan import causal_pairs
from ..sparsity.sparse_attention import sparse_attention
from .sink_logits import with_sink_logits
from .sliding_window import attend_windowed, windowed_pairs


@dataclass(frozen=True)
class Coverage:
    """Of rows: mean, 5th percentile, minimum."""

    mean: float = 1.0
    p5: float = 1.0
    minimum: float = 1.0


@dataclass(frozen=True)
class Counted:
    """Pairs of all layers.  Of a GPU they may be read once the work queued before is done.

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


def never() -> bool:
    """The cancellation check of work that cannot be cancelled."""
    return False


@dataclass
class Run:
    """Handed through the model's forward pass to every layer's attention.

    `selection` None means dense.  Figures count document tokens only if the caller uses a
    `Run` of its own for them, as the prefill does.
    """

    selection: SelectionSettings | None = None
    cancelled: Callable[[], bool] = never
    selecting: Stopwatch = field(default_factory=Stopwatch)
    calls: int = 0  # attention calls, one a layer and forward pass
    pairs_computed: dict[int, Tensor] = field(default_factory=dict)  # layer -> int64 [H]
    pairs_causal: dict[int, int] = field(default_factory=dict)  # layer -> of one head
    windows: dict[int, int] = field(default_factory=dict)  # layer -> its window, where it has one
    kept_mass: list[Tensor] = field(default_factory=list)  # of held-out rows, each [n]

    def attention(
        self,
        layer: int,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        scale: float,
        *,
        window: int | None = None,
        sink_logits: Tensor | None = None,
    ) -> Tensor:
        """One layer's attention, [H, C, D], for q [H, C, D] over all keys k, v [G, N, D].

        With a `window` a row sees that many keys, its own the last of them; such a layer is
        computed whole and never selected from.  `sink_logits`, [H], are logits of the softmax's
        denominator; selection and coverage are of the mass of the keys, without them.

        Raises `Stopped` before it computes anything when the work was cancelled.
        """
        if self.cancelled():
            raise Stopped
        self.calls += 1
        if window is not None:
            self.windows[layer] = window
            self._count_dense(layer, q, windowed_pairs(k.shape[1] - q.shape[1], k.shape[1], window))
            out, lse = attend_windowed(q, k, v, window=window, scale=scale)
        else:
            plan, sample = self._plan(q, k, scale)
            self._count(layer, q, k, plan)
            out, lse = sparse_attention(q, k, v, plan, scale=scale)
            if sample is not None:
                self.kept_mass.append(held_out_recall(lse, sample).flatten())
        return out if sink_logits is None else with_sink_logits(out, lse, sink_logits)

    def count(self) -> Counted:
        """What has been computed so far; does not wait for queued work."""
        layers = sorted(self.pairs_computed)
        heads = [self.pairs_computed[layer].to("cpu", non_blocking=True) for layer in layers]
        return Counted(tuple(heads), tuple(self.pairs_causal[layer] for layer in layers))

    def mark(self) -> tuple[dict[int, Tensor], dict[int, int], int]:
        """What `back_to` goes back to, when a forward pass has failed half-way."""
        return dict(self.pairs_computed), dict(self.pairs_causal), len(self.kept_mass)

    def back_to(self, mark: tuple[dict[int, Tensor], dict[int, int], int]) -> None:
        self.pairs_computed, self.pairs_causal, chunks = mark
        del self.kept_mass[chunks:]

    @property
    def coverage(self) -> Coverage:
        """Kept softmax mass of the held-out rows; 1.0 where every chunk was dense."""
        if not self.kept_mass:
            return Coverage()
        by_device = defaultdict(list)  # a copy of each chunk's would wait for the device each time
        for mass in self.kept_mass:
            by_device[mass.device].append(mass)
        rows = torch.cat([torch.cat(some).cpu() for some in by_device.values()]).numpy()
        return Coverage(float(rows.mean()), float(np.percentile(rows, 5)), float(rows.min()))

    def _plan(self, q: Tensor, k: Tensor, scale: float) -> tuple[SparsePlan | None, Sample | None]:
        if self.selection is None:
            return None, None
        settings = calibrated(self.selection, q, k)
        with self.selecting.running(q.device):
            selected = select(q, k, scale=scale, settings=settings)
        return selected or (None, None)

    def _count(self, layer: int, q: Tensor, k: Tensor, plan: SparsePlan | None) -> None:
        causal = causal_pairs(k.shape[1] - q.shape[1], k.shape[1])
        if plan is None:
            self._count_dense(layer, q, causal)
        else:
            self._add(layer, plan.pairs_computed, causal)

    def _count_dense(self, layer: int, q: Tensor, pairs: int) -> None:
        """All `pairs` of each head, and no more are causal."""
        self._add(layer, torch.full((q.shape[0],), pairs, device=q.device), pairs)

    def _add(self, layer: int, computed: Tensor, causal: int) -> None:
        before = self.pairs_computed.get(layer)
        # A new tensor each time: one that was counted stays as it is.
        self.pairs_computed[layer] = computed if before is None else before + computed
        self.pairs_causal[layer] = self.pairs_causal.get(layer, 0) + causal


@dataclass
class StepRun(Run):
    """One token over a cache whose length only the devices know, for CUDA graphs."""

    lengths: Mapping[torch.device, Tensor] = field(default_factory=dict)
    """On each device int64 [1]: how many keys there are, the token's own included."""
    buffers: Sequence[tuple[Tensor, ...]] = ()
    """Of each layer [1, G, capacity, .]: keys, values and, where these are int8, their scales."""

    def attention(
        self,
        layer: int,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        scale: float,
        *,
        window: int | None = None,
        sink_logits: Tensor | None = None,
    ) -> Tensor:
        """As `Run.attention`, over the first so many of the keys [1, G, capacity, D]; one row."""
        self.calls += 1
        length = self.lengths[q.device]
        keys, values, *scales = (buffer[0] for buffer in self.buffers[layer])
        return decode_attention(
            q,
            keys,
            values,
            length,
            scale=scale,
            window=window,
            sink_logits=sink_logits,
            kv_scales=scales,
        )
