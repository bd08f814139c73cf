"""What a figure belongs to: versions, machine, clocks, threads, date."""

from __future__ import annotations

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from .info import DeviceInfo, engine_info

_CLOCKS = {
    "sm_clock_mhz": "clocks.sm",
    "sm_clock_max_mhz": "clocks.max.sm",
    "memory_clock_mhz": "clocks.mem",
    "memory_clock_max_mhz": "clocks.max.mem",
}


def environment() -> dict[str, Any]:
    """Everything in plain JSON types; None for what cannot be read here."""
    info = engine_info()
    cpu, *gpus = info.devices
    states = [_driver_state(index) for index in range(len(gpus))]
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            **info.versions,
            "triton": _triton(),
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version() if gpus else None,  # type: ignore[no-untyped-call]
            "driver": states[0].get("driver_version") if states else None,
        },
        "system": platform.platform(),
        "cpu": {
            "name": cpu.name,
            "threads": torch.get_num_threads(),
            "cores": cpu.cores,
            "instructions": cpu.capability,
            "memory_bytes": cpu.total_bytes,
            "dtype": cpu.dtype,
        },
        "gpus": [_gpu(gpu, state) for gpu, state in zip(gpus, states, strict=True)],
    }


def describe(known: dict[str, Any] | None = None) -> str:
    """One line for people, of `known` or of a fresh look."""
    known = environment() if known is None else known
    cpu, versions = known["cpu"], known["versions"]
    devices = [f"{cpu['name']} ({cpu['instructions']}), {cpu['threads']} threads"]
    devices += [gpu["name"] for gpu in known["gpus"]]
    names = ["python", "torch", "transformers", "sa-chat"]
    if known["gpus"]:
        names += ["triton", "cuda", "cudnn", "driver"]
    return f"{', '.join(devices)}; " + ", ".join(f"{name} {versions[name]}" for name in names)


def _triton() -> str | None:
    try:
        return version("triton")
    except PackageNotFoundError:
        return None


def _gpu(info: DeviceInfo, state: dict[str, str]) -> dict[str, Any]:
    clocks = {name: _whole(state.get(query)) for name, query in _CLOCKS.items()}
    return {
        "name": info.name,
        "memory_bytes": info.total_bytes,
        "capability": info.capability,
        "multiprocessors": info.cores,
        "dtype": info.dtype,
        **clocks,
    }


def _driver_state(index: int) -> dict[str, str]:
    """What the driver's own tool says of GPU `index`; nothing where it is missing or refuses."""
    fields = ["driver_version", *_CLOCKS.values()]
    command = [
        "nvidia-smi",
        f"--id=GPU-{torch.cuda.get_device_properties(index).uuid}",
        f"--query-gpu={','.join(fields)}",
        "--format=csv,noheader,nounits",
    ]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return {}
    return dict(zip(fields, (value.strip() for value in said.stdout.split(",")), strict=False))


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() else None
