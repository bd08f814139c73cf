"""How a layer attends: one strategy behind two methods."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ..sparsity import Sample, SparsePlan


@dataclass(frozen=True)
class Selection:
    """What a backend keeps of a chunk, and the rows by which its recall is measured."""

    plan: SparsePlan
    sample: Sample | None  # None: not measured


class AttentionBackend(ABC):
    """A strategy of attention.  One serves all layers and chunks of a prefill.

    Letters: H query heads, G kv heads, C rows of the chunk, N keys so far, D head_dim.
    """

    selects: ClassVar[bool] = False
    """Whether `select` may keep less than everything."""

    def select(self, layer: int, q: Tensor, k: Tensor, *, scale: float) -> Selection | None:
        """What the chunk's queries q [H, C, D] keep, in this layer, of all keys so far k [G, N, D];
        None is everything.  Does not wait for the device."""
        return None

    @abstractmethod
    def attend(
        self,
        layer: int,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        selection: Selection | None,
        *,
        scale: float,
        window: int | None = None,
        sink_logits: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Attention over what was selected.

        Args:
            q: [H, C, D] at positions [N - C, N); k, v: [G, N, D], all keys so far.
            window: keys that a row sees, its own the last of them; such a layer is computed whole.
            sink_logits: [H], logits of the softmax's denominator that have no value.
        Returns:
            out [H, C, D] in the type of `q`, and lse [H, C] float32 over the kept keys, without
            the sinks; None where the backend does not know it.
        """
