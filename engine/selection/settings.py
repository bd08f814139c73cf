"""The sizes that selection works with."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..config import METHODS
from .cost import CostModel


@dataclass(frozen=True)
class SelectionSettings:
    """How a chunk is sampled and which keys are kept.  All counts are tokens.

    The defaults were measured on CPU at head size 64.  `density` forces how much is computed:
    the heaviest columns are taken until window and columns together make that share of the
    chunk's causal pairs, whatever mass they hold and whatever they cost; alpha is then unused.
    Without a `break_even` the joined method is always dense: `attention.calibration` measures it
    on CPUs.  On GPUs none has been found yet: on an H200, one layer of 32/8 heads x 128 at 131,072
    tokens took cuDNN 0.23 s, and selection and the executor's many small calls, before there were
    kernels for them, 2.3 s at density 0.13.
    """

    alpha: float = 0.95  # share of the sampled attention mass to keep
    method: str = "joined"  # one of METHODS
    density: float | None = None  # forced, in (0, 1); None: chosen by alpha
    tile: int = 512  # query rows that share one list of keys, and one segment of sampling
    window: int = 512  # keys before a tile that all of its rows see
    sinks: int = 16  # first keys of the context, always kept
    sampled_share: float = 0.05  # of a tile's rows, taken from its end
    break_even: int | None = None  # keys before which the joined method is dense
    cost: CostModel = field(default_factory=CostModel)

    def __post_init__(self) -> None:
        assert 0.0 < self.alpha <= 1.0
        assert self.method in METHODS
        assert self.density is None or 0.0 < self.density < 1.0
        assert min(self.tile, self.window, self.sinks) >= 1
        assert 0.0 < self.sampled_share <= 0.25, "the middle of a tile is held out"
