"""Two published rules that choose key blocks, run by this project's kernels.

They are re-implementations in plain torch of what the papers' programs select, chunk by chunk: the
rows of a chunk over all keys so far.  What is selected is theirs; the time that selecting takes
is that of these functions, and not of their fused kernels.

A row block is BLOCK rows of the chunk, a key block BLOCK keys of the context.  Key blocks that
begin after a row block are never kept, and its own block always is, up to the causal diagonal.
"""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from torch import Tensor
from torch.nn.functional import pad

from sa_chat.engine.attention import DenseBackend
from sa_chat.engine.attention.backend import Selection
from sa_chat.engine.sparsity import Sample
from sa_chat.engine.sparsity.plan import Blocks, SparsePlan, causal_pairs, query_blocks_of
from sa_chat.engine.sparsity.row_sampling import sample
from sa_chat.engine.sparsity.settings import SelectionSettings

BLOCK = 128


class BlockRule(DenseBackend):
    """A rule as a backend: every layer without a window computes the blocks that it keeps.

    Chunks begin with a key block.  Letters as in `AttentionBackend`; R row blocks, B key blocks.
    """

    selects = True

    def __init__(self) -> None:
        self.measure = False  # whether to sample rows for the recall, which takes time
        self.sampled = False  # whether a chunk was long enough for that

    @abstractmethod
    def keep(self, q: Tensor, k: Tensor, *, scale: float) -> Tensor:
        """Which key blocks the row blocks of q [H, C, D] keep of k [G, N, D], bool [H, R, B];
        those that a row block must not see do not count."""

    def plan(self, q: Tensor, k: Tensor, *, scale: float) -> SparsePlan:
        """The plan of a chunk: the kept blocks before each row block's own."""
        end = k.shape[1]
        start = end - q.shape[1]
        assert start % BLOCK == 0
        query_blocks = query_blocks_of(start, end, query_block=BLOCK, window=0, block=BLOCK)
        before = distances(q, k) > 0
        kept = self.keep(q, k, scale=scale) & before
        local_starts = torch.arange(start, end, BLOCK, dtype=torch.int32, device=q.device)
        blocks = Blocks(BLOCK, kept)
        local = sum(block.local_pairs for block in query_blocks)
        pairs = local + blocks.pairs(q.shape[1])
        nothing = local_starts.new_zeros(len(q), 1)
        return SparsePlan(
            query_blocks,
            nothing,
            nothing.expand(-1, len(query_blocks)).contiguous(),
            local_starts.expand(len(q), -1).contiguous(),
            pairs,
            causal_pairs(start, end),
            blocks,
            order=pairs.argsort(descending=True),
        )

    def select(self, layer: int, q: Tensor, k: Tensor, *, scale: float) -> Selection:
        """See `AttentionBackend.select`."""
        found = self._sample(q, k, scale) if self.measure else None
        self.sampled |= found is not None
        return Selection(self.plan(q, k, scale=scale), found)

    def _sample(self, q: Tensor, k: Tensor, scale: float) -> Sample | None:
        """The rows that measure this project's selection; None for the first keys of a context,
        where it is dense."""
        settings, end = SelectionSettings(), k.shape[1]
        query_blocks = query_blocks_of(
            end - q.shape[1],
            end,
            query_block=settings.query_block,
            window=settings.window,
            block=settings.block,
        )
        if query_blocks[-1].local_start <= settings.num_sink_tokens:
            return None
        return sample(q, k, query_blocks, settings, scale=scale)


class FlexPrefill(BlockRule):
    """FlexPrefill (arXiv 2502.20766, algorithms 1 to 4), with the details of its program.

    The last BLOCK rows speak for the chunk.  A head whose attention there is close to that of block
    means (square root of the Jensen-Shannon divergence below `tau`) keeps the blocks with the
    most of its map of block means, up to the share `gamma`; any other the vertical and the slash
    blocks with most mass, as many as the tokens that hold `gamma` would fill.
    """

    def __init__(self, gamma: float, tau: float = 0.1, min_budget: int = 1024) -> None:
        super().__init__()
        self.gamma, self.tau, self.min_blocks = gamma, tau, min_budget // BLOCK

    def keep(self, q: Tensor, k: Tensor, *, scale: float) -> Tensor:
        kept = [
            self._keep(heads, keys, scale)
            for heads, keys in zip(q.chunk(len(k)), k, strict=True)  # a kv head at a time
        ]
        return torch.cat(kept)

    def _keep(self, q: Tensor, k: Tensor, scale: float) -> Tensor:
        """`keep` for the heads q [g, C, D] of one kv head, k [N, D]."""
        weights = last_weights(q, k, scale)
        vertical = weights.mean(dim=1)
        slash = diagonal_sums(weights) / weights.shape[1]
        enough = [self._blocks_of(mass) for mass in (vertical, slash)]
        vertical, slash = in_blocks(vertical), in_blocks(slash)
        means = block_means(k)
        estimated = q[:, -weights.shape[1] :].float().mean(dim=1) @ means.T * scale
        by_means = js_distance(estimated.softmax(dim=-1), vertical) < self.tau
        enough = [count.masked_fill(by_means, self.min_blocks) for count in enough]
        vertical[:, 0] = slash[:, 0] = math.inf
        columns = most(vertical, enough[0])
        diagonals = most(slash, enough[1])
        away = distances(q, k[None])
        kept = columns[:, None] | diagonals[:, away.clamp(min=0)]
        scores = block_means(q) @ means.T * scale
        shares = scores.masked_fill(away < 0, -math.inf).softmax(dim=-1)
        ordered, at = shares.flatten(1).sort(dim=-1, descending=True)
        within = ordered.cumsum(dim=-1) <= self.gamma * shares.shape[1]
        mapped = torch.zeros_like(within).scatter_(1, at, within).view_as(shares)
        return kept | (mapped & by_means[:, None, None])

    def _blocks_of(self, mass: Tensor) -> Tensor:
        """Blocks that the tokens would fill which hold `gamma` of the mass [g, N], int64 [g]."""
        covered = mass.sort(dim=-1, descending=True).values.cumsum(dim=-1)
        tokens = (covered <= self.gamma).sum(dim=-1) + 1
        return (tokens // BLOCK + 1).clamp(min=self.min_blocks)


class XAttention(BlockRule):
    """XAttention (arXiv 2503.16428, algorithm 1): a block counts as much as the sums along its
    antidiagonals, `stride` apart, say; a row block keeps the fewest blocks that hold `threshold`.

    As in its program, the first block and the row block's own are among them from the start.
    """

    def __init__(self, threshold: float, stride: int = 16) -> None:
        super().__init__()
        self.threshold, self.stride = threshold, stride

    def keep(self, q: Tensor, k: Tensor, *, scale: float) -> Tensor:
        kept = [
            self._keep(heads, keys, scale) for heads, keys in zip(q.chunk(len(k)), k, strict=True)
        ]
        return torch.cat(kept)

    def _keep(self, q: Tensor, k: Tensor, scale: float) -> Tensor:
        """`keep` for the heads q [g, C, D] of one kv head, k [N, D]."""
        away = distances(q, k[None])
        shares = self._shares(q, k, scale)
        forced = away == 0
        forced[:, 0] = True
        # What is kept anyway comes first, and counts.
        ordered, at = shares.masked_fill(forced, 2.0).sort(dim=-1, descending=True)
        mass = shares.gather(-1, at)
        before = mass.cumsum(dim=-1) - mass
        within = (before < self.threshold * mass.sum(dim=-1, keepdim=True)) | (ordered > 1.5)
        return torch.zeros_like(within).scatter_(-1, at, within)

    def _shares(self, q: Tensor, k: Tensor, scale: float) -> Tensor:
        """What share of a row block's mass each key block seems to have, float32 [g, R, B]."""
        stride, start = self.stride, len(k) - q.shape[1]
        q, k = (pad(x, (0, 0, 0, -x.shape[-2] % BLOCK)) for x in (q, k))
        queries = q.unflatten(1, (-1, stride)).flip(2).flatten(2)  # [g, C / stride, stride * D]
        keys = k.unflatten(0, (-1, stride)).flatten(1)
        scores = (queries @ keys.T).float() * (scale / stride)
        rows = torch.arange(scores.shape[1], device=q.device) + start // stride
        columns = torch.arange(scores.shape[2], device=q.device)
        scores.masked_fill_(columns > rows[:, None], -math.inf)
        each = BLOCK // stride
        weights = scores.softmax(dim=-1).unflatten(2, (-1, each)).sum(dim=-1)
        return weights.unflatten(1, (-1, each)).mean(dim=2)


def distances(q: Tensor, k: Tensor) -> Tensor:
    """How many blocks each key block of k [G, N, D] lies before each row block of the chunk
    q [H, C, D], int64 [R, B]; negative where it begins after it."""
    rows, keys = -(-q.shape[1] // BLOCK), -(-k.shape[1] // BLOCK)
    own = torch.arange(keys - rows, keys, device=q.device)
    return own[:, None] - torch.arange(keys, device=q.device)


def last_weights(q: Tensor, k: Tensor, scale: float) -> Tensor:
    """The attention of the last BLOCK rows of q [g, C, D], at most, over k [N, D]: float32
    [g, rows, N]."""
    last = q[:, -BLOCK:]
    scores = (last @ k.T).float() * scale
    rows = torch.arange(len(k) - last.shape[1], len(k), device=q.device)
    later = torch.arange(len(k), device=q.device) > rows[:, None]
    return scores.masked_fill_(later, -math.inf).softmax(dim=-1)


def diagonal_sums(weights: Tensor) -> Tensor:
    """Sums over the last rows [g, rows, N] by how far a key lies before its row: [g, N], the own
    key first."""
    heads, rows, keys = weights.shape
    width = keys + rows
    # With one more number to a line, every row begins one further left than the row before it.
    flat = pad(pad(weights, (rows, 0)).flatten(1), (0, rows))
    return flat.view(heads, rows, width + 1).sum(dim=1)[:, 1 : keys + 1].flip(1)


def in_blocks(mass: Tensor) -> Tensor:
    """Sums over every BLOCK of mass [g, N]: [g, B]."""
    return pad(mass, (0, -mass.shape[-1] % BLOCK)).unflatten(-1, (-1, BLOCK)).sum(dim=-1)


def block_means(x: Tensor) -> Tensor:
    """The mean of every BLOCK vectors of x [..., N, D], float32 [..., B, D]."""
    whole = x.shape[-2] // BLOCK * BLOCK
    means = x[..., :whole, :].unflatten(-2, (-1, BLOCK)).float().mean(dim=-2)
    rest = x[..., whole:, :].float()
    return torch.cat([means, rest.mean(dim=-2, keepdim=True)], -2) if rest.shape[-2] else means


def js_distance(p: Tensor, q: Tensor) -> Tensor:
    """The square root of the Jensen-Shannon divergence of two distributions [..., n]."""
    middle = ((p + q) / 2).clamp(min=torch.finfo(p.dtype).tiny).log()
    parts = [torch.special.xlogy(x, x) - x * middle for x in (p, q)]
    return ((parts[0] + parts[1]).sum(dim=-1) / 2).clamp(min=0.0).sqrt()


def most(mass: Tensor, count: Tensor) -> Tensor:
    """Where the `count` [g] largest of mass [g, B] are, bool [g, B]."""
    at = mass.argsort(dim=-1, descending=True)
    chosen = torch.arange(mass.shape[-1], device=mass.device) < count[:, None]
    return torch.zeros_like(chosen).scatter_(1, at, chosen)
