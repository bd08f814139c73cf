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
    devices: tuple[torch.device, ...]  # in the order in which its layers are worked through
    load_s: float
    folder: Path | None  # its config and tokenizer; None: the hub id `name`

    @property
    def device(self) -> torch.device:
        """Where token ids go in."""
        return self.devices[0]

    @property
    def cuda_devices(self) -> tuple[int, ...]:
        """Indices of the GPUs that hold a part of it."""
        return tuple(sorted(d.index or 0 for d in self.devices if d.type == "cuda"))
