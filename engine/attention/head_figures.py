"""What a head attends to and what its selection keeps of it, as figures, and the kind of head."""

from __future__ import annotations

from dataclasses import dataclass

SINKS = 16  # first keys of the context
WINDOW = 1024  # last keys of a row, its own included
MASS = 0.95  # that the fewest keys are counted to
KINDS = ("local", "copying", "diffuse", "sparse")

_LOCAL_MASS = 0.95
_COPYING_SHARE, _ABOVE_CHANCE = 0.1, 3.0
_DIFFUSE_KEYS = 0.15


@dataclass(frozen=True)
class HeadFigures:
    """One query head, over the held-out rows of a prefill that have keys outside of sinks and
    window (over all, where none has).

    Masses are shares of a row's softmax mass under exact attention, in the mean over rows; the
    error of a row is ||out - exact|| / ||exact||, of the head's output before the projection.
    """

    layer: int
    head: int
    rows: int
    recall: float  # mean
    recall_p5: float
    recall_min: float
    error: float  # mean
    error_p95: float
    sinks: float  # mass of the first `SINKS` keys
    window: float  # mass of the last `WINDOW` keys that are no sinks
    copying: float  # mass outside of both, at keys that follow an earlier copy of the row's token
    chance: float  # what `copying` would be if the mass outside were spread evenly
    fewest_keys: float  # that hold `MASS`, as a share of the causal keys

    @property
    def kind(self) -> str:
        """One of `KINDS`: "local" attends to sinks and window alone; "copying" to what followed the
        same token earlier (induction heads: arXiv 2209.11895); "diffuse" needs many keys; "sparse"
        few, elsewhere."""
        if self.sinks + self.window >= _LOCAL_MASS:
            return "local"
        outside = 1.0 - self.sinks - self.window
        if self.copying >= max(_COPYING_SHARE * outside, _ABOVE_CHANCE * self.chance):
            return "copying"
        return "diffuse" if self.fewest_keys > _DIFFUSE_KEYS else "sparse"
