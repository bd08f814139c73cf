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
    """One chunk of one layer.

    `columns[h]` is None where query head h is dense, else the sorted positions (int64, [n], on
    the device of the keys) of its kept columns, sinks included.  A tile uses those that lie
    before its band, which are the first `used(h, tile)` of the list, so no mask is needed.
    `edges[h][t]` holds that count for tile t.
    """

    tiles: tuple[Tile, ...]
    columns: tuple[Tensor | None, ...]  # [H]
    edges: tuple[tuple[int, ...], ...]  # [H][tiles]; empty for a dense head
    pairs_computed: tuple[int, ...]  # [H]
    pairs_causal: int  # of one head

    @property
    def dense_heads(self) -> tuple[int, ...]:
        return tuple(h for h, kept in enumerate(self.columns) if kept is None)

    @property
    def density(self) -> float:
        """Computed pairs / causal pairs, over all heads."""
        return sum(self.pairs_computed) / (self.pairs_causal * len(self.columns))


def causal_pairs(start: int, end: int) -> int:
    """Causal (query, key) pairs of the chunk [start, end) over all keys so far."""
    rows = end - start
    return rows * start + rows * (rows + 1) // 2
