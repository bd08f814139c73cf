"""Which rows of a chunk are sampled, which validate what they suggest, and which are held out to
measure the recall of the result."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from .plan import QueryBlock

SAMPLINGS = ("strided", "tails")
"""Which rows of every segment: some at equal distances, or its last ones.

SampleAttention (arXiv 2406.15486) has the former in its first version, the latter in its later
one.  Three strided rows of 128 tell as much as seven at the end: docs/decisions/0018 and 0036.
"""


@dataclass(frozen=True)
class Diagonals:
    """Where the diagonals of a chunk lie among its R row blocks and B key blocks.

    Diagonal n consists, for every row block, of the key block that lies n blocks before the one in
    which the row block begins.
    """

    count: int
    valid: Tensor  # bool [R, B], blocks before the row block's local window
    number: Tensor  # int64 [R, B], of the diagonal; 0 or more where it is valid


@dataclass(frozen=True, eq=False)
class SampledRows:
    """One chunk's query blocks and its rows of interest, as tensors on a device."""

    query_blocks: tuple[QueryBlock, ...]
    count: int  # of sampled rows, R
    validation_count: int  # V
    at: Tensor  # int64 [R + V + T], rows of the chunk: sampled, then validation, then held-out ones
    positions: Tensor  # int32 [R + V + T], of the same in the context
    local_starts: Tensor  # int32 [R], where the local window of a sampled row begins
    row_block: Tensor  # int32 [R], the block of `block` rows in which each lies
    validation_local_starts: Tensor  # int32 [V]
    validation_row_block: Tensor  # int64 [V]
    row_blocks: int
    membership: Tensor  # float32 [R, row_blocks], 1 where a row lies in a block
    rows_in_blocks: Tensor  # float32 [row_blocks], how many of the sampled rows lie in each
    local_starts_of_query_blocks: Tensor  # int32 [T]
    ends: Tensor  # int64 [T], `local_starts_of_query_blocks`, where the columns of each end
    last_before: Tensor  # int64 [T], the last key before each, or 0
    heights: Tensor  # int64 [T], rows of the query blocks
    diagonals: Diagonals

    @cached_property
    def local_pairs(self) -> int:
        """(query, key) pairs in the local windows of one head."""
        return sum(query_block.local_pairs for query_block in self.query_blocks)

    @cached_property
    def pairs_of_columns(self) -> Tensor:
        """Pairs that keeping each key before the last local window adds, float32 [N]: the rows of
        the query blocks whose local window begins after it."""
        keys = self.query_blocks[-1].local_start
        counts = self.heights.new_zeros(keys + 1).index_add_(0, self.ends, self.heights)
        return (counts.sum() - counts.cumsum(dim=0))[:keys].float()

    @cached_property
    def mean_of_mass(self) -> Tensor:
        """Factors from the sampled rows' mass on each key to its mean weight over those of them
        that see it, about, float32 [N]."""
        height = self.query_blocks[-1].end - self.query_blocks[0].start
        return (height / self.count) / self.pairs_of_columns

    @property
    def held_out(self) -> Tensor:
        """The held-out rows, one for each query block that has one, int64 [T]."""
        return self.at[self.count + self.validation_count :]

    @property
    def validation(self) -> slice:
        """Where the validation rows stand among the rows of interest."""
        return slice(self.count, self.count + self.validation_count)


def sampled_in(start: int, end: int, *, share: float, sampling: str) -> list[int]:
    """Positions of the sampled rows of the segment [start, end): `share` of it, at least one."""
    rows = end - start
    count = math.ceil(share * rows)
    if sampling == "tails":
        return list(range(end - count, end))
    return [start + (i + 1) * rows // count - 1 for i in range(count)]


def farthest_in(start: int, end: int, sampled: Sequence[int]) -> int | None:
    """Position of the row of the segment that is farthest from all sampled ones, the last of
    several; None where all rows are sampled.  The row before the segment counts as sampled, as
    it mostly is."""
    near = [start - 1, *sampled]
    others = set(range(start, end)) - set(sampled)
    return max(others, key=lambda row: (min(abs(row - s) for s in near), row), default=None)


def spread_in(start: int, end: int, taken: Sequence[int], count: int) -> list[int]:
    """Positions of at most `count` rows of the segment, none of them taken, at equal distances."""
    others = sorted(set(range(start, end)) - set(taken))
    count = min(count, len(others))
    return [others[(2 * i + 1) * len(others) // (2 * count)] for i in range(count)]


def segments_of(query_block: QueryBlock, block: int) -> list[tuple[int, int]]:
    """[start, end) of each segment of `block` rows of a query block, the last one shorter."""
    return [
        (s, min(s + block, query_block.end))
        for s in range(query_block.start, query_block.end, block)
    ]


def sampled_positions(
    query_block: QueryBlock, *, block: int, share: float, sampling: str
) -> list[int]:
    """Positions of the sampled rows of all segments of a query block."""
    return [
        row
        for start, end in segments_of(query_block, block)
        for row in sampled_in(start, end, share=share, sampling=sampling)
    ]


@lru_cache(maxsize=128)  # all layers of a model ask for the same
def rows_of(
    query_blocks: tuple[QueryBlock, ...],
    *,
    block: int,
    share: float,
    sampling: str,
    validation_rows: int,
    device: torch.device,
) -> SampledRows:
    """The sampled rows and `validation_rows` others of every segment, and one held-out row of each
    query block's middle segment."""
    start = query_blocks[0].start
    sampled: list[int] = []
    local_starts: list[int] = []
    validation: list[int] = []
    validation_local_starts: list[int] = []
    held_out: list[int] = []
    for query_block in query_blocks:
        here = sampled_positions(query_block, block=block, share=share, sampling=sampling)
        sampled += here
        local_starts += [query_block.local_start] * len(here)
        segments = segments_of(query_block, block)
        middle = (len(segments) - 1) // 2
        for number, (first, end) in enumerate(segments):
            taken = [r for r in here if first <= r < end]
            if number == middle and (row := farthest_in(first, end, taken)) is not None:
                held_out.append(row)
                taken.append(row)
            others = spread_in(first, end, taken, validation_rows)
            validation += others
            validation_local_starts += [query_block.local_start] * len(others)
    row_block = [(row - start) // block for row in sampled]
    rows = sampled + validation + held_out
    row_blocks = -(-(query_blocks[-1].end - start) // block)

    def there(values: list[int], dtype: torch.dtype) -> Tensor:
        # Not waiting for the copy is safe: the values of pageable memory are taken at once.
        return torch.tensor(values, dtype=dtype).to(device, non_blocking=True)

    of_block = there(row_block, torch.int32)
    numbers = torch.arange(row_blocks, device=device)
    of_row_blocks = there(
        [
            query_block.local_start
            for query_block in query_blocks
            for _ in segments_of(query_block, block)
        ],
        torch.int64,
    )
    membership = (of_block[:, None] == numbers).float()
    keys = torch.arange(query_blocks[-1].local_start // block, device=device)
    diagonals = Diagonals(
        count=start // block + row_blocks,
        valid=keys < (of_row_blocks // block)[:, None],
        number=(start // block + numbers[:, None] - keys).clamp(min=0),
    )
    return SampledRows(
        query_blocks=query_blocks,
        count=len(sampled),
        validation_count=len(validation),
        at=there([row - start for row in rows], torch.int64),
        positions=there(rows, torch.int32),
        local_starts=there(local_starts, torch.int32),
        row_block=of_block,
        validation_local_starts=there(validation_local_starts, torch.int32),
        validation_row_block=there([(row - start) // block for row in validation], torch.int64),
        row_blocks=row_blocks,
        membership=membership,
        rows_in_blocks=membership.sum(dim=0),
        ends=there([query_block.local_start for query_block in query_blocks], torch.int64),
        last_before=there(
            [max(0, query_block.local_start - 1) for query_block in query_blocks], torch.int64
        ),
        local_starts_of_query_blocks=there(
            [query_block.local_start for query_block in query_blocks], torch.int32
        ),
        heights=there([query_block.rows for query_block in query_blocks], torch.int64),
        diagonals=diagonals,
    )
