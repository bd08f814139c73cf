"""A model, ready to read."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path

import torch
from transformers import PreTrainedModel

from ..sparsity.prefill_config import AttentionShape
from .links import Link
from .support import probe


@dataclass
class DecodeGraphs:
    """Whether the steps of this model's answers can be captured as device graphs."""

    failed: bool = False  # a capture showed that they cannot


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
    attention_shapes: tuple[AttentionShape, ...] = ()  # of its layers without a window
    links: tuple[Link, ...] = ()  # between its devices
    quotes_only: bool = False  # it was trained to quote the document, and to do nothing else
    decode_graphs: DecodeGraphs = field(default_factory=DecodeGraphs)

    @property
    def device(self) -> torch.device:
        """Where token ids go in."""
        return self.devices[0]

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


def loaded_model(
    model: PreTrainedModel,
    name: str,
    *,
    dtype: torch.dtype,
    devices: tuple[torch.device, ...],
    load_s: float = 0.0,
    folder: Path | None = None,
    links: tuple[Link, ...] = (),
) -> LoadedModel:
    """The engine's view of a model, once a few tokens have proven that it attends through the
    engine.

    Raises `ModelError` if it does not, and `torch.OutOfMemoryError`.
    """
    shapes = probe(model, devices[0])
    config = model.config
    return LoadedModel(
        model=model,
        name=name,
        parameters=sum(p.numel() for p in model.parameters()),
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        context_tokens=config.max_position_embeddings,
        dtype=dtype,
        devices=devices,
        load_s=load_s,
        folder=folder,
        attention_shapes=shapes,
        links=links,
        quotes_only=bool(getattr(config, "quotes_only", False)),
    )
