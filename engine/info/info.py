"""What the engine runs on: versions, devices and what they can do, the embedded reader."""

from __future__ import annotations

import json
import math
import platform
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from sa_chat.protocol.config import EMBEDDED_MODEL, EngineConfig

if TYPE_CHECKING:
    from ..model.fit import StagePlacement
    from ..platform.base import DeviceInfo

_PACKAGES = ("sa-chat", "torch", "transformers", "tiktoken", "safetensors")


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
    unsupported: str | None = None  # kind of an accelerator that is here and is not used

    def lines(self) -> list[str]:
        """For people to read."""
        return [
            *(f"{name} {number}" for name, number in self.versions.items()),
            *(f"device: {device}" for device in self.devices),
            *([f"device: {self.unsupported} is not supported"] if self.unsupported else []),
            f"embedded reader: {self.reader or 'none in this installation'}",
            *(f"attention on {where}: {found}" for where, found in self.attention.items()),
            *([] if self.attention else ["attention: measured when a long document is read"]),
        ]


def engine_info() -> EngineInfo:
    """Looks at the machine and at the installation; loads torch, but no model."""
    versions = {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}
    from ..platform.devices import unknown_accelerator
    from ..sparsity.calibration import CalibrationStore

    attention = {where: str(found) for where, found in CalibrationStore().load().items()}
    return EngineInfo(versions, _devices(), _reader(), attention, unknown_accelerator())


@dataclass(frozen=True)
class FitInfo:
    """A model that fits, and where its parts go."""

    model: str
    tokens: int
    stages: tuple[StagePlacement, ...]

    def lines(self) -> list[str]:
        """For people to read."""
        return [
            f"{self.model} with {self.tokens:,} tokens of context fits:",
            *(str(stage) for stage in self.stages),
        ]

    def as_dict(self) -> dict[str, object]:
        return {
            "model": self.model,
            "tokens": self.tokens,
            "devices": [
                {
                    "device": str(stage.budget.device),
                    "name": stage.budget.name,
                    "layers": [stage.layers.start, stage.layers.stop],
                    "weights_bytes": stage.weights,
                    "kv_bytes": stage.kv,
                    "workspace_bytes": stage.workspace,
                    "free_bytes": stage.budget.free_bytes,
                }
                for stage in self.stages
            ],
        }


def fit_info(
    model: str,
    tokens: int | None,
    kv_cache_dtype: str = "auto",
    rope_scaling: str | None = None,
) -> FitInfo:
    """Whether a model fits with a context of so many tokens, without loading its weights.

    Raises `ModelError`, with how much is missing and what would fit, if it does not; also for a
    model that cannot be found or used; `UsageError` for a scaling that it cannot take.
    """
    from ..model.check import local_folder, reader_folder
    from ..model.context import context_of
    from ..model.fit import place_stages
    from ..model.placement import device_budgets, resolve_dtype
    from ..model.pretrained import measured
    from ..platform.devices import candidates

    config = EngineConfig(model=model, kv_cache_dtype=kv_cache_dtype, rope_scaling=rope_scaling)
    with ExitStack() as stack:
        embedded = model == EMBEDDED_MODEL
        folder = reader_folder(stack) if embedded else local_folder(model)
        source = model if folder is None else str(folder)
        context = context_of(config, source) if tokens is None else tokens
        allowed = device_budgets(candidates(config.device), config.gpus)
        dtype = resolve_dtype(allowed[0].device)
        _, needs = measured(source, dtype, kv_cache_dtype, rope_scaling)
        return FitInfo(model, context, place_stages(needs, allowed, context))


def _devices() -> tuple[DeviceInfo, ...]:
    from ..platform.devices import ACCELERATORS, CPU

    return tuple(
        platform.info(device) for platform in (CPU, *ACCELERATORS) for device in platform.devices()
    )


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
