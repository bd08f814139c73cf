"""What to compute for one (layer, chunk): tiles of query rows and each head's columns."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Tile:
    """Query rows [start, end) and the band that goes with them, in positions of the context.

    A row at position i sees every key in [band, i], and of the keys before `band` the kept
    columns.  Columns and band are disjoint by this definition.
    """

    start: int
    end: int
    band: int

    @property
    def rows(self) -> int:
        return self.end - self.start

    @property
    def band_pairs(self) -> int:
        """(query, key) pairs in the band, the causal diagonal included."""
        return self.rows * (self.start - self.band) + self.rows * (self.rows + 1) // 2


def tiles_of(start: int, end: int, *, tile: int, window: int) -> tuple[Tile, ...]:
    """Tiles of at most `tile` rows over the chunk [start, end)."""
    return tuple(
        Tile(first, min(first + tile, end), max(0, first - window))
        for first in range(start, end, tile)
    )


@dataclass(frozen=True)
class Plan:
    """One chunk of one layer, as tensors on the device of its keys.

    Head h computes in tile t the keys `columns[h, :used[h, t]]`, all before the band, and those
    from `bands[h, t]` to each row itself.  The lists are sorted and a tile uses the first of
    them, so no mask is needed.  A dense head uses no columns, and its bands begin at 0.
    """

    tiles: tuple[Tile, ...]
    columns: Tensor  # int32 [H, M], sinks included; past `used` anything
    used: Tensor  # int32 [H, T]
    bands: Tensor  # int32 [H, T]
    pairs_computed: Tensor  # int64 [H]
    pairs_causal: int  # of one head

    @property
    def dense(self) -> Tensor:
        """Which heads are dense, [H] bool."""
        return self.bands[:, -1] < self.tiles[-1].band

    @property
    def density(self) -> float:
        """Computed pairs / causal pairs, over all heads."""
        return int(self.pairs_computed.sum()) / (self.pairs_causal * len(self.columns))


def causal_pairs(start: int, end: int) -> int:
    """Causal (query, key) pairs of the chunk [start, end) over all keys so far."""
    rows = end - start
    return rows * start + rows * (rows + 1) // 2
