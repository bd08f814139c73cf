"""What the engine asks about a kind of device: one `Platform` for each, `cpu.py` and `cuda.py`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from .process import DeviceMemory


@dataclass(frozen=True)
class DeviceInfo:
    """A device that the engine can run on."""

    name: str
    total_bytes: int
    dtype: str  # what models are computed in: bfloat16 where it is native
    capability: str  # a GPU's compute capability, a CPU's vector instructions
    cores: int  # a GPU's multiprocessors

    def __str__(self) -> str:
        return (
            f"{self.name}, {self.total_bytes / 2**30:.1f} GiB, {self.capability}, "
            f"{self.cores} cores, computes in {self.dtype}"
        )


@dataclass(frozen=True)
class PrefillSizes:
    """How a document is cut into forward passes on this kind of device.  Tokens."""

    chunk: int
    first_chunk: int  # where the context begins
    largest_chunk: int  # for which placement keeps room
    smallest_chunk: int = 512  # one that does not fit is halved down to this


@dataclass(frozen=True)
class AttentionTuning:
    """How attention is measured on this kind of device, and what `auto` chooses from there."""

    rows: int  # of the chunk that is timed
    keys: tuple[int, int]  # the two lengths at which it is timed
    patterns: tuple[str, ...]  # docs/decisions/0019, 0036
    max_column_share: float  # share of the keys of which a head keeps columns at most
    kv_heads_together: bool  # all kv heads compute at once; else one after another


class Marker(Protocol):
    """A point in a device's queue of work."""

    def reached(self) -> bool:
        """Whether the work before it has ended; does not wait."""

    def wait(self) -> None:
        """Return when the work before it has ended."""

    def seconds_since(self, earlier: Any) -> float:
        """Device time between two markers of the same platform, both reached."""


class Copier(Protocol):
    """Copies tensors to one device."""

    def copy(self, value: Tensor, target: torch.device) -> Tensor: ...


class GraphRecorder(Protocol):
    """Captures a forward pass as one graph for each stretch of it on one device."""

    def bring(self, value: Tensor, target: torch.device) -> Tensor:
        """The tensor on `target`, where the next stretch begins; ends the stretch before."""

    def arrive(self, target: torch.device) -> None:
        """Begin the stretch on `target`."""

    def close(self) -> None:
        """End the last stretch."""

    def replay(self) -> None:
        """Queue all stretches again, in order."""

    @property
    def devices(self) -> tuple[torch.device, ...]:
        """The device of each stretch."""


class GraphCapture(Protocol):
    """Device graphs: many launches replayed as one."""

    def side_streams(self, devices: Sequence[torch.device]) -> AbstractContextManager[None]:
        """Within, work is queued on streams of its own, from which it can be captured."""

    def recorder(self) -> GraphRecorder: ...


class Platform(ABC):
    """One kind of device.  Stateless but for caches; all devices given are of this kind."""

    name: str
    """`torch.device.type` of its devices."""
    queues_work: bool = False
    """Whether calls return before their work is done."""
    sizes: PrefillSizes
    tuning: AttentionTuning | None = None
    """None: attention is not measured here, and stays dense."""
    graphs: GraphCapture | None = None
    fuses: bool = False
    """Whether the fused layers of `model/fused/` pay here."""

    @abstractmethod
    def devices(self) -> tuple[torch.device, ...]:
        """The devices of this kind that can be used; empty where there is none."""

    @abstractmethod
    def info(self, device: torch.device) -> DeviceInfo: ...

    @abstractmethod
    def dtype(self, device: torch.device) -> torch.dtype:
        """The number format in which models are computed there."""

    @abstractmethod
    def memory(self, device: torch.device) -> DeviceMemory: ...

    @abstractmethod
    def allocated(self, device: torch.device) -> int:
        """Bytes that this process holds there."""

    @abstractmethod
    def free(self, device: torch.device) -> int:
        """Bytes that this process can still allocate."""

    @abstractmethod
    def key(self, device: torch.device) -> str:
        """Whatever changes the speed of attention there, the shape apart: device, driver,
        threads, version of torch."""

    def device_name(self, device: torch.device) -> str:
        """What the device is called."""
        return self.info(device).name

    def label(self, device: torch.device) -> str:
        """What the device is called beside its figures."""
        return f"{self.device_name(device)} ({device})"

    @abstractmethod
    def mark(self, device: torch.device) -> Marker:
        """A marker behind all work queued so far on the device's current stream."""

    def synchronize(self, device: torch.device) -> None:  # noqa: B027 - nothing to wait for
        """Wait until queued work has ended, so that a clock read next measures it."""

    def release(self, device: torch.device) -> None:  # noqa: B027 - nothing is kept
        """Give memory that nothing holds any more back to the driver."""

    @abstractmethod
    def reset_peak(self, device: torch.device) -> None:
        """Let `DeviceMemory.peak_bytes` start anew, where the system allows it."""

    def limit_memory(self, device: torch.device, size: int) -> None:  # noqa: B027 - no limit there
        """Let this process allocate at most `size` bytes, where that can be limited."""

    def cache_bytes(self, device: torch.device) -> int:
        """Size of the last-level cache that a benchmark has to flush; 0 if there is none to."""
        return 0

    def copier(self) -> Copier:
        """For copies to one device of this kind, from any other."""
        return _PlainCopier()

    def versions(self) -> dict[str, str | None]:
        """Libraries and drivers of this kind of device, as a benchmark records them."""
        return {}

    def clocks(self, device: torch.device) -> dict[str, int | None]:
        """Clock rates in MHz, as a benchmark records them."""
        return {}


class _PlainCopier:
    def copy(self, value: Tensor, target: torch.device) -> Tensor:
        return value.to(target)
