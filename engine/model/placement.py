"""Devices and number format, by what the machine can do and what is free on it."""

from __future__ import annotations

import time
from collections.abc import Sequence

import psutil
import torch

from sa_chat.protocol.errors import ModelError

from ..kernels.instructions import has_amx, has_avx512_bf16
from ..platform.machine import cpu_name
from .fit import Room

_PRODUCT = 4096  # rows and columns of the matrices by which unlike GPUs are compared


def resolve_device(wanted: str) -> torch.device:
    """The device for "auto", "cpu" or "cuda".  Raises `ModelError` for a GPU that is not there."""
    has_cuda = torch.cuda.is_available()
    if wanted == "cuda" and not has_cuda:
        raise ModelError(
            "No CUDA device was found, or this PyTorch was built without CUDA.",
            "Use --device cpu, or install a PyTorch built for CUDA.",
        )
    if wanted == "cpu" or not has_cuda:
        return torch.device("cpu")
    return torch.device("cuda", torch.cuda.current_device())


def candidates(wanted: str) -> tuple[torch.device, ...]:
    """The CPU, or all visible GPUs, for "auto", "cpu" or "cuda".

    Raises `ModelError` as `resolve_device`.
    """
    device = resolve_device(wanted)
    if device.type == "cpu":
        return (device,)
    return tuple(torch.device("cuda", index) for index in range(torch.cuda.device_count()))


def resolve_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device multiplies it natively, else float32."""
    if device.type == "cuda":
        native = torch.cuda.get_device_capability(device) >= (8, 0)
    else:
        native = has_avx512_bf16() or has_amx()  # without them it is slower than float32
    return torch.bfloat16 if native else torch.float32


def rooms(devices: Sequence[torch.device], gpus: int) -> tuple[Room, ...]:
    """What a model may use of the given devices: the CPU, or of the GPUs the `gpus` with the most
    free memory, in order of their numbers.

    They compute in one number format; those that have bfloat16 come before those that have not.
    """
    if devices[0].type == "cpu":
        return (Room(devices[0], cpu_name(), psutil.virtual_memory().available),)
    native = [one for one in devices if resolve_dtype(one) == torch.bfloat16]
    alike = sorted(native or devices, key=_free, reverse=True)
    chosen = sorted(alike[:gpus], key=lambda one: one.index)
    names = [torch.cuda.get_device_name(one) for one in chosen]
    speeds = [1.0] * len(chosen) if len(set(names)) == 1 else [_speed(one) for one in chosen]
    return tuple(
        Room(one, name, _free(one), speed)
        for one, name, speed in zip(chosen, names, speeds, strict=True)
    )


def _free(device: torch.device) -> int:
    """Bytes that can still be allocated: what the driver has and what PyTorch keeps for reuse,
    within the share of the memory that this process may use."""
    free, total = torch.cuda.mem_get_info(device)
    reserved, used = torch.cuda.memory_reserved(device), torch.cuda.memory_allocated(device)
    allowed = int(torch.cuda.get_per_process_memory_fraction(device) * total)
    return min(free + reserved - used, allowed - used)


def _speed(device: torch.device) -> float:
    """Matrix products a second."""
    a = torch.ones(_PRODUCT, _PRODUCT, dtype=resolve_dtype(device), device=device)
    times = []
    for _ in range(4):  # the first has one-time work in it
        torch.cuda.synchronize(device)
        began = time.perf_counter()
        a @ a
        torch.cuda.synchronize(device)
        times.append(time.perf_counter() - began)
    return 1.0 / min(times)
