"""The heaviest blocks, wherever they lie."""

from __future__ import annotations

import torch

from ...kernels.top_p_mask import top_p_members
from ..plan import Blocks
from .base import Proposal, Request, held_in, no_columns


class BlockCluster:
    """For every row block the key blocks with the highest pooled mass, until they hold alpha of
    that row block's, and the first block (SparseAccelerate, arXiv 2412.06198, names it; the
    definition is ours).

    One threshold for all row blocks would keep less of those whose mass lies in many blocks:
    on 32,768 tokens of structured inputs it covers .61 of cluster heads' rows at the 5th
    percentile, one for each row block .94.
    """

    reaches = True

    def propose(self, request: Request) -> Proposal:
        blocks, valid = request.blocks, request.rows.diagonals.valid
        heads, row_blocks, _ = blocks.shape
        lost = 1.0 - request.settings.alpha
        needed = torch.add(blocks[:, :, 1:].sum(dim=-1), request.rows.of_blocks, alpha=-lost)
        each = blocks.view(heads * row_blocks, -1)
        kept = top_p_members(each, each, needed.flatten(), num_sink_tokens=1).view(blocks.shape)
        kept[:, :, 0] = True
        kept &= valid
        return Proposal(
            *no_columns(request), Blocks(request.settings.block, kept), held_in(request, kept)
        )
