"""The model that a benchmark runs: one that is given, or a public shape with random weights."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import dataclass

import torch

from sa_chat.protocol.config import EMBEDDED_MODEL, EngineConfig
from sa_chat.protocol.errors import ModelError, UsageError

from ....model import LoadedModel, load_model, local_folder, reader_folder
from ....model.context import context_of
from ....model.placement import resolve_dtype
from ..memory import limit_memory
from ..presets import PRESETS
from .devices import chosen_devices
from .random_model import random_model


@dataclass(frozen=True)
class Subject:
    """A model on its devices, and the lengths to measure it at, ascending."""

    loaded: LoadedModel
    devices: tuple[torch.device, ...]
    lengths: tuple[int, ...]
    random: bool  # its weights are

    def lines(self) -> list[str]:
        """For people to read."""
        loaded = self.loaded
        where = ", ".join(str(device) for device in self.devices)
        if len(self.devices) > 1:
            where += ", a part of the layers on each, in a pipeline"
        dtype = str(loaded.dtype).removeprefix("torch.")
        return [f"{loaded.name}, {loaded.parameters / 1e6:,.1f} M parameters, {dtype}, on {where}"]


def find_devices(arguments: argparse.Namespace) -> tuple[torch.device, ...]:
    """The devices that the options name, with their memory limited as they say.

    Raises `UsageError` or `ModelError` for what is not there.
    """
    devices = chosen_devices(arguments.device, arguments.gpus)
    limit_memory(devices, arguments.limit_memory)
    return devices


def load_subject(
    arguments: argparse.Namespace,
    devices: tuple[torch.device, ...],
    default_lengths: tuple[int, ...],
    room: int = 0,
) -> Subject:
    """Load or make the model that the options name.

    Args:
        room: tokens of context that every length needs behind it.
    Raises:
        ModelError: as `load_model`, or if the weights do not fit.
        UsageError: a length beyond the model's context (of the default ones it is left out), or a
            scaling that the model cannot take.
    """
    asked = tuple(sorted(set(arguments.lengths or default_lengths)))
    try:
        if arguments.preset is not None:
            if arguments.rope_scaling is not None:
                raise UsageError(
                    "--rope-scaling belongs to --model.", "Leave it out with --preset."
                )
            loaded = random_model(
                PRESETS[arguments.preset],
                devices,
                resolve_dtype(devices[0]),
                context=asked[-1] + room,
            )
            return Subject(loaded, devices, asked, random=True)
        config = EngineConfig(
            model=arguments.model,
            device=devices[0].type,
            gpus=arguments.gpus,
            kv_cache_dtype=arguments.kv_cache_dtype,
            rope_scaling=arguments.rope_scaling,
        )
        with ExitStack() as stack:
            if config.model == EMBEDDED_MODEL:
                source = str(reader_folder(stack))
            else:
                source = str(local_folder(config.model) or config.model)
            lengths = _readable(asked, context_of(config, source) - room, arguments)
        loaded = load_model(
            config,
            progress=lambda stage, part: None,
            tokens=lengths[-1] + room,
            devices=devices,  # whose memory is limited, and whose bandwidth is measured
        )
        return Subject(loaded, loaded.devices, lengths, random=False)
    except torch.OutOfMemoryError as error:
        raise ModelError(
            "The model's weights do not fit into the memory that it may use.",
            "Choose a smaller one, --gpus 2, or a higher --limit-memory.",
        ) from error


def _readable(
    asked: tuple[int, ...], context: int, arguments: argparse.Namespace
) -> tuple[int, ...]:
    fitting = tuple(length for length in asked if length <= context)
    if not fitting or (arguments.lengths and fitting != asked):
        raise UsageError(
            f"The model has room for {context:,} tokens at most here, not {asked[-1]:,}.",
            "Leave longer ones out of --lengths.",
        )
    return fitting
