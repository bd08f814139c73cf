"""Memory that the engine uses, per device."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import psutil

from .events import DeviceUse

if TYPE_CHECKING:
    from .model import LoadedModel


def device_use(loaded: LoadedModel | None) -> tuple[DeviceUse, ...]:
    """Memory by device: the engine's process for CPU, PyTorch's allocations for each GPU.

    Without a model it is the process alone.
    """
    devices = () if loaded is None else loaded.cuda_devices
    if not devices:
        return (_process_use(),)
    return tuple(_cuda_use(index) for index in devices)


def _process_use() -> DeviceUse:
    used = psutil.Process().memory_info().rss
    return DeviceUse("CPU", used, max(used, _peak_rss()), psutil.virtual_memory().total)


def _peak_rss() -> int:
    """Highest resident size of this process so far, in bytes."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _cuda_use(index: int) -> DeviceUse:
    import torch

    return DeviceUse(
        name=f"{torch.cuda.get_device_name(index)} (cuda:{index})",
        used_bytes=torch.cuda.memory_allocated(index),
        peak_bytes=torch.cuda.max_memory_allocated(index),
        total_bytes=torch.cuda.get_device_properties(index).total_memory,
    )
