"""Memory that the engine uses, per device, and what the driver says beside it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import psutil

from sa_chat.protocol.events import DeviceUse

if TYPE_CHECKING:
    import torch

    from ..cache import KVCache
    from ..model import LoadedModel


def device_use(loaded: LoadedModel | None, *caches: KVCache) -> tuple[DeviceUse, ...]:
    """Memory by device: the engine's process for CPU, PyTorch's allocations for each GPU.

    Without a model it is the process alone.  Weights are those of `loaded`, keys and values those
    of all `caches`.
    """
    if loaded is None:
        return (_process_use(0, 0),)
    if not loaded.cuda_devices:
        return (_process_use(*_held(loaded, caches, loaded.device)),)
    return tuple(_cuda_use(index, loaded, caches) for index in loaded.cuda_devices)


def _held(loaded: LoadedModel, caches: Sequence[KVCache], device: torch.device) -> tuple[int, int]:
    """Bytes of weights, and of keys and values, on a device."""
    kv_bytes = sum(cache.nbytes_on(device) for cache in caches)
    return loaded.weights_bytes.get(device, 0), kv_bytes


def _process_use(weights_bytes: int, kv_bytes: int) -> DeviceUse:
    used = psutil.Process().memory_info().rss
    machine = psutil.virtual_memory()
    return DeviceUse(
        name="CPU",
        used_bytes=used,
        peak_bytes=max(used, _peak_rss()),
        total_bytes=machine.total,
        driver_bytes=machine.total - machine.available,
        weights_bytes=weights_bytes,
        kv_bytes=kv_bytes,
    )


def _peak_rss() -> int:
    """Highest resident size of this process so far, in bytes."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _cuda_use(index: int, loaded: LoadedModel, caches: Sequence[KVCache]) -> DeviceUse:
    import torch

    free, total = torch.cuda.mem_get_info(index)
    weights_bytes, kv_bytes = _held(loaded, caches, torch.device("cuda", index))
    return DeviceUse(
        name=f"{torch.cuda.get_device_name(index)} (cuda:{index})",
        used_bytes=torch.cuda.memory_allocated(index),
        peak_bytes=torch.cuda.max_memory_allocated(index),
        total_bytes=torch.cuda.get_device_properties(index).total_memory,
        driver_bytes=total - free,
        weights_bytes=weights_bytes,
        kv_bytes=kv_bytes,
    )
