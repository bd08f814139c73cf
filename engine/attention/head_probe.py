"""Measures single heads during a prefill: recall, error of the output, what they attend to."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..sparsity import held_out_recall
from .backend import Selection
from .head_figures import MASS, SINKS, WINDOW, HeadFigures
from .sink_logits import with_sink_logits

_PORTION_BYTES = 64 * 2**20  # of one matrix of scores
_UNKNOWN = -1  # token of a position that was there before


@dataclass(frozen=True, eq=False)
class _Keys:
    """What the keys [N] are to some rows [T], as bool [T, N]."""

    positions: Tensor  # int64 [T], of the rows
    causal: Tensor
    sinks: int  # how many of the first keys are
    outside: Tensor  # neither sinks nor in the window
    copies: Tensor  # of `outside`, those whose token follows an earlier copy of the row's


class HeadProbe:
    """Compares attention with exact attention on the rows that selection does not look at.

    Exact attention is computed in float32, for one kv head and some rows at a time.  Nothing is
    measured where everything is computed, nor in layers with a window.  Letters: H query heads, G
    kv heads, C rows of the chunk, N keys so far, T held-out rows.
    """

    def __init__(
        self, tokens: Tensor, first: int = 0, *, sinks: int = SINKS, window: int = WINDOW
    ) -> None:
        """
        Args:
            tokens: int64 [L], the ids of the document.
            first: position of the first of them.
            sinks, window: sizes of what counts as keys.
        """
        before = torch.full((first,), _UNKNOWN, dtype=tokens.dtype, device=tokens.device)
        self._tokens = {tokens.device: torch.cat([before, tokens])}
        self._sinks, self._window = sinks, window
        # By layer and first row of the chunk, [8, H, T]: a chunk that failed half-way is replaced.
        self._measured: dict[tuple[int, int], Tensor] = {}

    def record(
        self,
        layer: int,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        out: Tensor,
        lse: Tensor | None,
        selection: Selection | None,
        *,
        scale: float,
        sink_logits: Tensor | None = None,
    ) -> None:
        """Measure one layer of one chunk; waits for no device.

        Args:
            q: [H, C, D] at positions [N - C, N); k, v: [G, N, D].
            out, lse: [H, C, D] and [H, C], what `AttentionBackend.attend` returned.
            selection: what was kept; None, where it was everything, is not measured, nor is one
                without a sample.
            sink_logits: [H], as `attend` had them.
        """
        sample = None if selection is None else selection.sample
        if sample is None or not len(sample.held_out_rows):
            return
        assert lse is not None
        rows, start = sample.held_out_rows, k.shape[1] - q.shape[1]
        group = len(q) // len(k)
        each = max(1, _PORTION_BYTES // (4 * group * k.shape[1]))
        parts = []
        for some in torch.split(rows, each):
            keys = self._keys(some + start, k.shape[1])
            heads = []
            for kv_head in range(len(k)):
                of_group = slice(kv_head * group, (kv_head + 1) * group)
                picked = q[of_group].index_select(1, some)
                exact, exact_lse, features = _exact(
                    picked, k[kv_head], v[kv_head], keys, scale=scale
                )
                if sink_logits is not None:
                    exact = with_sink_logits(exact, exact_lse, sink_logits[of_group])
                found = out[of_group].index_select(1, some).float()
                error = (found - exact).norm(dim=-1) / exact.norm(dim=-1).clamp(min=1e-12)
                heads.append(torch.stack([error, *features]))
            parts.append(torch.cat(heads, dim=1))
        recall = held_out_recall(lse, sample)
        self._measured[layer, start] = torch.cat([recall[None], torch.cat(parts, dim=2)])

    def figures(self) -> tuple[HeadFigures, ...]:
        """The figures of every head that was measured, by layer and head."""
        by_layer: dict[int, list[Tensor]] = {}
        for (layer, _), measured in sorted(self._measured.items(), key=lambda item: item[0]):
            by_layer.setdefault(layer, []).append(measured.cpu())
        return tuple(
            _figures(layer, head, rows)
            for layer, chunks in by_layer.items()
            for head, rows in enumerate(torch.cat(chunks, dim=2).double().unbind(dim=1))
        )

    def _keys(self, positions: Tensor, count: int) -> _Keys:
        tokens = self._tokens.get(positions.device)
        if tokens is None:
            (known, *_) = self._tokens.values()
            tokens = self._tokens[positions.device] = known.to(positions.device)
        at = torch.arange(count, device=positions.device)
        causal = at <= positions[:, None]
        outside = (at >= self._sinks) & (at <= positions[:, None] - self._window)
        before = tokens[:count].roll(1)
        before[0] = _UNKNOWN
        copies = outside & (before == tokens[positions][:, None])
        return _Keys(positions, causal, self._sinks, outside, copies)


def _exact(
    q: Tensor, k: Tensor, v: Tensor, keys: _Keys, *, scale: float
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Exact attention of rows q [S, T, D] over k, v [N, D]: out [S, T, D], lse [S, T], and of each
    row, [S, T]: mass of sinks, of the window, outside of both, of copies and by chance, and the
    share of the causal keys that hold `MASS`."""
    scores = (q.float() @ k.float().T) * scale
    scores = scores.masked_fill_(~keys.causal, -torch.inf)
    lse = scores.logsumexp(dim=-1)
    weights = scores.sub_(lse.unsqueeze(-1)).exp_()
    out = weights @ v.float()
    sinks = weights[..., : keys.sinks].sum(dim=-1)
    outside, copies = (
        torch.einsum("stn,tn->st", weights, mask.float()) for mask in (keys.outside, keys.copies)
    )
    share = keys.copies.sum(dim=-1) / keys.outside.sum(dim=-1).clamp(min=1)
    largest = weights.sort(dim=-1, descending=True).values.cumsum(dim=-1)
    fewest = ((largest < MASS).sum(dim=-1) + 1) / (keys.positions + 1)
    has_outside = keys.outside.any(dim=-1).float().expand_as(sinks)
    features = [sinks, outside, copies, outside * share, fewest.clamp(max=1.0), has_outside]
    return out, lse, features


def _figures(layer: int, head: int, measured: Tensor) -> HeadFigures:
    """From a head's rows, [8, T]: recall, error, and the features of `_exact`."""
    has_outside = measured[7] > 0
    if bool(has_outside.any()):
        measured = measured[:, has_outside]
    recall, error = measured[0], measured[1]
    sinks, outside, copying, chance, fewest = measured[2:7].mean(dim=1).tolist()
    return HeadFigures(
        layer=layer,
        head=head,
        rows=measured.shape[1],
        recall=float(recall.mean()),
        recall_p5=float(recall.quantile(0.05)),
        recall_min=float(recall.min()),
        error=float(error.mean()),
        error_p95=float(error.quantile(0.95)),
        sinks=sinks,
        window=max(0.0, 1.0 - sinks - outside),
        copying=copying,
        chance=chance,
        fewest_keys=fewest,
    )
