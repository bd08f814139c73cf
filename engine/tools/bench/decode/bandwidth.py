"""Memory bandwidth, measured, and the bytes that one token of an answer has to read."""

from __future__ import annotations

import statistics

import torch

from ....cache import KVCache
from ....cache.layers import KVLayer
from ....model import LoadedModel
from ..timing import measure

COPIED_BYTES = (2**28, 2**29, 2**30)  # of each of two buffers; larger than caches


def bandwidth(device: torch.device) -> float:
    """Bytes a second that a large copy moves, read and written both counted.

    The median of several sizes, each the median of its runs; on CPU with PyTorch's threads.
    """
    return statistics.median(_copied(size, device) for size in COPIED_BYTES)


def _copied(size: int, device: torch.device) -> float:
    source = torch.randint(-128, 128, (size,), dtype=torch.int8, device=device)
    target = torch.empty_like(source)
    return 2 * size / measure(lambda: target.copy_(source), device, repeats=15).median_s


def token_bytes(loaded: LoadedModel, cache: KVCache, length: float) -> dict[torch.device, float]:
    """Bytes that one token reads on each device with `length` tokens in the cache.

    All weights but the embedding's rows of other tokens (a tied one is read as the head), and all
    keys and values so far.
    """
    amounts: dict[torch.device, float] = {}
    model = loaded.model
    embedding = model.get_input_embeddings().weight
    tied = model.get_output_embeddings().weight is embedding  # type: ignore[no-untyped-call]
    for parameter in model.parameters():
        if tied or parameter is not embedding:
            _add(amounts, parameter.device, parameter.nbytes)
    for layer in cache.layers:
        assert isinstance(layer, KVLayer)
        _add(amounts, layer.buffers[0].device, layer.nbytes * length / cache.capacity)
    return amounts


def bound_s(amounts: dict[torch.device, float], rates: dict[torch.device, float]) -> float:
    """Seconds that reading takes at least: devices work one after another.

    Args:
        amounts: bytes by device; rates: bytes a second by device.
    """
    return sum(amount / rates[device] for device, amount in amounts.items())


def _add(amounts: dict[torch.device, float], device: torch.device, amount: float) -> None:
    amounts[device] = amounts.get(device, 0.0) + amount
