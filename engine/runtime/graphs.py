"""One token through the model as CUDA graphs: one for each stretch of its layers on one GPU.

A small model's forward pass is some hundred launches, and the host takes longer for them than the
GPU for its work: 22 ms against 8 on an H200 for 8 billion parameters.  A graph is one launch.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..attention import RUN_KEYWORD, StepRun
from ..cache import KVCache
from ..model import LoadedModel
from ..model.keywords import cache_keyword
from ..model.links import carried_by

_WARM_UP = 2  # passes before the capture: libraries allocate what they need, kernels are compiled


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


class _Recorder:
    """Captures a forward pass; a `model.stages.Carrier`, which is told where stretches end."""

    def __init__(self) -> None:
        self.stretches: list[_Stretch] = []
        self._open = False
        self._copies: list[tuple[Tensor, Tensor]] = []

    def bring(self, value: Tensor, target: torch.device) -> Tensor:
        self.close()
        copy = value.to(target)
        self._copies.append((value, copy))
        return copy

    def arrive(self, target: torch.device) -> None:
        torch.cuda.synchronize(target)
        stretch = _Stretch(target, torch.cuda.CUDAGraph(), self._copies)
        self._copies = []
        self.stretches.append(stretch)
        with torch.cuda.device(target):
            stretch.graph.capture_begin()
        self._open = True

    def close(self) -> None:
        if self._open:
            self._open = False
            last = self.stretches[-1]
            with torch.cuda.device(last.device):
                last.graph.capture_end()


@functools.cache
def _stream_aside(device: torch.device) -> torch.cuda.Stream:
    """One for all captures there: cuBLAS keeps a workspace for each stream that it has seen."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


class GraphStep:
    """A captured forward pass, replayed for each token.  The cache's buffers are part of it."""

    @torch.inference_mode()
    def __init__(self, loaded: LoadedModel, cache: KVCache) -> None:
        devices = dict.fromkeys(loaded.devices)
        first = loaded.device
        self._ids = torch.zeros(1, 1, dtype=torch.long, device=first)
        self._positions = {one: torch.full((1,), cache.length, device=one) for one in devices}
        self._lengths = {one: torch.full((1,), cache.length + 1, device=one) for one in devices}
        arguments = {
            cache_keyword(loaded.model): cache,
            "use_cache": True,
            "position_ids": self._positions[first][None],
            "logits_to_keep": 1,
            RUN_KEYWORD: StepRun(lengths=self._lengths, buffers=cache.buffers),
        }

        def once() -> Tensor:
            logits: Tensor = loaded.model(self._ids, **arguments).logits
            return logits[0, -1]

        # Streams of these devices: PyTorch's own for captures is of the first that had one.
        aside = {one: _stream_aside(one) for one in devices}
        before = {one: torch.cuda.current_stream(one) for one in devices}
        recorder = _Recorder()
        with torch.cuda.device(first), cache.writing_at(self._positions):
            for one, stream in aside.items():
                stream.wait_stream(before[one])
            try:
                for stream in aside.values():
                    torch.cuda.set_stream(stream)
                torch.cuda.set_device(first)
                for _ in range(_WARM_UP):
                    once()
                with carried_by(loaded.model, recorder):
                    recorder.arrive(first)
                    try:
                        self._logits = once()
                    finally:
                        recorder.close()
            finally:
                for stream in before.values():
                    torch.cuda.set_stream(stream)
            for one, stream in aside.items():
                before[one].wait_stream(stream)
        self._stretches = recorder.stretches

    @torch.inference_mode()
    def __call__(self, cache: KVCache, token: int) -> Tensor:
        self._ids.fill_(token)
        for position, length in zip(self._positions.values(), self._lengths.values(), strict=True):
            position.fill_(cache.length)
            length.fill_(cache.length + 1)
        for stretch in self._stretches:
            stretch.replay()
        cache.advance()
        return self._logits
