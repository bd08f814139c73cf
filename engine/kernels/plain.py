"""Attention in plain torch, for every device: blocks of query rows, float32 softmax."""

from __future__ import annotations

import torch
from torch import Tensor

WORKSPACE_BYTES = 256 * 2**20  # of float32 scores alive at once


def attend_plain(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    causal: bool,
    scale: float,
    workspace_bytes: int = WORKSPACE_BYTES,
) -> tuple[Tensor, Tensor]:
    """`attend` in plain torch; shapes and meaning as there.

    Scores are held for one block of query rows at a time, so that they never need more than
    `workspace_bytes` (or one row of every head, if that is more).
    """
    heads, rows, _ = q.shape
    groups, keys, _ = k.shape
    q = q.reshape(groups, heads // groups, *q.shape[1:])  # [G, H/G, C, D]
    k_t = k.transpose(1, 2).unsqueeze(1)  # [G, 1, D, N]
    v = v.unsqueeze(1)  # [G, 1, N, D]
    block = max(1, workspace_bytes // (4 * heads * keys))
    outs, lses = [], []
    for start in range(0, rows, block):
        end = min(start + block, rows)
        seen = keys - rows + end if causal else keys
        scores = torch.matmul(q[:, :, start:end], k_t[..., :seen]).float().mul_(scale)
        if causal:
            last = torch.arange(keys - rows + start, seen, device=q.device)  # [block]
            position = torch.arange(seen, device=q.device)
            scores.masked_fill_(position > last[:, None], float("-inf"))
        lse = torch.logsumexp(scores, dim=-1)
        weights = scores.sub_(lse.unsqueeze(-1)).exp_().to(v.dtype)
        outs.append(torch.matmul(weights, v[:, :, :seen]))
        lses.append(lse)
    out = torch.cat(outs, dim=2).flatten(0, 1)
    return out, torch.cat(lses, dim=2).flatten(0, 1)
