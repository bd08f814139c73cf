"""Attention in plain torch, for every device: blocks of query rows, float32 softmax."""

from __future__ import annotations

import torch
from torch import Tensor

WORKSPACE_BYTES = 256 * 2**20  # of the float32 scores in memory at once


def attend_torch_native(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    causal: bool,
    scale: float,
    workspace_bytes: int = WORKSPACE_BYTES,
) -> tuple[Tensor, Tensor]:
    """`attend` in plain torch, for every device; shapes and meaning as there.

    Scores are in memory for one block of query rows at a time, so that they never need more than
    `workspace_bytes` (or one row of every head, if that is more).  They are products of float32:
    rounded to bfloat16, scores of 16 and more would be off by some percent after the softmax.
    """
    heads, rows, head_dim = q.shape
    num_kv_heads, keys, _ = k.shape
    group_size = heads // num_kv_heads
    q = q.reshape(num_kv_heads, group_size, rows, head_dim)
    k_t = k.float().transpose(1, 2)  # [G, D, N]
    block = max(1, workspace_bytes // (4 * heads * keys))
    outs, lses = [], []
    for start in range(0, rows, block):
        end = min(start + block, rows)
        seen = keys - rows + end if causal else keys
        # The heads of a group become rows over its one kv head, so that K and V are not copied.
        queries = q[:, :, start:end].float() * scale
        scores = torch.bmm(queries.reshape(num_kv_heads, -1, head_dim), k_t[..., :seen])
        scores = scores.view(num_kv_heads, group_size, end - start, seen)
        if causal:
            last = torch.arange(keys - rows + start, seen, device=q.device)  # [block]
            position = torch.arange(seen, device=q.device)
            scores.masked_fill_(position > last[:, None], float("-inf"))
        lse = torch.logsumexp(scores, dim=-1)
        weights = scores.sub_(lse.unsqueeze(-1)).exp_().to(v.dtype)
        out = torch.bmm(weights.view(num_kv_heads, -1, seen), v[:, :seen])
        outs.append(out.view(num_kv_heads, group_size, end - start, -1))
        lses.append(lse)
    return torch.cat(outs, dim=2).flatten(0, 1), torch.cat(lses, dim=2).flatten(0, 1)
