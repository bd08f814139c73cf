"""The answer, one token at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator
from typing import Literal

from torch import Tensor

from ..attention.context import never
from ..cache import KVCache
from ..model import LoadedModel
from .step import step_for

StopReason = Literal["stop", "length", "cancelled"]


def greedy(logits: Tensor) -> int:
    """The most likely token; `logits` is [vocabulary]."""
    return int(logits.argmax())


def generate(
    loaded: LoadedModel,
    cache: KVCache,
    last_logits: Tensor,
    *,
    stop_ids: Collection[int],
    max_tokens: int,
    cancelled: Callable[[], bool] = never,
    choose: Callable[[Tensor], int] = greedy,
) -> Generator[int, None, StopReason]:
    """Yield tokens until a stop token, `max_tokens`, a full cache, or cancellation.

    The stop token is neither yielded nor cached.  When the generator has ended by itself, every
    yielded token is in the cache, so that a next question can follow; a consumer that leaves
    earlier truncates the cache.  The generator's return value is the reason why it ended.

    Args:
        last_logits: [vocabulary], from `extend` or `prefill`.
        choose: picks the next token from logits [vocabulary]; greedy unless given.
    """
    logits = last_logits
    for _ in range(max_tokens):
        if cancelled():
            return "cancelled"
        token = choose(logits)
        if token in stop_ids:
            return "stop"
        if cache.free == 0:
            return "length"
        yield token
        logits = step_for(loaded, cache)(cache, token)
    return "length"
