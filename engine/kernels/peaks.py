"""Keys that single rows need: found by their scores."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Peaks:
    """Which heads keep their peaks, and what a peak is."""

    heads: Tensor  # int8 [H], 1 where all scores are computed
    kept: (
        Tensor  # int8 [H, N], 1 for columns, up to the last local window; last dimension contiguous
    )
    share: float  # of what a row keeps otherwise: a key that weighs more is a peak, in (0, 1)
