"""What a figure belongs to: versions, machine, clocks, threads, date."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from ..platform.base import Platform
from ..platform.devices import ACCELERATORS
from .info import engine_info

_OTHERS = ("tiktoken", "safetensors")  # versions that a line for people leaves out


def environment() -> dict[str, Any]:
    """Everything in plain JSON types; None for what cannot be read here."""
    info = engine_info()
    cpu, *_ = info.devices
    of_accelerators: dict[str, str | None] = {}
    for each in ACCELERATORS:
        of_accelerators |= each.versions()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {**info.versions, "triton": _triton(), **of_accelerators},
        "system": platform.platform(),
        "cpu": {
            "name": cpu.name,
            "threads": torch.get_num_threads(),
            "cores": cpu.cores,
            "instructions": cpu.capability,
            "memory_bytes": cpu.total_bytes,
            "dtype": cpu.dtype,
        },
        "gpus": [_gpu(each, device) for each in ACCELERATORS for device in each.devices()],
    }


def describe(known: dict[str, Any] | None = None) -> str:
    """One line for people, of `known` or of a fresh look."""
    known = environment() if known is None else known
    cpu, versions = known["cpu"], known["versions"]
    devices = [f"{cpu['name']} ({cpu['instructions']}), {cpu['threads']} threads"]
    devices += [gpu["name"] for gpu in known["gpus"]]
    names = ["python", "torch", "transformers", "sa-chat"]
    if known["gpus"]:
        names += [name for name in versions if name not in (*names, *_OTHERS)]
    return f"{', '.join(devices)}; " + ", ".join(f"{name} {versions[name]}" for name in names)


def _triton() -> str | None:
    try:
        return version("triton")
    except PackageNotFoundError:
        return None


def _gpu(of: Platform, device: torch.device) -> dict[str, Any]:
    info = of.info(device)
    return {
        "name": info.name,
        "memory_bytes": info.total_bytes,
        "capability": info.capability,
        "multiprocessors": info.cores,
        "dtype": info.dtype,
        **of.clocks(device),
    }
