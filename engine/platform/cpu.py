"""The CPU, and what stands in for a device whose kind the engine does not know."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from ..kernels.instructions import has_amx, has_avx512_bf16
from .base import AttentionTuning, DeviceInfo, Platform, PrefillSizes
from .machine import cpu_name
from .process import DeviceMemory, process_memory

_RESET_PEAK = "5"  # proc(5), clear_refs: the resident peak starts anew


@dataclass(frozen=True)
class _Moment:
    """A marker where work is done when its call returns."""

    at: float

    def reached(self) -> bool:
        return True

    def wait(self) -> None:
        """There is nothing to wait for."""

    def seconds_since(self, earlier: _Moment) -> float:
        return self.at - earlier.at


class CpuPlatform(Platform):
    """All cores as one device."""

    name = "cpu"
    # The linear layers reach full speed from 1024 rows on.
    sizes = PrefillSizes(chunk=2048, first_chunk=2048, largest_chunk=16_384)
    tuning: AttentionTuning | None = AttentionTuning(
        rows=2048,
        keys=(4096, 16_384),
        patterns=("local-vertical",),
        max_column_share=1.0,
        kv_heads_together=False,
    )

    def devices(self) -> tuple[torch.device, ...]:
        return (torch.device("cpu"),)

    def info(self, device: torch.device) -> DeviceInfo:
        return DeviceInfo(
            cpu_name(),
            psutil.virtual_memory().total,
            str(self.dtype(device)).removeprefix("torch."),
            torch.backends.cpu.get_cpu_capability(),
            os.cpu_count() or 1,
        )

    def dtype(self, device: torch.device) -> torch.dtype:
        """bfloat16 where the CPU multiplies it natively; elsewhere it is slower than float32."""
        return torch.bfloat16 if has_avx512_bf16() or has_amx() else torch.float32

    def memory(self, device: torch.device) -> DeviceMemory:
        return process_memory()

    def allocated(self, device: torch.device) -> int:
        return int(psutil.Process().memory_info().rss)

    def free(self, device: torch.device) -> int:
        return int(psutil.virtual_memory().available)

    def key(self, device: torch.device) -> str:
        capability = torch.backends.cpu.get_cpu_capability()
        threads = torch.get_num_threads()
        return f"{cpu_name()} ({capability}), torch {torch.__version__}, {threads} threads"

    def label(self, device: torch.device) -> str:
        return "CPU"

    def mark(self, device: torch.device) -> _Moment:
        return _Moment(time.perf_counter())

    def reset_peak(self, device: torch.device) -> None:
        if (clear_refs := Path("/proc/self/clear_refs")).exists():
            clear_refs.write_text(_RESET_PEAK)


class UnknownPlatform(CpuPlatform):
    """A kind of device that the engine knows nothing of: plain torch, dense attention."""

    tuning = None

    def __init__(self, name: str) -> None:
        self.name = name

    def devices(self) -> tuple[torch.device, ...]:
        return (torch.device(self.name),)

    def info(self, device: torch.device) -> DeviceInfo:
        return DeviceInfo(f"{self.name}, which sa-chat does not know", 0, "float32", "-", 0)

    def dtype(self, device: torch.device) -> torch.dtype:
        return torch.float32

    def key(self, device: torch.device) -> str:
        return f"{device}, torch {torch.__version__}"

    def label(self, device: torch.device) -> str:
        return str(device)

    def synchronize(self, device: torch.device) -> None:
        if device.type != "meta":
            torch.accelerator.synchronize(device)
