"""How a document is cut into chunks, each of which is one forward pass."""

from __future__ import annotations

import math
from itertools import pairwise

import torch

from ..model import LoadedModel

_CPU_CHUNK = 2048  # the linear layers reach full speed from 1024 on
_GPU_CHUNK = 8192  # what each layer's selection costs whatever it selects is spread over more
_LARGEST = 16_384  # for which there is room (`model/fit.py`)
_EDGE = 1024  # over two stages, chunks end at multiples
_SPARSE_TIME = 0.2  # of dense attention's, selection included; an H100 at 131,072 keys

Span = tuple[int, int]
"""Positions [start, end) of a document's tokens."""


def chunk_tokens(device: torch.device) -> int:
    """Tokens of a forward pass in the prefill, on a device of this kind."""
    return _GPU_CHUNK if device.type == "cuda" else _CPU_CHUNK


def chunk_spans(start: int, end: int, device: torch.device, size: int | None = None) -> list[Span]:
    """The chunks of a prefill, each of `size` tokens or `chunk_tokens`.

    On a GPU, where a context begins, the first is twice as long: it is mostly dense, and dense
    attention over a chunk's own keys is faster in one piece.
    """
    step = size or chunk_tokens(device)
    first = 2 * step if size is None and start == 0 and device.type == "cuda" else step
    return list(pairwise([start, *range(start + first, end, step), end]))


def pipelined_spans(end: int, even_keys: float) -> list[Span]:
    """The chunks [0, end) over two stages, later ones smaller, so that each costs the same.

    Over m stages' worth of equal work a pipeline takes the sum of its chunks' times in one stage,
    and once more that of the costliest.

    Args:
        even_keys: behind so many, attention takes a token as long as all the rest does.
    """
    count = max(round(end / _GPU_CHUNK), 1 if end < 4 * _EDGE else 2)
    while True:
        edges = {_position(end, part / count, even_keys) for part in range(1, count)}
        inner = sorted(edge for edge in edges if 0 < edge < end)
        if not inner or inner[0] <= _LARGEST:
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
