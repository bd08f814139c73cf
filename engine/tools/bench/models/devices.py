"""The devices that a benchmark's options name."""

from __future__ import annotations

import torch

from sa_chat.protocol.errors import UsageError

from ....model.placement import resolve_device


def chosen_devices(device: str, gpus: int) -> tuple[torch.device, ...]:
    """The devices for --device and --gpus.

    Raises `UsageError` if there are not so many GPUs, `ModelError` for CUDA where there is none.
    """
    first = resolve_device(device)
    if first.type == "cpu":
        if gpus > 1:
            raise UsageError("--gpus 2 needs two CUDA devices.", "Leave --gpus out.")
        return (first,)
    there = torch.cuda.device_count()
    if gpus > there:
        raise UsageError(f"There is only {there} CUDA device, not {gpus}.", "Leave --gpus out.")
    return tuple(torch.device("cuda", index) for index in range(gpus))
