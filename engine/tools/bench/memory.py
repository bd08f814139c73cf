"""Memory by device: a limit that imitates a smaller card, and peaks."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from sa_chat.protocol.errors import UsageError

from ...platform.devices import platform_of


@dataclass(frozen=True)
class Peak:
    """One device since `reset_peaks`.

    On a GPU `peak_bytes` is what PyTorch allocated at most, weights and cache included, and
    `driver_bytes` what the driver says is taken now: PyTorch's pool with what it keeps for
    reuse, its context, and other processes.  On CPU the peak is that of the whole process.
    """

    device: str
    peak_bytes: int
    driver_bytes: int | None
    total_bytes: int


def limit_memory(devices: Sequence[torch.device], gib: float | None) -> None:
    """Let PyTorch allocate at most `gib` GiB on each device; None is no limit.

    The limit covers tensors, not the few hundred MiB of CUDA's own context.  Raises `UsageError`
    on CPU, and for more than a device has.
    """
    if gib is None:
        return
    for device in devices:
        total = platform_of(device).info(device).total_bytes
        if not platform_of(device).queues_work:
            raise UsageError(
                "--limit-memory imitates smaller GPUs, and this runs on CPU.",
                "Leave --limit-memory out, or choose a GPU with --device.",
            )
        if not 0.0 < gib * 2**30 <= total:
            raise UsageError(
                f"{device} has {total / 2**30:.1f} GiB: its memory cannot be limited to {gib:g}.",
                "Give fewer GiB with --limit-memory.",
            )
        platform_of(device).limit_memory(device, int(gib * 2**30))


def release(devices: Sequence[torch.device]) -> None:
    """Give back what nothing holds any more."""
    gc.collect()
    for device in devices:
        platform_of(device).release(device)


def synchronize(devices: Sequence[torch.device]) -> None:
    """Let queued work end, so that a clock read next measures it."""
    for device in devices:
        platform_of(device).synchronize(device)


def reset_peaks(devices: Sequence[torch.device]) -> None:
    """Peaks start anew; on CPU only where Linux allows it, else they are since the start."""
    for device in devices:
        platform_of(device).reset_peak(device)


def peaks(devices: Sequence[torch.device]) -> tuple[Peak, ...]:
    """The peak of each device since `reset_peaks`."""
    return tuple(_peak(device) for device in devices)


def _peak(device: torch.device) -> Peak:
    platform = platform_of(device)
    memory = platform.memory(device)
    driver_bytes = memory.driver_bytes if platform.queues_work else None
    name = str(device) if platform.queues_work else platform.label(device)
    return Peak(name, memory.peak_bytes, driver_bytes, memory.total_bytes)
