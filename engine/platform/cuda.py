"""NVIDIA GPUs."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

import torch
from torch import Tensor

from .base import AttentionTuning, Copier, DeviceInfo, Platform, PrefillSizes
from .cuda_graphs import CudaGraphCapture
from .machine import driver_version
from .process import DeviceMemory

_NATIVE_BF16 = (8, 0)  # compute capability
_CLOCKS = {
    "sm_clock_mhz": "clocks.sm",
    "sm_clock_max_mhz": "clocks.max.sm",
    "memory_clock_mhz": "clocks.mem",
    "memory_clock_max_mhz": "clocks.max.mem",
}


@dataclass(frozen=True)
class _EventMarker:
    event: torch.cuda.Event

    def reached(self) -> bool:
        return bool(self.event.query())  # type: ignore[no-untyped-call]

    def wait(self) -> None:
        self.event.synchronize()

    def seconds_since(self, earlier: _EventMarker) -> float:
        return float(earlier.event.elapsed_time(self.event)) / 1e3


class CudaPlatform(Platform):
    """Every visible GPU; what PyTorch allocates counts as used."""

    name = "cuda"
    queues_work = True
    # What each layer's selection costs whatever it selects is spread over larger chunks.  Where a
    # context begins attention is mostly dense, and over a chunk's own keys dense attention is
    # faster in one piece: the first chunk is twice as long.
    sizes = PrefillSizes(chunk=8192, first_chunk=16_384, largest_chunk=16_384)
    tuning = AttentionTuning(
        rows=8192,
        keys=(16_384, 65_536),
        patterns=("local-vertical",),  # blocks cost more than they save on real models: docs/log.md
        max_column_share=0.5,  # copies of columns have to fit into the memory
        kv_heads_together=True,
    )
    graphs = CudaGraphCapture()
    fuses = True

    def devices(self) -> tuple[torch.device, ...]:
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        return tuple(torch.device("cuda", index) for index in range(count))

    def info(self, device: torch.device) -> DeviceInfo:
        gpu = torch.cuda.get_device_properties(device)
        return DeviceInfo(
            gpu.name,
            gpu.total_memory,
            str(self.dtype(device)).removeprefix("torch."),
            f"{gpu.major}.{gpu.minor}",
            gpu.multi_processor_count,
        )

    def device_name(self, device: torch.device) -> str:
        return torch.cuda.get_device_name(device)

    def dtype(self, device: torch.device) -> torch.dtype:
        native = torch.cuda.get_device_capability(device) >= _NATIVE_BF16
        return torch.bfloat16 if native else torch.float32

    def memory(self, device: torch.device) -> DeviceMemory:
        free, total = torch.cuda.mem_get_info(device)
        return DeviceMemory(
            used_bytes=torch.cuda.memory_allocated(device),
            peak_bytes=torch.cuda.max_memory_allocated(device),
            total_bytes=torch.cuda.get_device_properties(device).total_memory,
            driver_bytes=total - free,
        )

    def allocated(self, device: torch.device) -> int:
        return torch.cuda.memory_allocated(device)

    def free(self, device: torch.device) -> int:
        """What the driver has and what PyTorch keeps for reuse, within the share of the memory
        that this process may use."""
        free, total = torch.cuda.mem_get_info(device)
        reserved, used = torch.cuda.memory_reserved(device), torch.cuda.memory_allocated(device)
        allowed = int(torch.cuda.get_per_process_memory_fraction(device) * total)
        return min(free + reserved - used, allowed - used)

    def key(self, device: torch.device) -> str:
        return f"{self.device_name(device)}, driver {driver_version()}, torch {torch.__version__}"

    def mark(self, device: torch.device) -> _EventMarker:
        with torch.cuda.device(device):
            event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            event.record()
        return _EventMarker(event)

    def synchronize(self, device: torch.device) -> None:
        torch.cuda.synchronize(device)

    def release(self, device: torch.device) -> None:
        with torch.cuda.device(device):
            torch.cuda.empty_cache()

    def reset_peak(self, device: torch.device) -> None:
        torch.cuda.reset_peak_memory_stats(device)

    def limit_memory(self, device: torch.device, size: int) -> None:
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(size / total, device)

    def cache_bytes(self, device: torch.device) -> int:
        return int(torch.cuda.get_device_properties(device).L2_cache_size)

    def copier(self) -> Copier:
        return _StreamCopier()

    def versions(self) -> dict[str, str | None]:
        devices = self.devices()
        cudnn = torch.backends.cudnn.version() if devices else None  # type: ignore[no-untyped-call]
        driver = _driver_state(devices[0]).get("driver_version") if devices else None
        return {"cuda": torch.version.cuda, "cudnn": cudnn, "driver": driver}

    def clocks(self, device: torch.device) -> dict[str, int | None]:
        state = _driver_state(device)
        return {name: _whole(state.get(query)) for name, query in _CLOCKS.items()}


class _StreamCopier:
    """Copies between GPUs on streams of their own.

    PyTorch lets a copy wait for all that either device's current stream holds; on these streams
    it waits only for what has been queued on the source before it.  Where the GPUs can reach each
    other's memory the copy goes there, else the driver stages it through pinned host memory.
    """

    def __init__(self) -> None:
        self._streams: dict[torch.device, torch.cuda.Stream] = {}

    def copy(self, value: Tensor, target: torch.device) -> Tensor:
        source = value.device
        if source.type != "cuda":
            return value.to(target)
        leaving, arriving = self._stream(source), self._stream(target)
        leaving.wait_stream(torch.cuda.current_stream(source))
        with torch.cuda.stream(leaving), torch.cuda.stream(arriving):
            copy = value.to(target, non_blocking=True)
        # Their memory must not be used again before these streams are done with it.
        value.record_stream(leaving)
        current = torch.cuda.current_stream(target)
        current.wait_stream(arriving)
        copy.record_stream(current)
        return copy

    def _stream(self, device: torch.device) -> torch.cuda.Stream:
        if device not in self._streams:
            self._streams[device] = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        return self._streams[device]


def _driver_state(device: torch.device) -> dict[str, str]:
    """What the driver's own tool reports of a GPU; empty where it is missing or refuses."""
    fields = ["driver_version", *_CLOCKS.values()]
    command = [
        "nvidia-smi",
        f"--id=GPU-{torch.cuda.get_device_properties(device).uuid}",
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
