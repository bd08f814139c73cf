"""A model over several GPUs: its layers split evenly, working one after another."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from accelerate import dispatch_model  # type: ignore[import-untyped]
from transformers import PretrainedConfig, PreTrainedModel

from ...errors import ModelError, UsageError
from ...model.keywords import CACHE_KEYWORDS
from ...model.placement import resolve_device

_KEPT = list(CACHE_KEYWORDS)  # arguments that no layer moves: the cache is on every device

Places = dict[str, torch.device]  # a module's name to where it is


def chosen_devices(device: str, gpus: int) -> tuple[torch.device, ...]:
    """The devices for --device and --gpus.

    Raises `UsageError` if there are not so many GPUs, `ModelError` for CUDA where there is none.
    """
    first = resolve_device(device)
    if first.type == "cpu":
        if gpus > 1:
            raise UsageError("--gpus 2 needs two CUDA devices.", "Leave --gpus out.")
        return (first,)
    there = torch.cuda.device_count()
    if gpus > there:
        raise UsageError(f"There is only {there} CUDA device, not {gpus}.", "Leave --gpus out.")
    return tuple(torch.device("cuda", index) for index in range(gpus))


def layer_devices(config: PretrainedConfig, devices: Sequence[torch.device]) -> Places:
    """Where each part of a Llama-like model goes: layers in equal runs, the embedding with the
    first of them, norm and head with the last; a tied head with its embedding.
    """
    layers = config.num_hidden_layers
    head = devices[0] if config.tie_word_embeddings else devices[-1]
    return {
        "model.embed_tokens": devices[0],
        "model.rotary_emb": devices[0],
        **{f"model.layers.{at}": devices[at * len(devices) // layers] for at in range(layers)},
        "model.norm": devices[-1],
        "lm_head": head,
    }


def device_of(places: Places, name: str) -> torch.device:
    """Where the parameter `name` goes."""
    (device,) = (place for module, place in places.items() if name.startswith(f"{module}."))
    return device


def spread(model: PreTrainedModel, devices: Sequence[torch.device]) -> None:
    """Move the model's parts to where `layer_devices` says; nothing for a single device.

    Raises `ModelError` for a model of another structure than Llama's.
    """
    if len(devices) == 1:
        return
    places = layer_devices(model.config, devices)
    names = [name for name, _ in model.named_parameters()]
    if any(not name.startswith(tuple(f"{module}." for module in places)) for name in names):
        raise ModelError(
            "This model's layers cannot be split over two GPUs.",
            "Leave --gpus out, or choose a model of Llama's structure.",
        )
    dispatch_model(
        model,
        device_map={name: device.index for name, device in places.items()},
        main_device=devices[0].index,
        skip_keys=_KEPT,
    )
