"""The engine's attention under the name by which `transformers` models find it."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface

from sa_chat.protocol.errors import ModelError

from ..cancellation import Stopped
from .context import ForwardContext

NAME = "sa_chat"
CONTEXT_KEYWORD = "sa_chat_context"  # of the model's forward; holds a `ForwardContext`

# What some models hand to their attention, and what it would change if it were ignored.
_UNSUPPORTED = {
    "softcap": "soft-capped attention scores",
    "position_bias": "an attention bias",
}


def register() -> None:
    """Make `attn_implementation="sa_chat"` known.  Repeating it changes nothing."""
    AttentionInterface.register(NAME, _attention)
    AttentionMaskInterface.register(NAME, _no_mask)


def _attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Called by every attention layer: query [1, H, C, D], key and value [1, G, N, D].

    A layer that sees a window only hands its size on as `sliding_window`, and one with learned
    sinks hands them on as `s_aux`, [H].  Returns [1, C, H, D] and no weights.

    Raises:
        ModelError: for what would change the result and is not computed here.
        Stopped: before anything is computed, when the work was cancelled.
    """
    context = _context(attention_mask, kwargs)
    assert query.shape[0] == 1, "one conversation at a time"
    assert not module.training, "inference only"
    if context.cancelled():
        raise Stopped
    q, k, v = query[0], key[0], value[0]
    layer: int = module.layer_idx  # type: ignore[assignment]
    scale = q.shape[-1] ** -0.5 if scaling is None else scaling
    window: int | None = kwargs.get("sliding_window")
    backend, stats, selection = context.backend, context.stats, None
    if backend.selects and window is None:
        if stats is None:
            selection = backend.select(layer, q, k, scale=scale)
        else:
            with stats.selecting.running(q.device):
                selection = backend.select(layer, q, k, scale=scale)
    out, lse = backend.attend(
        layer, q, k, v, selection, scale=scale, window=window, sink_logits=kwargs.get("s_aux")
    )
    if stats is not None:
        stats.record(layer, q, k, lse, selection, window)
    if context.probe is not None:
        sinks: Tensor | None = kwargs.get("s_aux")
        context.probe.record(layer, q, k, v, out, lse, selection, scale=scale, sink_logits=sinks)
    return out.transpose(0, 1).unsqueeze(0), None


def _context(attention_mask: Tensor | None, kwargs: dict[str, Any]) -> ForwardContext:
    """The context of this pass.  Raises `ModelError` for what is not computed here."""
    unsupported = [name for key, name in _UNSUPPORTED.items() if kwargs.get(key) is not None]
    if attention_mask is not None:
        unsupported.append("an attention mask of its own")
    context = kwargs.get(CONTEXT_KEYWORD)
    if not isinstance(context, ForwardContext):
        unsupported.append("attention layers that get no keyword arguments")
    if unsupported:
        raise ModelError(
            f"This model has {unsupported[0]}, which sa-chat does not support.",
            "Choose a decoder-only model with causal attention, such as Qwen3, Llama 3 or Gemma 3.",
        )
    assert isinstance(context, ForwardContext)
    return context


def _no_mask(*args: Any, **kwargs: Any) -> None:
    """No mask: causality is in the query blocks, and a [C, N] mask would not fit at 128K tokens."""
    return None
