"""Every pair: questions and answers, and documents in dense mode."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from ..sparsity.sparse_attention import sparse_attention
from .backend import AttentionBackend, Selection
from .sink_logits import with_sink_logits
from .sliding_window import sliding_window_attention


class DenseBackend(AttentionBackend):
    """Causal attention over all keys, or over a layer's window."""

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
        """See `AttentionBackend.attend`; carries out any selection."""
        if window is not None:
            out, lse = sliding_window_attention(q, k, v, window=window, scale=scale)
        else:
            plan = None if selection is None else selection.plan
            if plan is not None and sink_logits is not None:
                plan = replace(plan, tail=None)  # sinks are weighed against the kept keys alone
            out, lse = sparse_attention(q, k, v, plan, scale=scale)
        if sink_logits is not None:
            out = with_sink_logits(out, lse, sink_logits)
        return out, lse
