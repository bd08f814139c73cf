"""What the engine runs on: versions, devices and what they can do, the embedded reader."""

from __future__ import annotations

import json
import math
import os
import platform
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from sa_chat.protocol.config import EMBEDDED_MODEL, EngineConfig

from ..platform.machine import cpu_name

if TYPE_CHECKING:
    from ..model.fit import Share

_PACKAGES = ("sa-chat", "torch", "transformers", "tiktoken", "safetensors")


@dataclass(frozen=True)
class DeviceInfo:
    """One device that the engine can run on."""

    name: str
    total_bytes: int
    dtype: str  # what models are computed in: bfloat16 where it is native
    capability: str  # of a GPU its compute capability, of a CPU its vector instructions
    cores: int  # of a GPU its multiprocessors

    def __str__(self) -> str:
        return (
            f"{self.name}, {self.total_bytes / 2**30:.1f} GiB, {self.capability}, "
            f"{self.cores} cores, computes in {self.dtype}"
        )


@dataclass(frozen=True)
class ReaderInfo:
    """The embedded reader."""

    parameters: int
    context_tokens: int
    layers: int
    file_bytes: int

    def __str__(self) -> str:
        return (
            f"{self.parameters / 1e6:.1f} M parameters, {self.layers} layers, "
            f"{self.context_tokens} tokens of context, {self.file_bytes / 2**20:.1f} MiB"
        )


@dataclass(frozen=True)
class EngineInfo:
    versions: dict[str, str]
    devices: tuple[DeviceInfo, ...]
    reader: ReaderInfo | None  # None if this installation has none
    attention: dict[str, str]  # by machine and shape, what was measured there

    def lines(self) -> list[str]:
        """For people to read."""
        return [
            *(f"{name} {number}" for name, number in self.versions.items()),
            *(f"device: {device}" for device in self.devices),
            f"embedded reader: {self.reader or 'none in this installation'}",
            *(f"attention on {where}: {found}" for where, found in self.attention.items()),
            *([] if self.attention else ["attention: measured when a long document is read"]),
        ]


def engine_info() -> EngineInfo:
    """Looks at the machine and at the installation; loads torch, but no model."""
    versions = {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}
    from ..sparsity.autotune import store, stored

    attention = {where: str(found) for where, found in stored(store()).items()}
    return EngineInfo(versions, _devices(), _reader(), attention)


@dataclass(frozen=True)
class FitInfo:
    """A model that fits, and where its parts go."""

    model: str
    tokens: int
    shares: tuple[Share, ...]

    def lines(self) -> list[str]:
        """For people to read."""
        return [
            f"{self.model} with {self.tokens:,} tokens of context fits:",
            *(str(share) for share in self.shares),
        ]

    def as_dict(self) -> dict[str, object]:
        return {
            "model": self.model,
            "tokens": self.tokens,
            "devices": [
                {
                    "device": str(share.room.device),
                    "name": share.room.name,
                    "layers": [share.layers.start, share.layers.stop],
                    "weights_bytes": share.weights,
                    "kv_bytes": share.kv,
                    "workspace_bytes": share.workspace,
                    "free_bytes": share.room.free_bytes,
                }
                for share in self.shares
            ],
        }


def fit_info(model: str, tokens: int | None, kv_cache_dtype: str = "auto") -> FitInfo:
    """Whether a model fits with a context of so many tokens, without loading its weights.

    Raises `ModelError`, with how much is missing and what would fit, if it does not; also for a
    model that cannot be found or used.
    """
    from ..model.check import local_folder, reader_folder
    from ..model.context import context_of
    from ..model.fit import fitted
    from ..model.placement import candidates, resolve_dtype, rooms
    from ..model.pretrained import measured

    config = EngineConfig(model=model, kv_cache_dtype=kv_cache_dtype)
    with ExitStack() as stack:
        embedded = model == EMBEDDED_MODEL
        folder = reader_folder(stack) if embedded else local_folder(model)
        source = model if folder is None else str(folder)
        context = context_of(config, source) if tokens is None else tokens
        allowed = rooms(candidates(config.device), config.gpus)
        _, needs = measured(source, resolve_dtype(allowed[0].device), kv_cache_dtype)
        return FitInfo(model, context, fitted(needs, allowed, context))


def _devices() -> tuple[DeviceInfo, ...]:
    import psutil
    import torch

    from ..model.placement import resolve_dtype

    def dtype(device: torch.device) -> str:
        return str(resolve_dtype(device)).removeprefix("torch.")

    devices = [
        DeviceInfo(
            cpu_name(),
            psutil.virtual_memory().total,
            dtype(torch.device("cpu")),
            torch.backends.cpu.get_cpu_capability(),
            os.cpu_count() or 1,
        )
    ]
    for index in range(torch.cuda.device_count()):
        gpu = torch.cuda.get_device_properties(index)
        devices.append(
            DeviceInfo(
                gpu.name,
                gpu.total_memory,
                dtype(torch.device("cuda", index)),
                f"{gpu.major}.{gpu.minor}",
                gpu.multi_processor_count,
            )
        )
    return tuple(devices)


def _reader() -> ReaderInfo | None:
    from sa_chat.protocol.errors import ModelError

    from ..model.check import reader_folder

    with ExitStack() as stack:
        try:
            return _describe(reader_folder(stack))
        except ModelError:
            return None


def _describe(folder: Path) -> ReaderInfo:
    """From the headers alone; the scales of 8-bit rows are no parameters."""
    from safetensors import safe_open

    from ..model.embedded import SCALE_SUFFIX

    config = json.loads((folder / "config.json").read_text("utf-8"))
    weights = folder / "model.safetensors"
    with safe_open(weights, framework="numpy") as stored:
        parameters = sum(
            math.prod(stored.get_slice(name).get_shape())
            for name in stored.keys()  # noqa: SIM118 (not a mapping)
            if not name.endswith(SCALE_SUFFIX)
        )
    return ReaderInfo(
        parameters,
        config["max_position_embeddings"],
        config["num_hidden_layers"],
        weights.stat().st_size,
    )
