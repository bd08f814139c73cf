"""The sizes that selection works with."""

from __future__ import annotations

from dataclasses import dataclass, field

from .cost import CostModel

METHODS = ("joined", "window-columns", "triangular")
"""How a head's keys are chosen.  "joined" takes the cheaper of window + columns and dense, and is
dense below the break-even length.  The others are one pattern alone, for comparison, in every
head and chunk: window + columns (SampleAttention, arXiv 2406.15486) whatever it costs; triangular
is sinks and window only, whatever it covers."""


@dataclass(frozen=True)
class SelectionSettings:
    """How a chunk is sampled and which keys are kept.  All counts are tokens.

    The defaults were measured on CPU at head size 64.  `density` forces how much is computed:
    the heaviest columns are taken until window and columns together make that share of the
    chunk's causal pairs, whatever mass they hold and whatever they cost; alpha is then unused.
    """

    alpha: float = 0.95  # share of the sampled attention mass to keep
    method: str = "joined"  # one of METHODS
    density: float | None = None  # forced, in (0, 1); None: chosen by alpha
    tile: int = 512  # query rows that share one list of keys, and one segment of sampling
    window: int = 512  # keys before a tile that all of its rows see
    sinks: int = 16  # first keys of the context, always kept
    sampled_share: float = 0.05  # of a tile's rows, taken from its end
    break_even: int = 4096  # keys; a chunk that ends before them stays dense
    cost: CostModel = field(default_factory=CostModel)

    def __post_init__(self) -> None:
        assert 0.0 < self.alpha <= 1.0
        assert self.method in METHODS
        assert self.density is None or 0.0 < self.density < 1.0
        assert min(self.tile, self.window, self.sinks) >= 1
        assert 0.0 < self.sampled_share <= 0.25, "the middle of a tile is held out"
