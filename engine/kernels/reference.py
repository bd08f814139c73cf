"""The twin of `attend`: the definition, written out in float32."""

from __future__ import annotations

import torch
from torch import Tensor


def attend_reference(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    causal: bool = False,
    scale: float,
    window: int | None = None,
    mask: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`attend` by its definition, with the whole [H, C, N] score matrix in float32.  For tests.

    Args:
        q, k, v, causal, scale: as in `attend`.
        window: how many keys a causal row sees, the last ones up to its own; None is all.
        mask: bool [H, C, N] or a shape that broadcasts to it, the keys that each row sees; with
            `causal` those that both allow.  Every row sees at least one key.
    Returns:
        out [H, C, D] and lse [H, C], both float32.
    """
    heads, rows, _ = q.shape
    num_kv_heads, keys, _ = k.shape
    k = k.float().repeat_interleave(heads // num_kv_heads, dim=0)
    v = v.float().repeat_interleave(heads // num_kv_heads, dim=0)
    scores = (q.float() @ k.transpose(1, 2)) * scale
    if causal:
        visible = torch.ones(rows, keys, dtype=torch.bool, device=q.device).tril(keys - rows)
        if window is not None:
            visible = visible.triu(keys - rows + 1 - window)
        scores = scores.masked_fill(~visible, float("-inf"))
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(dim=-1) @ v, torch.logsumexp(scores, dim=-1)
