"""The heaviest blocks, wherever they lie."""

from __future__ import annotations

import torch

from ...kernels.top_p_mask import top_p_members
from ..plan import Blocks
from .base import Proposal, Request, blocks_reach_alpha, mass_of_blocks, no_columns


class BlockCluster:
    """For every row block the key blocks with the highest pooled attention mass, until they leave
    out a fourth of what alpha allows each row, and the first block (SparseAccelerate, arXiv
    2412.06198, names it; the definition is ours).

    One threshold for all row blocks would keep less for those whose mass lies in many blocks: on
    32,768 tokens of structured inputs the recall of cluster heads' rows is then .61 at the 5th
    percentile, and .94 with one for each row block.
    """

    def propose(self, request: Request) -> Proposal:
        mass, valid = request.block_mass, request.rows.diagonals.valid
        heads, row_blocks, _ = mass.shape
        lost = -request.block_loss
        needed = torch.add(mass[:, :, 1:].sum(dim=-1), request.rows.rows_in_blocks, alpha=lost)
        each = mass.view(heads * row_blocks, -1)
        kept = top_p_members(each, each, needed.flatten(), num_sink_tokens=1).view(mass.shape)
        kept[:, :, 0] = True
        kept &= valid
        blocks = Blocks(request.settings.block, kept)
        return Proposal(
            *no_columns(request),
            blocks,
            mass_of_blocks(request, kept),
            blocks_reach_alpha(request, blocks),
        )
