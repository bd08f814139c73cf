"""How far the host works ahead of the devices, and what is reported of the chunks they have done.

The host queues a chunk's work on all devices and goes on to the next; were it to wait for each
chunk, the first GPU would stand still while the second computes.  It waits when each GPU has a
chunk to compute and one more is queued, so that a stop takes effect soon and memory holds little.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import torch

from ..attention import PairCounts
from ..platform.base import Marker
from ..platform.devices import platform_of


@dataclass(frozen=True)
class _Queued:
    tokens_done: int
    counts: PairCounts
    ends: tuple[Marker, ...]


class InflightChunks:
    """Chunks that are queued; `report` is called for each in order, once it is done."""

    def __init__(
        self, devices: tuple[torch.device, ...], report: Callable[[int, PairCounts], None]
    ) -> None:
        self._devices = [device for device in devices if platform_of(device).queues_work]
        self._report = report
        self._queued: deque[_Queued] = deque()

    def add(self, tokens_done: int, counts: PairCounts) -> None:
        """The chunk that ends after `tokens_done` is queued, or on a CPU done."""
        ends = tuple(platform_of(device).mark(device) for device in self._devices)
        self._queued.append(_Queued(tokens_done, counts, ends))
        self.wait(len(self._devices))

    def wait(self, left: int = 0) -> None:
        """Until at most so many chunks are not done."""
        while len(self._queued) > left:
            chunk = self._queued.popleft()
            for end in chunk.ends:
                end.wait()
            self._report(chunk.tokens_done, chunk.counts)
