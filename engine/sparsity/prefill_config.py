"""How a document is read: one frozen policy, complete before the prefill begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from .settings import SelectionSettings


@dataclass(frozen=True)
class AttentionShape:
    """The heads of a layer, and where they are computed."""

    heads: int  # query heads, H
    kv_heads: int  # G
    head_dim: int  # D
    dtype: str  # of the queries, as torch names it: "bfloat16"
    device: str  # "cpu", or the kind of an accelerator with a number

    @classmethod
    def of(cls, q: Tensor, k: Tensor) -> AttentionShape:
        """The shape of q [H, C, D] over k [G, N, D]."""
        dtype = str(q.dtype).removeprefix("torch.")
        return cls(len(q), len(k), q.shape[-1], dtype, str(q.device))


@dataclass(frozen=True)
class PrefillConfig:
    """The policy of one prefill.

    `autotune.resolve` fills `tuned` in where the method `auto` depends on the machine; nothing is
    measured later.  A layer whose shape is not among them, or that was given none, takes
    `selection` as it is: without a break-even length `auto` is dense there.
    """

    mode: Literal["sparse", "dense"] = "sparse"
    selection: SelectionSettings = field(default_factory=SelectionSettings)
    chunk_tokens: int | None = None  # of a forward pass; None: the platform's own
    document_nll: bool = False  # measure how well the model predicts the document
    tuned: Mapping[AttentionShape, SelectionSettings] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert self.mode in ("sparse", "dense")
        assert self.chunk_tokens is None or self.chunk_tokens >= 1

    @property
    def dense(self) -> bool:
        """Whether every pair is computed, whatever the document: dense mode, or alpha 1."""
        selection = self.selection
        return self.mode == "dense" or (selection.density is None and selection.alpha >= 1.0)

    @property
    def depends_on_machine(self) -> bool:
        """Whether `auto` chooses by what attention costs here."""
        selection = self.selection
        auto = selection.method == "auto" and selection.density is None
        return not self.dense and auto and selection.break_even is None

    def selection_for(self, q: Tensor, k: Tensor) -> SelectionSettings:
        """The settings of a layer with these queries [H, C, D] and keys [G, N, D]."""
        return self.tuned.get(AttentionShape.of(q, k), self.selection)
