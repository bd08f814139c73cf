"""CUDA graphs of a forward pass over one GPU or several."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class _Stretch:
    """Launches on one GPU, and what is copied there before them."""

    device: torch.device
    graph: torch.cuda.CUDAGraph
    copies: list[tuple[Tensor, Tensor]] = field(default_factory=list)  # from, to

    def replay(self) -> None:
        for source, target in self.copies:
            target.copy_(source, non_blocking=True)
        with torch.cuda.device(self.device):
            self.graph.replay()


class CudaGraphRecorder:
    """See `base.GraphRecorder`."""

    def __init__(self) -> None:
        self._stretches: list[_Stretch] = []
        self._open = False
        self._copies: list[tuple[Tensor, Tensor]] = []

    @property
    def devices(self) -> tuple[torch.device, ...]:
        return tuple(stretch.device for stretch in self._stretches)

    def bring(self, value: Tensor, target: torch.device) -> Tensor:
        self.close()
        copy = value.to(target)
        self._copies.append((value, copy))
        return copy

    def arrive(self, target: torch.device) -> None:
        torch.cuda.synchronize(target)
        stretch = _Stretch(target, torch.cuda.CUDAGraph(), self._copies)
        self._copies = []
        self._stretches.append(stretch)
        with torch.cuda.device(target):
            stretch.graph.capture_begin()
        self._open = True

    def close(self) -> None:
        if self._open:
            self._open = False
            last = self._stretches[-1]
            with torch.cuda.device(last.device):
                last.graph.capture_end()

    def replay(self) -> None:
        for stretch in self._stretches:
            stretch.replay()


class CudaGraphCapture:
    """See `base.GraphCapture`."""

    @contextmanager
    def side_streams(self, devices: Sequence[torch.device]) -> Iterator[None]:
        # Streams of these devices: PyTorch's own for captures is of the first that had one.
        aside = {one: _stream_aside(one) for one in devices}
        before = {one: torch.cuda.current_stream(one) for one in devices}
        with torch.cuda.device(devices[0]):
            for one, stream in aside.items():
                stream.wait_stream(before[one])
            try:
                for stream in aside.values():
                    torch.cuda.set_stream(stream)
                torch.cuda.set_device(devices[0])
                yield
            finally:
                for stream in before.values():
                    torch.cuda.set_stream(stream)
            for one, stream in aside.items():
                before[one].wait_stream(stream)

    def recorder(self) -> CudaGraphRecorder:
        return CudaGraphRecorder()


@functools.cache
def _stream_aside(device: torch.device) -> torch.cuda.Stream:
    """One for all captures there: cuBLAS keeps a workspace for each stream that it has seen."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
