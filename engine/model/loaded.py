"""A model, ready to read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import chain
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

    @cached_property
    def weights_bytes(self) -> dict[torch.device, int]:
        """Bytes of parameters and buffers on each device; what several share counts once.

        Summed once: the figures of the screen ask a few times a second.
        """
        sizes: dict[tuple[torch.device, int], int] = {}  # of a storage, by device and address
        for tensor in chain(self.model.parameters(), self.model.buffers()):
            storage = tensor.untyped_storage()
            sizes[tensor.device, storage.data_ptr()] = storage.nbytes()
        found = dict.fromkeys((device for device, _ in sizes), 0)
        for (device, _), size in sizes.items():
            found[device] += size
        return found
