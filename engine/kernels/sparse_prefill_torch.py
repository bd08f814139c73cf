"""The twin of `sparse_prefill`: its definition as a mask, and attention under that mask."""

from __future__ import annotations

import torch
from torch import Tensor

from .block_lists import BlockLists
from .reference import attend_reference
from .tail import TailKeys


def sparse_mask(
    columns: Tensor,
    num_columns: Tensor,
    local_starts: Tensor,
    *,
    rows: Tensor,
    start: int,
    keys: int,
    query_block: int,
) -> Tensor:
    """Which keys rows see by their columns and local windows.

    Args:
        columns, num_columns, local_starts, query_block: as in `sparse_prefill`.
        rows: int64 [R], rows of the chunk, whose row 0 is at position `start`.
        keys: N, the length of the context.
    Returns:
        bool [H, R, N].
    """
    heads, most = columns.shape
    place = torch.arange(most, dtype=torch.int32, device=columns.device)
    # The place of each key in its head's list, `most` for keys that are not columns; what lies
    # past the columns in use goes to one more key, which is cut off.
    places = torch.full((heads, keys + 1), most, dtype=torch.int32, device=columns.device)
    at = torch.where(place < num_columns[:, -1:], columns, keys).long()
    places.scatter_(1, at, place.expand(heads, -1))
    block_of_row = rows // query_block
    seen = places[:, None, :keys] < num_columns[:, block_of_row, None]
    key = torch.arange(keys, device=columns.device)
    local = (key >= local_starts[:, block_of_row, None]) & (key <= (start + rows)[:, None])
    return seen | local


def block_mask(kept: Tensor, *, rows: Tensor, keys: int, size: int) -> Tensor:
    """Which keys rows see by their key blocks.

    Args:
        kept: bool [H, R', B], the key blocks of every row block; `size` rows and keys each.
        rows: int64 [R], rows of the chunk.
        keys: N, the length of the context.
    Returns:
        bool [H, R, N].
    """
    seen = kept[:, rows // size].repeat_interleave(size, dim=-1)[..., :keys]
    return torch.nn.functional.pad(seen, (0, keys - seen.shape[-1]))


def sparse_prefill_torch(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    columns: Tensor,
    num_columns: Tensor,
    local_starts: Tensor,
    blocks: BlockLists | None = None,
    order: Tensor | None = None,
    tail: TailKeys | None = None,
    *,
    query_block: int,
    scale: float,
) -> tuple[Tensor, Tensor]:
    """`sparse_prefill` in plain torch, for every device; both results are float32.

    The whole [H, C, N] score matrix is in memory; `order` changes nothing.
    """
    rows, keys = torch.arange(q.shape[1], device=q.device), k.shape[1]
    lists = columns, num_columns, local_starts
    mask = sparse_mask(
        *lists, rows=rows, start=keys - len(rows), keys=keys, query_block=query_block
    )
    if blocks is not None:
        count = blocks.numbers.shape[-1]
        listed = torch.arange(count, device=q.device) < blocks.counts[..., None]
        at = torch.where(listed, blocks.numbers, count).long()
        kept = torch.zeros(*at.shape[:2], count + 1, dtype=torch.bool, device=q.device)
        kept = kept.scatter_(-1, at, True)[..., :count]
        excluded = torch.nn.functional.pad(blocks.excluded, (0, keys - blocks.excluded.shape[-1]))
        mask |= block_mask(kept, rows=rows, keys=keys, size=blocks.size) & (excluded == 0)[:, None]
    out, lse = attend_reference(q, k, v, scale=scale, mask=mask)
    if tail is None:
        return out, lse
    starts = local_starts.repeat_interleave(query_block, dim=1)[:, : len(rows)]
    return with_tail(out, lse, q, tail, starts, scale=scale), lse


def with_tail(
    out: Tensor, lse: Tensor, q: Tensor, tail: TailKeys, local_starts: Tensor, *, scale: float
) -> Tensor:
    """Attention over kept keys, joined with that over the tail.

    Args:
        out, lse: [H, C, D] and [H, C], over the kept keys, of which every row has one.
        q: [H, C, D].
        local_starts: int [H, C]; a row sees the spans before it.
    Returns:
        [H, C, D] float32.
    """
    ends = (torch.arange(tail.keys.shape[1], device=q.device) + 1) * tail.span
    joined = torch.empty(out.shape, device=q.device)
    for head, mine in enumerate(joined):
        queries, keys = q[head].float() * scale, tail.keys[head].float()
        scores = torch.addmm(tail.log_weights[head], queries, keys.T).sub_(lse[head, :, None])
        scores.masked_fill_(ends > local_starts[head, :, None], float("-inf"))
        # A tail may weigh more than all kept keys; no exponent is above 0.
        highest = torch.nn.functional.pad(scores, (0, 1)).amax(dim=-1, keepdim=True)
        shares, kept = scores.sub_(highest).exp_(), (-highest).exp()
        total = kept + shares.sum(dim=-1, keepdim=True)
        torch.addmm(out[head] * kept, shares, tail.values[head].float(), out=mine).div_(total)
    return joined
