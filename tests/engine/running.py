"""Prefill, extend and decode over a cache that a test holds, as the engine does them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from torch import Tensor

from sa_chat.engine.cache import KVCache
from sa_chat.engine.cancellation import never
from sa_chat.engine.model.loaded import LoadedModel
from sa_chat.engine.runtime import ChunkReport, ModelRunner, PrefillResult
from sa_chat.engine.sparsity import SelectionSettings
from sa_chat.engine.sparsity.prefill_config import PrefillConfig


def prefill(
    loaded: LoadedModel,
    cache: KVCache,
    ids: Sequence[int],
    *,
    mode: str,
    alpha: float = 0.95,
    chunk: int | None = None,
    settings: SelectionSettings | None = None,
    document_nll: bool = False,
    on_chunk: Callable[[ChunkReport], None] | None = None,
    cancelled: Callable[[], bool] = never,
) -> PrefillResult:
    """`ModelRunner.prefill`, its configuration tuned before; without settings by `alpha`."""
    selection = settings or SelectionSettings(alpha=alpha)
    runner = ModelRunner(loaded, cache)
    config = PrefillConfig(mode, selection, chunk, document_nll)
    config = runner.tune(config, len(ids))
    return runner.prefill(ids, config, on_chunk=on_chunk, cancelled=cancelled)


def extend(loaded: LoadedModel, cache: KVCache, ids: Sequence[int], **options: object) -> Tensor:
    """`ModelRunner.extend`."""
    return ModelRunner(loaded, cache).extend(ids, **options)


def decode(
    loaded: LoadedModel, cache: KVCache, logits: Tensor, **options: object
) -> Generator[int, None, str]:
    """`ModelRunner.decode`."""
    return ModelRunner(loaded, cache).decode(logits, **options)


def no_graph(loaded: LoadedModel, cache: KVCache) -> None:
    """In the place of `captured_step`: steps go call by call."""
