"""A model, ready to read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import PreTrainedModel


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory that attends through `attention/`."""

    model: PreTrainedModel
    name: str  # as the user knows it
    parameters: int
    layers: int
    heads: int  # query heads of a layer
    context_tokens: int  # that the model declares
    dtype: torch.dtype
    device: torch.device  # where token ids go in
    load_s: float
    folder: Path | None  # its config and tokenizer; None: the hub id `name`

    @property
    def cuda_devices(self) -> tuple[int, ...]:
        """Indices of the GPUs that hold a part of it."""
        return tuple(
            sorted(
                {p.device.index or 0 for p in self.model.parameters() if p.device.type == "cuda"}
            )
        )
