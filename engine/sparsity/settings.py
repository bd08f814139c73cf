"""The sizes that selection works with."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from sa_chat.protocol.config import DEFAULT_ALPHA, METHODS

from .cost import CostModel
from .rows import SAMPLINGS

_COLUMNS = "local-vertical"
_SHARE, _SHARE_OF_LONG = 3 / 128, 2 / 128
_LONG_CHUNK = 4096  # rows


@dataclass(frozen=True)
class SelectionSettings:
    """How a chunk is sampled and which keys are kept.  All counts are tokens.

    `alpha` is the share of its attention mass that nearly every row of every head keeps, see
    `guarantee`; heads in which rows would lose a single key with a share `peak` are dense.
    `density` forces how much is computed: the columns with most mass per pair are taken until
    window and columns together make that share of the chunk's causal pairs, whatever they hold
    and whatever they cost; alpha is then unused.  `sparsity.autotune` measures what is None
    here and the costs on each machine; without a `break_even` the method `auto` is always dense.
    """

    alpha: float = DEFAULT_ALPHA  # share of its attention mass that nearly every row keeps
    method: str = "auto"  # one of METHODS
    density: float | None = None  # forced, in (0, 1); None: chosen by alpha
    query_block: int = 512  # query rows that share one list of keys
    window: int = 512  # keys before a query block that all of its rows see, at least
    block: int = 128  # rows of a sampled segment; rows and keys of a block
    num_sink_tokens: int = 16  # first keys of the context, always kept
    tail_span: int | None = 64  # left-out keys that one stands for, at most; None: no tail
    peak: float = 0.1  # least share of a row's mass that makes a key a peak
    sampled_share: float | None = None  # of a segment's rows; None: by the chunk's length
    sampling: str = "strided"  # one of SAMPLINGS
    # alpha_c and alpha_s of vertical-slash; None: one threshold for both, which reaches alpha
    alpha_vertical_slash: tuple[float, float] | None = None
    break_even: int | None = None  # keys before which the method `auto` is dense
    patterns: tuple[str, ...] | None = None  # what the method `auto` chooses from
    max_column_share: float = 1.0  # share of the keys; where it keeps more, such a head is dense
    cost: CostModel = field(default_factory=CostModel)

    def __post_init__(self) -> None:
        assert 0.0 < self.alpha <= 1.0
        assert self.method in METHODS
        assert 0.0 < self.peak < 1.0
        assert self.density is None or 0.0 < self.density < 1.0
        assert min(self.query_block, self.window, self.num_sink_tokens) >= 1
        assert self.query_block % self.block == 0, "a query block consists of whole blocks"
        assert self.num_sink_tokens <= self.block, "the sinks lie in the first block"
        assert self.sampled_share is None or 0.0 < self.sampled_share <= 0.25, "some are held out"
        assert self.sampling in SAMPLINGS
        assert set(self.patterns or ()) <= set(METHODS) - {"auto"}
        assert 0.0 < self.max_column_share <= 1.0

    def share_of(self, rows: int) -> float:
        """The share of a chunk's rows to sample.

        For columns what counts is how many there are for a plan; blocks are chosen by the few in
        their own row block.
        """
        if self.sampled_share is not None:
            return self.sampled_share
        few = rows >= _LONG_CHUNK and not self.needs_blocks
        return _SHARE_OF_LONG if few else _SHARE

    @property
    def span(self) -> int | None:
        """Left-out keys that one key of the tail stands for; None: there is no tail, as in methods
        that keep more or less than columns."""
        if self.tail_span is None or self.method not in ("auto", _COLUMNS):
            return None
        return math.gcd(self.tail_span, self.block)

    @property
    def candidates(self) -> tuple[str, ...]:
        """The patterns to choose from."""
        if self.density is not None:
            return (_COLUMNS,)
        if self.method != "auto":
            return (self.method,)
        return self.patterns or (_COLUMNS,)

    @property
    def needs_levels(self) -> bool:
        """Whether columns are kept by what validation rows would lose."""
        return self.density is None and _COLUMNS in self.candidates

    @property
    def needs_blocks(self) -> bool:
        """Whether a candidate is made of blocks."""
        return bool(set(self.candidates) - {_COLUMNS, "a-shape"})
