"""The share of the attention mass that a plan keeps, on rows that its selection did not sample."""

from __future__ import annotations

from torch import Tensor

from .row_sampling import Sample


def held_out_recall(kept_lse: Tensor, sample: Sample) -> Tensor:
    """Recall of the held-out rows: the share of each row's softmax mass, under exact attention,
    that its kept keys hold.

    SampleAttention (arXiv 2406.15486, section 3) calls its minimum over rows the CRA.  It is the
    ratio of the sum of exp(score) over the kept keys to that over all keys.

    Args:
        kept_lse: [H, C] float32, the log-sum-exp over the kept keys of every row of the chunk, as
            `sparse_attention` returns it.
    Returns:
        [H, T] float32, one held-out row for each query block that has one.
    """
    kept = kept_lse.index_select(1, sample.held_out_rows)
    return (kept - sample.held_out_lse).exp().clamp(max=1.0)
