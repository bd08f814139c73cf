"""How a document is cut into chunks, each of which is one forward pass."""

from __future__ import annotations

import math
from itertools import pairwise

import torch

from ..model import LoadedModel
from ..platform.devices import platform_of
from ..sparsity.prefill_config import PrefillConfig

_EDGE = 1024  # over two stages, chunks end at multiples
_SPARSE_TIME = 0.2  # of dense attention's, selection included; an H100 at 131,072 keys

Span = tuple[int, int]
"""Positions [start, end) of a document's tokens."""


def spans_of(loaded: LoadedModel, tokens: int, config: PrefillConfig) -> list[Span]:
    """The chunks of a document of so many tokens: over two stages such that each costs the same."""
    if config.chunk_tokens is None and len(loaded.devices) == 2:
        return pipelined_spans(tokens, even_keys(loaded, dense=config.dense), loaded.device)
    return chunk_spans(0, tokens, loaded.device, config.chunk_tokens)


def chunk_spans(start: int, end: int, device: torch.device, size: int | None = None) -> list[Span]:
    """The chunks of a prefill, each of `size` tokens or of the platform's own sizes."""
    sizes = platform_of(device).sizes
    step = size or sizes.chunk
    first = sizes.first_chunk if size is None and start == 0 else step
    return list(pairwise([start, *range(start + first, end, step), end]))


def smaller_spans(start: int, end: int, total: int, device: torch.device) -> list[Span] | None:
    """What is left of `total` tokens in chunks of half the size of [start, end), which did not
    fit; None where that is the smallest already."""
    half = max((end - start) // 2, platform_of(device).sizes.smallest_chunk)
    return None if half >= end - start else chunk_spans(start, total, device, half)


def pipelined_spans(end: int, even_keys: float, device: torch.device) -> list[Span]:
    """The chunks [0, end) over two stages, later ones smaller, so that each costs the same.

    Over m stages' worth of equal work a pipeline takes the sum of its chunks' times in one stage,
    and once more that of the costliest.

    Args:
        even_keys: behind so many, attention takes a token as long as all the rest does.
    """
    sizes = platform_of(device).sizes
    count = max(round(end / sizes.chunk), 1 if end < 4 * _EDGE else 2)
    while True:
        edges = {_position(end, part / count, even_keys) for part in range(1, count)}
        inner = sorted(edge for edge in edges if 0 < edge < end)
        if not inner or inner[0] <= sizes.largest_chunk:
            return list(pairwise([0, *inner, end]))
        count += 1


def _position(end: int, share: float, even_keys: float) -> int:
    """Up to where a share of the cost lies, that of x tokens being x + x^2 / (2 even_keys)."""
    cost = share * (end + end * end / (2 * even_keys))
    exact = even_keys * (math.sqrt(1 + 2 * cost / even_keys) - 1)
    return _EDGE * round(exact / _EDGE)


def even_keys(loaded: LoadedModel, *, dense: bool) -> float:
    """See `pipelined_spans`: by multiplications, of which a token has one for each parameter of a
    layer, and two for each key in every dimension of its query heads."""
    config = loaded.model.config
    size = getattr(config, "head_dim", None) or config.hidden_size // loaded.heads
    linear = loaded.parameters / loaded.layers
    attention: int = 2 * loaded.heads * size
    return linear / attention / (1.0 if dense else _SPARSE_TIME)
