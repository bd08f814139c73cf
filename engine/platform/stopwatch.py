"""How long queued work takes, without waiting for it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class Stopwatch:
    """Adds up the time of pieces of work: on a GPU by events in its queue, else by the clock."""

    def __init__(self) -> None:
        self._seconds: defaultdict[torch.device, float] = defaultdict(float)
        self._events: list[tuple[torch.device, torch.cuda.Event, torch.cuda.Event]] = []

    @contextmanager
    def running(self, device: torch.device) -> Iterator[None]:
        """Around work that is queued on the device's current stream."""
        if device.type != "cuda":
            began = time.perf_counter()
            yield
            self._seconds[device] += time.perf_counter() - began
            return
        with torch.cuda.device(device):
            began_at, ended_at = (
                torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
                for _ in range(2)
            )
            began_at.record()
            yield
            ended_at.record()
        self._events.append((device, began_at, ended_at))

    @property
    def seconds(self) -> float:
        """So far, of the device that took longest; waits for the last piece of work to end."""
        for _, _, ended_at in self._events:
            ended_at.synchronize()
        return self.ended_seconds

    @property
    def ended_seconds(self) -> float:
        """As `seconds`, of the pieces that have ended; waits for nothing."""
        pieces, self._events = self._events, []
        for device, began_at, ended_at in pieces:
            if ended_at.query():  # type: ignore[no-untyped-call]
                self._seconds[device] += began_at.elapsed_time(ended_at) / 1e3
            else:
                self._events.append((device, began_at, ended_at))
        return max(self._seconds.values(), default=0.0)


def wait_for(device: torch.device) -> None:
    """Let queued work end, so that a clock read next measures it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
