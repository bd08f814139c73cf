"""Memory of this process.  Does not import torch."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class DeviceMemory:
    """Memory of one device in bytes; see `sa_chat.protocol.values.DeviceUse`."""

    used_bytes: int  # by this process
    peak_bytes: int  # by this process, at most so far
    total_bytes: int
    driver_bytes: int  # by all processes, as the driver or the system reports it


def process_memory() -> DeviceMemory:
    """Memory of this process, and of the machine."""
    used = psutil.Process().memory_info().rss
    machine = psutil.virtual_memory()
    return DeviceMemory(
        used_bytes=used,
        peak_bytes=max(used, _peak_rss()),
        total_bytes=machine.total,
        driver_bytes=machine.total - machine.available,
    )


def _peak_rss() -> int:
    """Highest resident size of this process so far, in bytes."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
