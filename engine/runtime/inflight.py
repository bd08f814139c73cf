"""How far the host works ahead of the GPUs, and what is told of the chunks that they have done.

The host queues a chunk's work on all GPUs and goes on to the next; were it to wait for each chunk,
the first GPU would stand still while the second computes.  It waits when each GPU has a chunk to
compute and one more is queued, so that a stop takes effect soon and memory holds little.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import torch

from ..attention.context import Counted


@dataclass(frozen=True)
class _Queued:
    tokens_done: int
    counted: Counted
    ends: tuple[torch.cuda.Event, ...]


class Ahead:
    """Chunks that are queued; `told` is called for each in order, once it is done."""

    def __init__(
        self, devices: tuple[torch.device, ...], told: Callable[[int, Counted], None]
    ) -> None:
        self._devices = [device for device in devices if device.type == "cuda"]
        self._told = told
        self._queued: deque[_Queued] = deque()

    def add(self, tokens_done: int, counted: Counted) -> None:
        """The chunk that ends after `tokens_done` is queued, or on a CPU done."""
        ends = tuple(
            torch.cuda.Event()  # type: ignore[no-untyped-call]
            for _ in self._devices
        )
        for device, end in zip(self._devices, ends, strict=True):
            end.record(torch.cuda.current_stream(device))
        self._queued.append(_Queued(tokens_done, counted, ends))
        self.wait(len(self._devices))

    def wait(self, left: int = 0) -> None:
        """Until at most so many chunks are not done."""
        while len(self._queued) > left:
            chunk = self._queued.popleft()
            for end in chunk.ends:
                end.synchronize()
            self._told(chunk.tokens_done, chunk.counted)
