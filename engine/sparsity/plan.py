"""What to compute for one (layer, chunk): blocks of query rows, each head's columns and blocks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from ..kernels.sparse_prefill_torch import block_mask, sparse_mask
from ..kernels.tail import TailKeys, span_means


@dataclass(frozen=True)
class QueryBlock:
    """Query rows [start, end) and their local window, in positions of the context.

    A row at position i sees every key in [local_start, i], and of the keys before `local_start`
    the kept columns and blocks.  These are disjoint from the local window by this definition.
    """

    start: int
    end: int
    local_start: int

    @property
    def rows(self) -> int:
        return self.end - self.start

    @property
    def local_pairs(self) -> int:
        """(query, key) pairs in the local window, the causal diagonal included."""
        return self.rows * (self.start - self.local_start) + self.rows * (self.rows + 1) // 2


@lru_cache(maxsize=128)  # all layers of a model ask for the same
def query_blocks_of(
    start: int, end: int, *, query_block: int, window: int, block: int = 1
) -> tuple[QueryBlock, ...]:
    """The query blocks of the chunk [start, end), of `query_block` rows each, the last of fewer.

    A local window begins `window` keys before its query block, or up to `block` - 1 more so that
    it begins with a key block.
    """
    return tuple(
        QueryBlock(first, min(first + query_block, end), max(0, first - window) // block * block)
        for first in range(start, end, query_block)
    )


@dataclass(frozen=True)
class Blocks:
    """Which key blocks a head's row blocks see, all of them before the local window of their rows.

    Row block i is the rows [i * size, (i + 1) * size) of the chunk, key block b the keys
    [b * size, (b + 1) * size) of the context.
    """

    size: int
    kept: Tensor  # bool [H, R, B]

    def pairs(self, rows: int) -> Tensor:
        """(query, key) pairs in the kept blocks of a chunk of `rows` rows, int64 [H]."""
        pairs = self.kept.sum(dim=(1, 2)) * self.size**2
        missing = self.size * self.kept.shape[1] - rows  # of the last row block
        return pairs - self.kept[:, -1].sum(dim=-1) * (missing * self.size) if missing else pairs


@dataclass(frozen=True)
class Tail:
    """The spans of the keys before a chunk's last local window, without the kept columns."""

    span: int
    keys: Tensor  # [H, S, D] in the type of the keys
    weights: Tensor  # the same type, [H, S, span]: of each left-out key within its span
    log_weights: Tensor  # float32 [H, S], what the span weighs; -inf where nothing is left out

    def with_values(self, v: Tensor) -> TailKeys:
        """The tail with the values of v [G, N, D]."""
        return TailKeys(self.span, self.keys, span_means(self.weights, v), self.log_weights)


@dataclass(frozen=True)
class SparsePlan:
    """One chunk of one layer, as tensors on the device of its keys.

    Head h computes in query block t the keys `columns[h, :num_columns[h, t]]`, all before its local
    window, those of its blocks that are not among the columns, and those from
    `local_starts[h, t]` to each row itself; `to_mask` is this as a mask.  The lists are sorted and
    a query block uses the first of them, so that attention itself needs no mask.  A dense head uses
    no columns and no blocks, and its local windows begin at 0.  A tail adds to the output one key
    and value for each span before the local window; these are no part of the mask.
    """

    query_blocks: tuple[QueryBlock, ...]  # of as many rows each, the last of at most as many
    columns: Tensor  # int32 [H, M], sinks included; past `num_columns` anything
    num_columns: Tensor  # int32 [H, T]
    local_starts: Tensor  # int32 [H, T]
    pairs_computed: Tensor  # int64 [H]; all pairs of a block count
    pairs_causal: int  # of one head
    blocks: Blocks | None = None
    order: Tensor | None = None  # int64 [H], heads with the most pairs first, where they differ
    tail: Tail | None = None  # of what columns and local windows leave out

    @property
    def dense(self) -> Tensor:
        """Which heads are dense, bool [H]."""
        return self.local_starts[:, -1] < self.query_blocks[-1].local_start

    @property
    def density(self) -> float:
        """Computed pairs / causal pairs, over all heads."""
        return int(self.pairs_computed.sum()) / (self.pairs_causal * len(self.columns))

    def to_mask(self, rows: Tensor | None = None) -> Tensor:
        """Which keys each row attends to: the meaning of the plan.

        For tests, benchmarks and pictures; attention never builds it.

        Args:
            rows: int64 [R] on the plan's device, rows of the chunk, which begins with row 0; None
                is all C of them.
        Returns:
            bool [H, R, N], N being the position after the chunk's last row.
        """
        start, keys = self.query_blocks[0].start, self.query_blocks[-1].end
        if rows is None:
            rows = torch.arange(keys - start, device=self.columns.device)
        mask = sparse_mask(
            self.columns,
            self.num_columns,
            self.local_starts,
            rows=rows,
            start=start,
            keys=keys,
            query_block=self.query_blocks[0].rows,
        )
        if self.blocks is not None:
            mask |= block_mask(self.blocks.kept, rows=rows, keys=keys, size=self.blocks.size)
        return mask


def causal_pairs(start: int, end: int) -> int:
    """Causal (query, key) pairs of the chunk [start, end) over all keys so far."""
    rows = end - start
    return rows * start + rows * (rows + 1) // 2
