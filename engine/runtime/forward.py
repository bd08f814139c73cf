"""One forward pass of a few tokens through the model and the cache."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sa_chat.protocol.errors import ContextOverflow

from ..attention import RUN_KEYWORD, Run
from ..cache import KVCache
from ..model import LoadedModel
from ..model.keywords import cache_keyword


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
