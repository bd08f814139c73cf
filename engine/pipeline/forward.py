"""One forward pass of a few tokens through the model and the cache."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from ..attention import RUN_KEYWORD, Run
from ..cache import KVCache
from ..errors import ContextOverflow
from ..model import LoadedModel
from ..model.keywords import cache_keyword

_CPU_CHUNK = 2048  # the linear layers reach full speed from 1024 on
_GPU_CHUNK = 8192  # what each layer's selection costs whatever it selects is spread over more


def chunk_tokens(device: torch.device) -> int:
    """Tokens of a forward pass in the prefill, on a device of this kind."""
    return _GPU_CHUNK if device.type == "cuda" else _CPU_CHUNK


def chunk_spans(
    start: int, end: int, device: torch.device, size: int | None = None, *, stages: int = 1
) -> list[tuple[int, int]]:
    """The chunks [start, end) of a prefill, each of `size` tokens or `chunk_tokens`.

    On a GPU, where a context begins, the first is twice as long: it is mostly dense, and dense
    attention over a chunk's own keys is faster in one piece.  Over two stages it is half as long
    instead, and the last one at most as long: while they are read, one of the GPUs stands still.
    """
    step = size or chunk_tokens(device)
    if size or device.type != "cuda":
        return list(pairwise([start, *range(start + step, end, step), end]))
    if stages == 1:
        first = step if start else 2 * step
        return list(pairwise([start, *range(start + first, end, step), end]))
    half = step // 2
    edges = [start, *range(start + half, end, step), end]
    if len(edges) > 2 and end - edges[-2] > half:
        edges.insert(-1, end - half)
    return list(pairwise(edges))


@torch.inference_mode()
def forward(
    loaded: LoadedModel, cache: KVCache, ids: Tensor, run: Run, *, logits: int
) -> Tensor | None:
    """Append `ids` [C] to the cache; returns the logits [`logits`, vocabulary] after the last so
    many of them, None where none are asked for.

    When anything is raised on the way, also in the middle of the layers, the cache is as it
    was before.
    """
    before = cache.length
    module = loaded.model if logits else loaded.model.base_model
    arguments = {cache_keyword(module): cache, "use_cache": True, RUN_KEYWORD: run}
    try:
        if logits == 0:
            module(ids[None], **arguments)
            return None
        output = module(ids[None], logits_to_keep=logits, **arguments)
    except BaseException:
        cache.truncate(before)
        raise
    after: Tensor = output.logits[0]
    return after


def on_device(ids: Sequence[int], loaded: LoadedModel) -> Tensor:
    """Token ids where the model takes them, int64 [C].  Waits for the device: copy all at once."""
    return torch.tensor(ids, dtype=torch.long, device=loaded.device)


def check_room(cache: KVCache, tokens: int) -> None:
    """Raises `ContextOverflow` unless `tokens` more fit into the cache."""
    if tokens > cache.free:
        raise ContextOverflow(
            f"{tokens:,} more tokens do not fit: {cache.length:,} of {cache.capacity:,} are used.",
            "Ask a shorter question, start a new conversation, or raise --max-context.",
        )
