"""From a configuration to a model in memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import torch

from sa_chat.protocol.config import EMBEDDED_MODEL, EngineConfig

from ..attention import register
from ..platform.devices import candidates, platform_of, resolve_device
from .check import local_folder, reader_folder
from .embedded import load_reader
from .fit import fitting
from .fused import fuse
from .links import Link
from .loaded import LoadedModel, loaded_model
from .placement import device_budgets, resolve_dtype
from .pretrained import load_pretrained


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
        UsageError: its rotary embeddings cannot be scaled as `config` asks.
    """
    began = time.perf_counter()
    progress("model", 0.0)
    register()
    folder: Path | None
    links: tuple[Link, ...] = ()
    embedded = config.model == EMBEDDED_MODEL
    if embedded:
        device = resolve_device(config.device) if devices is None else devices[0]
        devices = (device,)
        dtype = resolve_dtype(device) if dtype is None else dtype
        name = "embedded reader"
        with ExitStack() as stack, fitting(f"The {name}", devices):
            folder = reader_folder(stack)
            model = load_reader(folder, device, dtype, lambda part: progress("model", 0.9 * part))
            if platform_of(device).fuses:
                fuse(model)
    else:
        folder = local_folder(config.model)
        source = config.model if folder is None else str(folder)
        allowed = device_budgets(devices or candidates(config.device), config.gpus)
        dtype = resolve_dtype(allowed[0].device) if dtype is None else dtype
        placed = load_pretrained(
            source,
            allowed,
            dtype,
            local=folder is not None,
            tokens=tokens,
            progress=lambda part: progress("model", 0.9 * part),
            kv_cache_dtype=config.kv_cache_dtype,
            rope_scaling=config.rope_scaling,
        )
        model, devices, links = placed.model, placed.devices, placed.links
        name = config.model if folder is None else folder.resolve().name
    with fitting(f"The {name}" if embedded else f"The model {name}", devices):
        loaded = loaded_model(
            model,
            name,
            dtype=dtype,
            devices=devices,
            load_s=time.perf_counter() - began,
            folder=folder,
            links=links,
        )
    progress("model", 1.0)
    return loaded
