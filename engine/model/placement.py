"""Number format and memory budgets of the devices that a model may use."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from ..platform.devices import CPU, platform_of
from .fit import DeviceBudget

_PRODUCT = 4096  # rows and columns of the matrices by which unlike GPUs are compared


def resolve_dtype(device: torch.device) -> torch.dtype:
    """The number format in which a model is computed there."""
    return platform_of(device).dtype(device)


def device_budgets(devices: Sequence[torch.device], gpus: int) -> tuple[DeviceBudget, ...]:
    """The budgets of the devices that a model may use: the CPU, or the `gpus` GPUs with the most
    free memory, in order of their numbers.

    They compute in one number format; those that have bfloat16 come before those that have not.
    """
    platform = platform_of(devices[0])
    free = {one: platform.free(one) for one in devices}
    names = {one: platform.device_name(one) for one in devices}
    if platform is CPU:
        return (DeviceBudget(devices[0], names[devices[0]], free[devices[0]]),)
    native = [one for one in devices if platform.dtype(one) == torch.bfloat16]
    alike = sorted(native or devices, key=lambda one: free[one], reverse=True)
    chosen = sorted(alike[:gpus], key=lambda one: one.index)
    unlike = len({names[one] for one in chosen}) > 1
    return tuple(
        DeviceBudget(one, names[one], free[one], matmul_speed(one) if unlike else 1.0)
        for one in chosen
    )


def matmul_speed(device: torch.device) -> float:
    """Matrix products a second."""
    a = torch.ones(_PRODUCT, _PRODUCT, dtype=resolve_dtype(device), device=device)
    platform, times = platform_of(device), []
    for _ in range(4):  # the first has one-time work in it
        platform.synchronize(device)
        began = time.perf_counter()
        a @ a
        platform.synchronize(device)
        times.append(time.perf_counter() - began)
    return 1.0 / min(times)
