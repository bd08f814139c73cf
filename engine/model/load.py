"""From a configuration to a model in memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import torch
from transformers import PreTrainedModel

from sa_chat.protocol.config import EMBEDDED_MODEL, EngineConfig

from ..attention import register
from .check import local_folder, reader_folder
from .embedded import load_reader
from .fit import fitting
from .fused import fuse
from .loaded import LoadedModel
from .placement import candidates, resolve_device, resolve_dtype, rooms
from .pretrained import load_pretrained
from .support import probe


def load_model(
    config: EngineConfig,
    *,
    progress: Callable[[str, float], None],
    dtype: torch.dtype | None = None,
    tokens: int = 0,
    devices: tuple[torch.device, ...] | None = None,
) -> LoadedModel:
    """Load the model that `config` names onto the device that it names, or over two GPUs.

    Args:
        progress: called with the stage "model" and a fraction from 0 to 1.
        dtype: forces the number format; None takes the best that the device has.
        tokens: how many the cache will hold; GPUs must have room for them.
        devices: to choose from; None is all that `config` allows.
    Raises:
        ModelError: it cannot be found, read or used; message and hint say why.
    """
    began = time.perf_counter()
    progress("model", 0.0)
    register()
    folder: Path | None
    if config.model == EMBEDDED_MODEL:
        device = resolve_device(config.device) if devices is None else devices[0]
        devices = (device,)
        dtype = resolve_dtype(device) if dtype is None else dtype
        name = "embedded reader"
        with ExitStack() as stack, fitting(f"The {name}", devices):
            folder = reader_folder(stack)
            model = load_reader(folder, device, dtype, lambda part: progress("model", 0.9 * part))
            if device.type == "cuda":
                fuse(model)
    else:
        folder = local_folder(config.model)
        source = config.model if folder is None else str(folder)
        allowed = rooms(devices or candidates(config.device), config.gpus)
        dtype = resolve_dtype(allowed[0].device) if dtype is None else dtype
        placed = load_pretrained(
            source,
            allowed,
            dtype,
            local=folder is not None,
            tokens=tokens,
            progress=lambda part: progress("model", 0.9 * part),
            kv_cache_dtype=config.kv_cache_dtype,
        )
        model, devices = placed.model, placed.devices
        name = config.model if folder is None else folder.resolve().name
    with fitting(f"The {name}" if config.model == EMBEDDED_MODEL else f"The model {name}", devices):
        probe(model, devices[0])
    loaded = _describe(model, name, folder, dtype, devices, time.perf_counter() - began)
    progress("model", 1.0)
    return loaded


def _describe(
    model: PreTrainedModel,
    name: str,
    folder: Path | None,
    dtype: torch.dtype,
    devices: tuple[torch.device, ...],
    load_s: float,
) -> LoadedModel:
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
    )
