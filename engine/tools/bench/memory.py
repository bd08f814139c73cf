"""Memory by device: a limit that imitates a smaller card, and peaks."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from sa_chat.protocol.errors import UsageError

from ...platform.stopwatch import wait_for
from ...session.memory import device_use

_RESET_PEAK = "5"  # proc(5), clear_refs: the resident peak starts anew


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
        if device.type != "cuda":
            raise UsageError(
                "--limit-memory imitates smaller GPUs, and this runs on CPU.",
                "Leave --limit-memory out, or use --device cuda.",
            )
        total = torch.cuda.get_device_properties(device).total_memory
        if not 0.0 < gib * 2**30 <= total:
            raise UsageError(
                f"{device} has {total / 2**30:.1f} GiB: its memory cannot be limited to {gib:g}.",
                "Give fewer GiB with --limit-memory.",
            )
        torch.cuda.set_per_process_memory_fraction(gib * 2**30 / total, device)


def release(devices: Sequence[torch.device]) -> None:
    """Give back what nothing holds any more."""
    gc.collect()
    for device in devices:
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.empty_cache()


def synchronize(devices: Sequence[torch.device]) -> None:
    """Let queued work end, so that a clock read next measures it."""
    for device in devices:
        wait_for(device)


def reset_peaks(devices: Sequence[torch.device]) -> None:
    """Peaks start anew; on CPU only where Linux allows it, else they are since the start."""
    for device in devices:
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        elif (clear_refs := Path("/proc/self/clear_refs")).exists():
            clear_refs.write_text(_RESET_PEAK)


def peaks(devices: Sequence[torch.device]) -> tuple[Peak, ...]:
    return tuple(_cuda_peak(device) if device.type == "cuda" else _cpu_peak() for device in devices)


def _cuda_peak(device: torch.device) -> Peak:
    free, total = torch.cuda.mem_get_info(device)
    return Peak(str(device), torch.cuda.max_memory_allocated(device), total - free, total)


def _cpu_peak() -> Peak:
    (use,) = device_use(None)
    return Peak(use.name, use.peak_bytes, None, use.total_bytes)
