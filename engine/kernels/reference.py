"""The slow twin of `attend`: the definition, written out in float32."""

from __future__ import annotations

import torch
from torch import Tensor


def attend_reference(
    q: Tensor, k: Tensor, v: Tensor, *, causal: bool, scale: float, window: int | None = None
) -> tuple[Tensor, Tensor]:
    """`attend` by its definition, with the whole [H, C, N] score matrix in float32.

    Shapes and meaning as in `attend`; both results are float32.  With a `window` a causal row sees
    the last so many keys up to its own.  For tests.
    """
    heads, rows, _ = q.shape
    groups, keys, _ = k.shape
    k = k.float().repeat_interleave(heads // groups, dim=0)
    v = v.float().repeat_interleave(heads // groups, dim=0)
    scores = (q.float() @ k.transpose(1, 2)) * scale
    if causal:
        visible = torch.ones(rows, keys, dtype=torch.bool, device=q.device).tril(keys - rows)
        if window is not None:
            visible = visible.triu(keys - rows + 1 - window)
        scores = scores.masked_fill(~visible, float("-inf"))
    return scores.softmax(dim=-1) @ v, torch.logsumexp(scores, dim=-1)
