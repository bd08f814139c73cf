"""How long calls take: medians of repeated runs, with their spread."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from ...platform.devices import platform_of


@dataclass(frozen=True)
class Timing:
    """Seconds of single runs: median, fastest, slowest."""

    median_s: float
    low_s: float
    high_s: float
    runs: int


def measure(
    function: Callable[[], object],
    device: torch.device,
    *,
    repeats: int = 20,
    least: int = 3,
    warmup: int = 1,
    budget_s: float = 1.0,
) -> Timing:
    """Time one function; see `measure_in_turns`."""
    (timing,) = measure_in_turns(
        [function], device, repeats=repeats, least=least, warmup=warmup, budget_s=budget_s
    )
    return timing


def measure_in_turns(
    functions: Sequence[Callable[[], object]],
    device: torch.device,
    *,
    repeats: int = 20,
    least: int = 3,
    warmup: int = 1,
    budget_s: float = 1.0,
) -> tuple[Timing, ...]:
    """Time functions one after another, round after round, so that a machine whose speed drifts
    drifts for all of them.

    After `warmup` rounds that do not count, rounds end after `repeats`, or when `budget_s`
    seconds have gone, but not before `least`.  On a GPU a run is timed by events on the device's
    current stream, launches and waits of the host between them included; before each, a buffer
    of twice the L2 cache is written, so that no run reads what the last one left there.  On CPU
    it is the host's clock.
    """
    assert least >= 1
    platform = platform_of(device)
    time_once = _queue_timer(device) if platform.queues_work else _host_seconds
    for _ in range(warmup):
        for function in functions:
            function()
    platform.synchronize(device)
    rounds: list[list[float]] = []
    began = time.perf_counter()
    while len(rounds) < least or (len(rounds) < repeats and time.perf_counter() - began < budget_s):
        rounds.append([time_once(function) for function in functions])
    return tuple(
        Timing(statistics.median(seconds), min(seconds), max(seconds), len(seconds))
        for seconds in zip(*rounds, strict=True)
    )


def _host_seconds(function: Callable[[], object]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def _queue_timer(device: torch.device) -> Callable[[Callable[[], object]], float]:
    platform = platform_of(device)
    flushed = torch.empty(2 * platform.cache_bytes(device), dtype=torch.int8, device=device)

    def seconds(function: Callable[[], object]) -> float:
        flushed.zero_()
        began = platform.mark(device)
        function()
        ended = platform.mark(device)
        ended.wait()
        return ended.seconds_since(began)

    return seconds
