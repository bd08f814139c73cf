"""The devices that a benchmark's options name."""

from __future__ import annotations

import torch

from sa_chat.protocol.errors import UsageError

from ....platform.devices import CPU, candidates, platform_of


def chosen_devices(device: str, gpus: int) -> tuple[torch.device, ...]:
    """The devices for --device and --gpus.

    Raises `UsageError` if there are not so many GPUs, `ModelError` for a kind of device
    that is not there.
    """
    there = candidates(device)
    if platform_of(there[0]) is CPU:
        if gpus > 1:
            raise UsageError("--gpus 2 needs two CUDA devices.", "Leave --gpus out.")
        return there
    if gpus > len(there):
        raise UsageError(
            f"There is only {len(there)} CUDA device, not {gpus}.", "Leave --gpus out."
        )
    return there[:gpus]
