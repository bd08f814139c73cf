"""Sampled rows of a chunk: exact attention over all keys so far, its mass by key and by block."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..kernels.block_mass import block_mass
from ..kernels.column_mass import column_mass
from ..kernels.cpu_bf16 import RELIABLE_SUM, cpu_bf16_supported, shifted_weights, typical_scores
from ..kernels.mass_by_level import mass_by_level, mass_by_level_torch
from ..kernels.row_lse import row_lse
from ..kernels.sampled_rows import sampled_rows_supported
from .plan import QueryBlock
from .rows import SampledRows, rows_of
from .settings import SelectionSettings

WORKSPACE_BYTES = 256 * 2**20  # of the scores in memory at once, about
NEGLIGIBLE_MASS = 0.005  # share of all mass in the blocks, together, that have no mass by key


@dataclass(frozen=True)
class Sample:
    """What one chunk's sampled, validation and held-out rows attend to.

    The attention mass (sum of softmax weights) of a sampled row is 1, that of the sample `rows`.
    The part that lies outside of the local windows is summed up: in total, by key, and by row
    block and key block.  Validation rows tell what a row that was not sampled would lose.
    `held_out_lse` is the log-sum-exp over all keys of the chunk's rows `held_out_rows`, which
    selection does not look at: they measure its recall.
    """

    rows: int
    outside_mass: Tensor  # float32 [H]
    column_mass: Tensor  # float32 [H, N] up to the last local window; negligible blocks evenly
    block_mass: Tensor | None  # float32 [H, R, B]; None where no pattern needs it
    validation_blocks: Tensor | None  # float32 [H, V, B], before the local windows; so is this
    held_out_rows: Tensor  # int64 [T]
    held_out_lse: Tensor  # float32 [H, T]
    source: Source

    def column_mass_outside(self, kept: Tensor) -> Tensor:
        """`column_mass` without what lies in kept blocks, bool [H, R, B]."""
        return self.source.column_mass_outside(kept)


@dataclass(frozen=True)
class Source:
    """The tensors that a sample was taken from."""

    q: Tensor  # [H, R + V + T, D], the sampled, the validation and the held-out rows
    k: Tensor  # [G, N, D]
    lse: Tensor  # [H, R + V + T], over all keys that a row sees
    rows: SampledRows
    block: int
    scale: float
    mass_of_blocks: Tensor | None  # float32 [H, B], outside of the local windows; None on CPUs

    def column_mass(self) -> Tensor:
        """The mass of each key over all sampled rows, [H, N], by the kernel."""
        return self._by_kernel(None)

    def column_mass_outside(self, kept: Tensor) -> Tensor:
        """The mass of each key over the sampled rows whose row block does not keep the key's
        block, [H, N]; kept: bool [H, R, B]."""
        if self.mass_of_blocks is None:
            return _column_mass_outside(self, kept)
        return self._by_kernel(kept)

    def mass_by_level(self, weights: Tensor, num_sink_tokens: int) -> tuple[Tensor, Tensor]:
        """The mass of each validation row outside of its local window by the level of its keys,
        and its squares, [H, V, LEVELS]; see `kernels.mass_by_level`.

        Args:
            weights: float32 [H, N], of the keys up to the last local window.
        """
        by_level = mass_by_level_torch if self.mass_of_blocks is None else mass_by_level
        return by_level(
            self.q,
            self.k,
            self.lse,
            self.rows.validation_local_starts,
            weights,
            first_row=self.rows.count,
            first_local_start=self.rows.query_blocks[0].local_start,
            num_sink_tokens=num_sink_tokens,
            scale=self.scale,
        )

    def _by_kernel(self, kept: Tensor | None) -> Tensor:
        assert self.mass_of_blocks is not None
        rows = self.rows
        return column_mass(
            self.q,
            self.k,
            self.lse,
            rows.local_starts,
            rows.query_blocks[0].local_start,
            self.mass_of_blocks,
            NEGLIGIBLE_MASS * rows.count / max(1, self.mass_of_blocks.shape[1]),
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
    validation_rows: int = 1,
) -> Sample:
    """Exact causal softmax of the sampled rows, and the log-sum-exp of the validation and held-out
    ones.

    Args:
        q: [H, C, D], the chunk's queries at positions [N - C, N); k: [G, N, D], all keys so far.
        query_blocks: those of the chunk, whose last local window does not begin at key 0.
        scale: factor on q @ k.T before the softmax.
        validation_rows: of each segment.
    """
    rows = rows_of(
        tuple(query_blocks),
        block=settings.block,
        share=settings.share_of(q.shape[1]),
        sampling=settings.sampling,
        validation_rows=validation_rows,
        device=q.device,
    )
    picked = q.index_select(1, rows.at)
    block = settings.block
    by_block: Tensor | None
    by_validation: Tensor | None = None
    if sampled_rows_supported(q, block):
        parts = row_lse(picked, k, rows.positions, block=block, scale=scale)
        lse, by_block = block_mass(
            *parts,
            rows.local_starts,
            rows.row_block,
            row_blocks=rows.row_blocks,
            blocks=query_blocks[-1].local_start // block,
            block=block,
        )
        mass_of_blocks = by_block.sum(dim=1)
        source = Source(picked, k, lse, rows, block, scale, mass_of_blocks)
        mass, outside = source.column_mass(), mass_of_blocks.sum(dim=1)
        if settings.needs_blocks:
            of_rows = parts[1][: by_block.shape[-1], :, rows.validation]
            by_validation = (of_rows - lse[:, rows.validation]).exp_().permute(1, 2, 0)
    else:
        wanted = block if settings.needs_blocks else None
        lse, mass, by_block = _by_matrices(picked, k, rows, wanted, scale)
        source = Source(picked, k, lse, rows, block, scale, None)
        outside = mass.sum(dim=-1)
        by_validation = None if wanted is None else _validation_blocks(source)
    held_out = rows.held_out, lse[:, rows.validation.stop :]
    return Sample(rows.count, outside, mass, by_block, by_validation, *held_out, source)


def _validation_blocks(source: Source) -> Tensor:
    """`Sample.validation_blocks` in plain torch; keys of the local windows may count in it."""
    rows = source.rows
    q, lse = source.q[:, rows.validation], source.lse[:, rows.validation]
    last = rows.query_blocks[-1].local_start
    parts = []
    for some, keys in _portions(q, source.k):
        scores = q[some].float() @ keys[:last].float().T * source.scale
        seen = torch.arange(last, device=q.device) <= rows.positions[rows.validation, None]
        weights = (scores - lse[some, :, None]).exp_().masked_fill_(~seen, 0.0)
        parts.append(_in_blocks(weights, source.block))
    return torch.cat(parts)


def _by_matrices(
    q: Tensor, k: Tensor, rows: SampledRows, block: int | None, scale: float
) -> tuple[Tensor, Tensor, Tensor | None]:
    """In plain torch: the log-sum-exp of every row, [H, R + V + T], and the mass of the sampled
    ones by key, [H, N], and with `block` by row block and key block, [H, R, B]."""
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


def _column_mass_outside(source: Source, kept: Tensor) -> Tensor:
    """`Source.column_mass_outside` in plain torch."""
    rows, block = source.rows, source.block
    mass = torch.zeros(len(source.q), rows.query_blocks[-1].local_start, device=source.q.device)
    for some, keys in _portions(source.q, source.k):
        for part in _weights(source.q[some], keys, rows, source.scale)[1]:
            counts = ~kept[some, :, part.blocks(block)].repeat_interleave(block, dim=-1)
            sums = part.column_sums(rows.membership)
            mass[some, part.at] = (sums * counts[..., : sums.shape[-1]]).sum(dim=1)
    return mass


def _in_blocks(sums: Tensor, block: int) -> Tensor:
    """[..., n] summed over blocks of `block` keys, the last one shorter: [..., ceil(n / block)]."""
    short = -sums.shape[-1] % block
    padded = nn.functional.pad(sums, (0, short))
    return padded.view(*padded.shape[:-1], padded.shape[-1] // block, block).sum(dim=-1)


def _portions(q: Tensor, k: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Slices of the query heads of q [H, R, D] that share a kv head, as many as the workspace
    allows, with its keys [N, D]."""
    group_size = len(q) // len(k)
    step = max(1, WORKSPACE_BYTES // max(1, 4 * q.shape[1] * k.shape[1]))
    for kv_head, keys in enumerate(k):
        first, end = kv_head * group_size, (kv_head + 1) * group_size
        for start in range(first, end, step):
            yield slice(start, min(start + step, end)), keys


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
    """The log-sum-exp of every row of q [S, R + V + T, D] over all keys k [N, D], and the
    weights of the keys before the local windows of the sampled ones."""
    before, last = rows.query_blocks[0].local_start, rows.query_blocks[-1].local_start
    sampled = slice(0, rows.count)
    near = torch.arange(before, len(k), device=k.device)
    scores = (q.float() @ k[before:].float().T) * scale
    scores = scores.masked_fill_(near > rows.positions[:, None], -math.inf)
    lse = scores.logsumexp(dim=-1)
    parts = []
    if before:  # all rows see these, and no row has them in its local window
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
