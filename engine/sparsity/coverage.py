"""How much softmax mass a plan keeps, on rows that its selection did not sample."""

from __future__ import annotations

from torch import Tensor

from .row_sampling import Sample


def coverage(kept: Tensor, sample: Sample) -> Tensor:
    """Kept softmax mass of the held-out rows under exact attention, [H, T].

    The mass that the kept keys hold of all is the ratio of both sums of exp(score).

    Args:
        kept: [H, C] float32, the log-sum-exp over the kept keys of every row of the chunk, as
            the executor returns it.
    """
    return (kept.index_select(1, sample.held_rows) - sample.held_lse).exp().clamp(max=1.0)
