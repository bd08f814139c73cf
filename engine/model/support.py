"""What a model's configuration may declare, and a probe that it attends through the engine."""

from __future__ import annotations

from typing import Any

import torch
from transformers import PretrainedConfig, PreTrainedModel

from sa_chat.protocol.errors import ModelError

from ..attention import CONTEXT_KEYWORD, AttentionStats, ForwardContext
from ..cache import KVCache
from ..sparsity.prefill_config import AttentionShape
from .keywords import cache_keyword

_HINT = "Choose a decoder-only model with causal attention, such as Qwen3, Llama 3 or Gemma 3."
_PROBE_TOKENS = 3


def refuse_unsupported(config: PretrainedConfig) -> None:
    """Raises `ModelError`, by name, for what the config declares and the engine does not compute.

    Ignoring any of these would give wrong answers without a sign of it.
    """
    text = config.get_text_config(decoder=True)
    layer_types = {str(kind) for kind in getattr(text, "layer_types", None) or ()}
    declared: list[tuple[str, Any]] = [
        ("an encoder", config.is_encoder_decoder),
        ("parts for pictures or sound", text is not config),
        ("sliding windows of no size", any(size < 1 for size in _windows(text).values())),
        (
            f"layers of another kind ({', '.join(sorted(layer_types))})",
            layer_types - {"full_attention", "sliding_attention"},
        ),
        ("bidirectional attention", _bidirectional(text)),
        ("chunked attention", getattr(text, "attention_chunk_size", None)),
        ("soft-capped attention scores", getattr(text, "attn_logit_softcapping", None)),
        ("ALiBi position biases", getattr(text, "alibi", False)),
    ]
    for name, value in declared:
        if value:
            raise _unsupported(name)


def _unsupported(name: str) -> ModelError:
    return ModelError(f"This model has {name}, which sa-chat does not support.", _HINT)


def _windows(config: PretrainedConfig) -> dict[int, int]:
    """The window in keys of each layer that has one; 0 if the configuration gives no size.

    `layer_types` decides where it is given; `use_sliding_window` false switches a declared
    window off.
    """
    window: int = getattr(config, "sliding_window", None) or 0
    layer_types = getattr(config, "layer_types", None)
    if layer_types:
        sliding = [at for at, kind in enumerate(layer_types) if kind == "sliding_attention"]
    else:
        everywhere = window and getattr(config, "use_sliding_window", True)
        sliding = [*range(config.num_hidden_layers)] if everywhere else []
    return dict.fromkeys(sliding, window)


def _bidirectional(config: PretrainedConfig) -> bool:
    told = getattr(config, "use_bidirectional_attention", None)
    return bool(told) or not getattr(config, "is_causal", True)


@torch.inference_mode()
def probe(model: PreTrainedModel, device: torch.device) -> tuple[AttentionShape, ...]:
    """Run a few tokens: every layer must attend through the engine, over the window that the
    config declares for it, and write to its cache.  Returns the different shapes of its attention,
    without that of layers with a window.

    Raises `ModelError` if one does not, so that no model is ever silently run in another way, and
    `torch.OutOfMemoryError`.
    """
    layers = model.config.num_hidden_layers
    cache = KVCache(layers, _PROBE_TOKENS)
    stats = AttentionStats()
    context = ForwardContext(stats=stats)
    tokens = torch.zeros(1, _PROBE_TOKENS, dtype=torch.long, device=device)
    try:
        base = model.base_model
        base(tokens, use_cache=True, **{cache_keyword(base): cache, CONTEXT_KEYWORD: context})
    except torch.OutOfMemoryError:
        raise
    except (TypeError, ValueError, AttributeError, AssertionError, RuntimeError) as error:
        raise ModelError("This model's attention cannot be replaced.", _HINT) from error
    if stats.calls != layers or cache.length != _PROBE_TOKENS:
        raise ModelError(
            f"Only {stats.calls} of this model's {layers} layers attend as sa-chat needs it.", _HINT
        )
    if stats.windows != _windows(model.config.get_text_config(decoder=True)):
        raise _unsupported("sliding-window layers other than it declares")
    return tuple(dict.fromkeys(stats.shapes.values()))
