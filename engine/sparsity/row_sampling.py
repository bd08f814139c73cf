"""Sampled rows of a chunk: exact attention over all keys so far, summed by key and by block."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..kernels.cpu_bf16 import RELIABLE_SUM, cpu_bf16_supported, shifted_weights, typical_scores
from ..kernels.sampled_rows import block_mass, column_mass, row_lse, sampled_rows_supported
from .plan import QueryBlock
from .rows import SampledRows, rows_of
from .settings import SelectionSettings

WORKSPACE_BYTES = 256 * 2**20  # of scores alive at once, about
_NEGLIGIBLE = 0.005  # of all mass, that blocks may hold together in which no column is looked for


@dataclass(frozen=True)
class Sample:
    """What one chunk's sampled and held-out rows attend to.

    The softmax mass of a sampled row is 1, that of the sample `rows`.  What of it lies outside
    of the bands is summed up: in all, by key, and by row block and key block.  `held_lse` is the
    log-sum-exp over all keys of the chunk's rows `held_rows`, which selection does not look at:
    they measure its coverage.
    """

    rows: int
    outside: Tensor  # float32 [H]
    mass: Tensor  # float32 [H, N] up to the last band; on GPUs even where it is negligible
    blocks: Tensor | None  # float32 [H, R, B]; None where no pattern needs it
    held_rows: Tensor  # int64 [T]
    held_lse: Tensor  # float32 [H, T]
    source: Source

    def mass_beside(self, kept: Tensor) -> Tensor:
        """As `mass`, of what does not lie in kept blocks, bool [H, R, B]."""
        return self.source.mass_beside(kept)


@dataclass(frozen=True)
class Source:
    """What a sample was taken from."""

    q: Tensor  # [H, R + T, D], the sampled and the held-out rows
    k: Tensor  # [G, N, D]
    lse: Tensor  # [H, R + T], over all keys that a row sees
    rows: SampledRows
    block: int
    scale: float
    by_block: Tensor | None  # float32 [H, B], mass outside of the bands; None on CPUs

    def mass(self) -> Tensor:
        """Column sums over all sampled rows, [H, N]."""
        return self._by_kernel(None)

    def mass_beside(self, kept: Tensor) -> Tensor:
        """Column sums over the rows that do not see the key's block, which bool [H, R, B] are
        kept."""
        return _mass_beside(self, kept) if self.by_block is None else self._by_kernel(kept)

    def _by_kernel(self, kept: Tensor | None) -> Tensor:
        assert self.by_block is not None
        rows = self.rows
        return column_mass(
            self.q,
            self.k,
            self.lse,
            rows.local_starts,
            rows.query_blocks[0].local_start,
            self.by_block,
            _NEGLIGIBLE * rows.count / max(1, self.by_block.shape[1]),
            None if kept is None else (kept, rows.row_block),
            keys=rows.query_blocks[-1].local_start,
            block=self.block,
            scale=self.scale,
        )


def sample(
    q: Tensor,
    k: Tensor,
    query_blocks: Sequence[QueryBlock],
    settings: SelectionSettings,
    *,
    scale: float,
) -> Sample:
    """Exact causal softmax of the sampled rows, and the log-sum-exp of one held-out row a tile.

    A tile of one row has no held-out row.

    Args:
        q: [H, C, D], the chunk's queries at positions [N - C, N); k: [G, N, D], all keys so far.
        tiles: those of the chunk, whose last band begins at a key that is not 0.
    """
    rows = rows_of(
        tuple(query_blocks),
        block=settings.block,
        share=settings.share_of(q.shape[1]),
        sampling=settings.sampling,
        device=q.device,
    )
    picked = q.index_select(1, rows.at)
    block = settings.block
    blocks: Tensor | None
    if sampled_rows_supported(q, block):
        parts = row_lse(picked, k, rows.positions, block=block, scale=scale)
        lse, blocks = block_mass(
            *parts,
            rows.local_starts,
            rows.row_block,
            row_blocks=rows.row_blocks,
            blocks=query_blocks[-1].local_start // block,
            block=block,
        )
        by_block = blocks.sum(dim=1)
        source = Source(picked, k, lse, rows, block, scale, by_block)
        mass, outside = source.mass(), by_block.sum(dim=1)
    else:
        wanted = block if settings.needs_blocks else None
        lse, mass, blocks = _by_matrices(picked, k, rows, wanted, scale)
        source = Source(picked, k, lse, rows, block, scale, None)
        outside = mass.sum(dim=-1)
    return Sample(rows.count, outside, mass, blocks, rows.held, lse[:, rows.count :], source)


def _by_matrices(
    q: Tensor, k: Tensor, rows: SampledRows, block: int | None, scale: float
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Log-sum-exp of every row, [H, R + T], and the mass of the sampled ones by key, [H, N], and
    with `block` by row block and key block, [H, R, B]."""
    heads, last = len(q), rows.query_blocks[-1].local_start
    mass = torch.zeros(heads, last, device=q.device)
    lse = torch.empty(q.shape[:2], device=q.device)
    by_block = None
    if block is not None:
        by_block = torch.zeros(heads, rows.row_blocks, -(-last // block), device=q.device)
    for some, keys in _portions(q, k):
        lse[some], parts = _weights(q[some], keys, rows, scale)
        for part in parts:
            if by_block is None or block is None:
                mass[some, part.at] = part.column_sums(None)[:, 0]
                continue
            sums = part.column_sums(rows.membership)
            mass[some, part.at] = sums.sum(dim=1)
            by_block[some, :, part.blocks(block)] = _in_blocks(sums, block)
    return lse, mass, by_block


def _mass_beside(source: Source, kept: Tensor) -> Tensor:
    """`Source.mass_beside` in plain torch."""
    rows, block = source.rows, source.block
    mass = torch.zeros(len(source.q), rows.query_blocks[-1].local_start, device=source.q.device)
    for some, keys in _portions(source.q, source.k):
        for part in _weights(source.q[some], keys, rows, source.scale)[1]:
            counts = ~kept[some, :, part.blocks(block)].repeat_interleave(block, dim=-1)
            sums = part.column_sums(rows.membership)
            mass[some, part.at] = (sums * counts[..., : sums.shape[-1]]).sum(dim=1)
    return mass


def _in_blocks(sums: Tensor, block: int) -> Tensor:
    """[..., n] summed by `block` successive ones, the last of them fewer."""
    short = -sums.shape[-1] % block
    padded = nn.functional.pad(sums, (0, short))
    return padded.view(*padded.shape[:-1], -1, block).sum(dim=-1)


def _portions(q: Tensor, k: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Query heads [H, R, D] of one kv head, as many as the workspace allows, with its keys."""
    shared = len(q) // len(k)
    step = max(1, WORKSPACE_BYTES // (4 * q.shape[1] * k.shape[1]))
    for group, keys in enumerate(k):
        for first in range(group * shared, (group + 1) * shared, step):
            yield slice(first, min(first + step, (group + 1) * shared)), keys


@dataclass(frozen=True)
class _Part:
    """Softmax weights of the sampled rows of a few heads, up to a factor for each row."""

    at: slice  # of keys; begins with a block
    weights: Tensor  # [S, R, n]
    factors: Tensor  # [S, R] float32

    def column_sums(self, membership: Tensor | None) -> Tensor:
        """[S, row blocks, n] float32; without `membership` [R, row blocks] there is one."""
        factors = self.factors.unsqueeze(1)
        if membership is not None:
            factors = factors * membership.T
        return (factors.to(self.weights.dtype) @ self.weights).float()

    def blocks(self, block: int) -> slice:
        return slice(self.at.start // block, -(-self.at.stop // block))


def _weights(q: Tensor, k: Tensor, rows: SampledRows, scale: float) -> tuple[Tensor, list[_Part]]:
    """What the sampled rows among q [S, R + T, D] give to the keys [N, D] before their bands;
    and the log-sum-exp of every row over all keys, [S, R + T]."""
    before, last = rows.query_blocks[0].local_start, rows.query_blocks[-1].local_start
    sampled = slice(0, rows.count)
    near = torch.arange(before, len(k), device=k.device)
    scores = (q.float() @ k[before:].float().T) * scale
    scores = scores.masked_fill_(near > rows.positions[:, None], -math.inf)
    lse = scores.logsumexp(dim=-1)
    parts = []
    if before:  # all rows see these, and no row has them in its band
        blocks, shift, total = _far_weights(q, k[:before], lse, scale)
        lse = torch.logaddexp(lse, shift + total.log())
        factors = (shift - lse).exp()[:, sampled]
        done = 0
        for block in blocks:
            at = slice(done, done + block.shape[-1])
            parts.append(_Part(at, block[:, sampled], factors))
            done = at.stop
    if before < last:
        inside = near[: last - before] < rows.local_starts[:, None]
        weights = (scores[:, sampled, : last - before] - lse[:, sampled, None]).exp_() * inside
        parts.append(_Part(slice(before, last), weights, torch.ones_like(lse[:, sampled])))
    return lse, parts


def _far_weights(
    q: Tensor, k: Tensor, near: Tensor, scale: float
) -> tuple[list[Tensor], Tensor, Tensor]:
    """exp(scaled scores - shift) of rows [S, R, D] over keys [N, D] that all of them see.

    Args:
        near: [S, R], the rows' log-sum-exp over other keys.
    Returns:
        blocks [S, R, n] of successive keys; the shift and the sum of all blocks, [S, R] float32.
    """
    if cpu_bf16_supported(q, k):
        typical = typical_scores(q, k, near, scale)
        flat, shift = shifted_weights(q.flatten(0, 1), k, typical.flatten(), scale)
        total = torch.stack([block.sum(dim=-1) for block in flat]).sum(dim=0, dtype=torch.float32)
        if bool((total <= RELIABLE_SUM).all()):
            shape = q.shape[:2]
            return [block.view(*shape, -1) for block in flat], shift.view(shape), total.view(shape)
    scores = (q.float() @ k.float().T) * scale
    shift = scores.amax(dim=-1)
    weights = scores.sub_(shift.unsqueeze(-1)).exp_()
    return [weights], shift, weights.sum(dim=-1)
