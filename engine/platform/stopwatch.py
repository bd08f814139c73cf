"""How long queued work takes, without waiting for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from .base import Marker
from .devices import platform_of


class Stopwatch:
    """Adds up the time of pieces of work, on each device by markers in its queue."""

    def __init__(self) -> None:
        self._seconds: defaultdict[torch.device, float] = defaultdict(float)
        self._pieces: list[tuple[torch.device, Marker, Marker]] = []

    @contextmanager
    def running(self, device: torch.device) -> Iterator[None]:
        """Around work that is queued on the device's current stream."""
        platform = platform_of(device)
        began = platform.mark(device)
        yield
        self.add(device, began, platform.mark(device))

    def add(self, device: torch.device, began: Marker, ended: Marker) -> None:
        """Count the work between two markers of a device."""
        self._pieces.append((device, began, ended))

    @property
    def seconds(self) -> float:
        """So far, of the device that took longest; waits for the last piece of work to end."""
        for _, _, ended in self._pieces:
            ended.wait()
        return self.ended_seconds

    @property
    def ended_seconds(self) -> float:
        """As `seconds`, of the pieces that have ended; waits for nothing."""
        pieces, self._pieces = self._pieces, []
        for device, began, ended in pieces:
            if ended.reached():
                self._seconds[device] += ended.seconds_since(began)
            else:
                self._pieces.append((device, began, ended))
        return max(self._seconds.values(), default=0.0)
