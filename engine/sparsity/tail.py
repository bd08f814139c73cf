"""What is left out, summarised: one key and value for each span of keys.

Left-out keys hold little mass each, but together as much as alpha allows, and dropping it moves
every output towards the kept keys.  For the rows of a chunk a span's log-sum-exp is close to
linear in the query: its slope is the mean key, weighted by the attention of the sampled rows, and
its height is set so that these rows see the right mass.  FlashPrefill V2 corrects left-out blocks
by plain means; Multipole Attention (arXiv 2506.13059) does so for clusters while decoding.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..kernels.tail import span_means
from .plan import Tail
from .row_sampling import Sample

_MOST = 4.0  # nats that a span may weigh above its number of keys


def tail_of(sample: Sample, kept: Tensor, heads: Tensor, span: int) -> Tail:
    """The tail of what is not kept.

    Args:
        kept: bool [H, N], the columns among the keys before the last local window.
        heads: bool [H], those that have a tail.
        span: keys, a divisor of the size of a block.
    """
    source, rows = sample.source, sample.source.rows
    k, count = source.k, rows.count
    spans = kept.shape[1] // span
    mass = sample.column_mass.masked_fill(kept, 0.0)[:, : spans * span]
    mass = mass.view(len(mass), spans, span)
    total = mass.sum(dim=-1)
    weights = (mass / total.clamp(min=torch.finfo(torch.float32).tiny)[..., None]).to(k.dtype)
    keys = span_means(weights, k)
    scores = source.q[:, :count] @ keys.transpose(1, 2)
    shares = (scores.float() * source.scale - source.lse[:, :count, None]).exp_()
    ends = (torch.arange(spans, device=k.device) + 1) * span
    estimated = shares.masked_fill_(ends > rows.local_starts[:, None], 0.0).sum(dim=1)
    log_weights = (total / estimated).log_().clamp_(max=_MOST + torch.tensor(span).log().item())
    nothing = (total <= 0.0) | (estimated <= 0.0) | ~heads[:, None]
    return Tail(span, keys, weights, log_weights.masked_fill_(nothing, float("-inf")))
