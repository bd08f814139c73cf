"""What a prefill reports while it runs, and at its end."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..attention import HeadFigures, RecallSummary


@dataclass(frozen=True)
class ChunkReport:
    """One chunk more is in the cache.  Figures are over all chunks so far."""

    tokens_done: int
    tokens_total: int
    seconds: float  # since the prefill began
    density: float  # computed pairs / causal pairs
    density_by_head: tuple[tuple[float, ...], ...]  # [layers][H]
    select_s: float = 0.0  # of `seconds`; on a GPU with what the next chunk had of it by then


@dataclass(frozen=True)
class PrefillResult:
    """The document is in the cache."""

    tokens: int
    last_logits: Tensor  # [vocabulary], after the last token
    prefill_s: float  # without `select_s`
    select_s: float  # sampling and choosing keys
    density: float
    density_by_head: tuple[tuple[float, ...], ...]  # [layers][H]
    recall: RecallSummary  # of held-out rows; all 1.0 in dense mode
    nll: float | None = None  # of the document, nats a token; None unless asked for
    heads: tuple[HeadFigures, ...] = ()  # of those measured; empty unless asked for
