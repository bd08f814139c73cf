"""FlexAttention over our plans, rounded to the blocks that it can skip.

A block is computed if the plan keeps any of its keys for any of its rows, so the block mask keeps
all that the plan keeps and more.  PyTorch 2.8 and later: torch.nn.attention.flex_attention.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, flex_attention

from ....platform.devices import platform_of
from ....sparsity import SparsePlan
from .baselines import Unavailable, first_line
from .inputs import Inputs
from .ours import Plans, chunks

BLOCK = 128  # rows and keys of a block: FlexAttention's default

Flex = Callable[[Inputs, BlockMask], Tensor]
"""Attention of the whole context under a block mask, [H, L, D]."""


def compiled_flex(inputs: Inputs) -> Flex:
    """FlexAttention, compiled anew for shapes such as these; what was compiled before is dropped.

    Raises `Unavailable` where it does not run, and from its first call if it does not compile.
    """
    if not platform_of(inputs.q.device).queues_work:
        raise Unavailable("FlexAttention needs CUDA")
    if inputs.length % BLOCK:
        raise Unavailable(f"the block mask needs a length that is a multiple of {BLOCK}")
    torch.compiler.reset()  # else a few lengths exhaust the compiler's limit of recompilations
    compiled = torch.compile(flex_attention, dynamic=False)

    def attend(inputs: Inputs, mask: BlockMask) -> Tensor:
        try:
            return call_flex(compiled, inputs, mask)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise Unavailable(first_line(error)) from error

    return attend


def call_flex(function: Callable[..., Tensor], inputs: Inputs, mask: BlockMask) -> Tensor:
    """`flex_attention` or its compiled form on one layer's inputs."""
    q, k, v = inputs.q[None], inputs.k[None], inputs.v[None]
    return function(q, k, v, block_mask=mask, scale=inputs.scale, enable_gqa=True)[0]


def kept_blocks(plans: Plans, inputs: Inputs) -> Tensor:
    """Which blocks the plans touch, [H, L / BLOCK, L / BLOCK] bool, causal ones only."""
    heads, blocks = len(inputs.q), inputs.length // BLOCK
    kept = torch.zeros(heads, blocks, blocks, dtype=torch.bool, device=inputs.q.device)
    for (start, end), plan in zip(chunks(inputs.length, inputs.q.device), plans, strict=True):
        rows = slice(start // BLOCK, end // BLOCK)
        kept[:, rows] = True if plan is None else _chunk_blocks(plan, rows, blocks)
    return kept.tril_()


def _chunk_blocks(plan: SparsePlan, rows: slice, blocks: int) -> Tensor:
    """[H, chunk / BLOCK, blocks] bool.

    The rows of a query block within a block of rows see the same keys but for the causal diagonal,
    so the last of them sees what they see together.
    """
    last = torch.tensor(
        [
            min(first + BLOCK, query_block.end) - 1
            for query_block in plan.query_blocks
            for first in range(query_block.start // BLOCK * BLOCK, query_block.end, BLOCK)
        ],
        device=plan.columns.device,
    )
    mask = plan.to_mask(last - rows.start * BLOCK)
    seen = mask.view(*mask.shape[:-1], -1, BLOCK).any(dim=-1)
    touched = seen.new_zeros(len(seen), rows.stop - rows.start, blocks, dtype=torch.int32)
    touched[..., : seen.shape[-1]].index_add_(1, last // BLOCK - rows.start, seen.int())
    return touched > 0


def block_mask(blocks: Tensor) -> BlockMask:
    """FlexAttention's form of `kept_blocks`: the diagonal is masked causally, the rest is whole."""
    whole = blocks.tril(-1)
    partial = blocks & ~whole
    return BlockMask.from_kv_blocks(
        *_indices(partial), *_indices(whole), BLOCK_SIZE=BLOCK, mask_mod=_causal
    )


def _indices(blocks: Tensor) -> tuple[Tensor, Tensor]:
    """Counts [1, H, rows] and, kept ones first, the order of the blocks [1, H, rows, blocks]."""
    counts = blocks.sum(dim=-1, dtype=torch.int32)
    order = blocks.to(torch.int8).argsort(dim=-1, descending=True, stable=True).int()
    return counts[None], order[None]


def _causal(batch: Tensor, head: Tensor, row: Tensor, key: Tensor) -> Tensor:
    return row >= key


def block_density(blocks: Tensor) -> float:
    """Causal pairs in computed blocks / causal pairs; of a diagonal block its causal half."""
    heads, count, _ = blocks.shape
    diagonal = int(blocks.diagonal(dim1=1, dim2=2).sum())
    below = int(blocks.sum()) - diagonal
    length = count * BLOCK
    computed = below * BLOCK**2 + diagonal * (BLOCK * (BLOCK + 1) // 2)
    return computed / (heads * (length * (length + 1) // 2))


def kept_keys_of(blocks: Tensor, rows: list[int]) -> Tensor:
    """Which keys each row attends to, [H, len(rows), L] bool."""
    at = torch.tensor(rows, device=blocks.device)
    kept = blocks[:, at // BLOCK].repeat_interleave(BLOCK, dim=-1)
    return kept & (torch.arange(kept.shape[-1], device=blocks.device) <= at[:, None])
