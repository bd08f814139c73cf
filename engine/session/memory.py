"""Memory that the engine uses, per device, and what the driver reports beside it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from sa_chat.protocol.values import DeviceUse

if TYPE_CHECKING:
    from ..cache import KVCache
    from ..model import LoadedModel


def device_use(loaded: LoadedModel | None, *caches: KVCache) -> tuple[DeviceUse, ...]:
    """Memory by device: the engine's process for CPU, PyTorch's allocations for each GPU.

    Without a model it is the process alone.  Weights are those of `loaded`, keys and values those
    of all `caches`.
    """
    if loaded is None:
        from ..platform.process import process_memory  # torch is not imported for this

        return (DeviceUse("CPU", **asdict(process_memory()), weights_bytes=0, kv_bytes=0),)
    from ..platform.devices import platform_of

    return tuple(
        DeviceUse(
            name=platform_of(device).label(device),
            **asdict(platform_of(device).memory(device)),
            weights_bytes=loaded.weights_bytes.get(device, 0),
            kv_bytes=sum(cache.nbytes_on(device) for cache in caches),
        )
        for device in sorted(set(loaded.devices), key=lambda one: one.index or 0)
    )
