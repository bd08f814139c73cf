"""A document read under one rule after another, and what each changes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import torch
from torch import Tensor

from rules import BLOCK, BlockRule, FlexPrefill, XAttention
from sa_chat.engine.attention import AttentionStats, DenseBackend, ForwardContext, SparseBackend
from sa_chat.engine.attention.backend import AttentionBackend
from sa_chat.engine.cache import KVCache
from sa_chat.engine.model import LoadedModel
from sa_chat.engine.platform.devices import platform_of
from sa_chat.engine.runtime import ModelRunner
from sa_chat.engine.runtime.chunks import chunk_spans
from sa_chat.engine.runtime.document_nll import DocumentNll
from sa_chat.engine.sparsity.prefill_config import PrefillConfig

DENSE = "dense"
OTHER_CHUNKS = "dense, other chunks"
_PIECE = 256  # rows whose logits are in float32 at once


@dataclass(frozen=True)
class Setting:
    """A rule at one value of its parameter; `value` is None for dense attention."""

    rule: str
    value: float | None = None

    @property
    def label(self) -> str:
        return self.rule if self.value is None else f"{self.rule} {self.value:g}"


@dataclass(frozen=True)
class Figures:
    """What one setting did to one document, in all its tokens or, with `tail`, in the last of them.

    Changes are against dense attention in the same chunks.
    """

    rule: str
    value: float | None
    document: str
    tokens: int
    density: float
    nll_change: float  # nats a token, over all tokens
    recall: float | None  # kept attention mass of held-out rows, the mean; None: not measured
    recall_p5: float | None  # the 5th percentile over these rows
    kl: float  # KL(dense || this), nats a token, over the tail
    same_token: float  # share of the tail in which the likeliest next token is the same
    tail: int
    chunk: int | None  # tokens of a forward pass; None: the platform's own
    prefill_s: float  # median of the rounds, without NLL, KL and recall
    select_s: float  # of these, for selecting; median
    dense_s: float  # of dense attention in the same rounds

    def as_dict(self) -> dict[str, object]:
        """In plain JSON types."""
        return asdict(self)


class Frontier:
    """Measures settings on the documents of one model, each against dense attention."""

    def __init__(
        self, loaded: LoadedModel, longest: int, tail: int, rounds: int, chunk: int | None = None
    ) -> None:
        """A cache for documents of up to `longest` tokens is kept over all settings.

        Args:
            tail: the last tokens, a chunk of their own where losses are measured.
            chunk: tokens of a forward pass; None is the platform's own.  Both multiples of BLOCK.
        """
        assert tail % BLOCK == 0
        assert chunk is None or chunk % BLOCK == 0
        self._loaded, self._tail, self._rounds, self._chunk = loaded, tail, rounds, chunk
        self._cache = KVCache(loaded.layers, longest)
        self._runner = ModelRunner(loaded, self._cache)
        self._tuned = self._runner.tune(PrefillConfig(), longest)

    def measure(
        self, name: str, ids: Sequence[int], settings: Sequence[Setting]
    ) -> Iterator[Figures]:
        """The figures of each setting; the document is read densely first.

        Args:
            ids: a multiple of BLOCK, and more than twice the tail.
        """
        assert len(ids) % BLOCK == 0
        tokens = torch.tensor(ids, device=self._loaded.device)
        dense, dense_nll, _ = self._read(tokens, DenseBackend(), self._chunk)
        for setting in settings:
            chunk = self._other_chunk if setting.rule == OTHER_CHUNKS else self._chunk
            backend = self._backend(setting)
            logits, nll, stats = self._read(tokens, backend, chunk)
            kl, same = divergence(dense, logits)
            del logits
            unknown = isinstance(backend, BlockRule) and not backend.sampled
            recall = None if unknown else stats.recall
            seconds, select_s, dense_s = self._timed(tokens, setting, chunk)
            yield Figures(
                setting.rule,
                setting.value,
                name,
                len(ids),
                stats.counts().density,
                nll - dense_nll,
                None if recall is None else recall.mean,
                None if recall is None else recall.p5,
                kl,
                same,
                len(dense),
                self._chunk,
                seconds,
                select_s,
                dense_s,
            )

    @property
    def _other_chunk(self) -> int:
        return (self._chunk or platform_of(self._loaded.device).sizes.chunk) // 2 // BLOCK * BLOCK

    def _backend(self, setting: Setting) -> AttentionBackend:
        if setting.value is None:
            return DenseBackend()
        if setting.rule == "FlexPrefill":
            return FlexPrefill(setting.value)
        if setting.rule == "XAttention":
            return XAttention(setting.value)
        # Every chunk sparse, also before the length from which on that pays.
        selection = replace(self._tuned.selection, alpha=setting.value, break_even=1)
        tuned = {
            shape: replace(found, alpha=setting.value, break_even=1)
            for shape, found in self._tuned.tuned.items()
        }
        return SparseBackend(replace(self._tuned, selection=selection, tuned=tuned))

    @torch.inference_mode()
    def _read(
        self, tokens: Tensor, backend: AttentionBackend, chunk: int | None
    ) -> tuple[Tensor, float, AttentionStats]:
        """Logits [tail, vocabulary] of the last tokens, which make a chunk of their own, the mean
        NLL of the document, and what attention kept."""
        self._cache.truncate(0)
        if isinstance(backend, BlockRule):
            backend.measure = True
        stats = AttentionStats()
        context = ForwardContext(backend, stats)
        document = DocumentNll(tokens.tolist())
        before = len(tokens) - self._tail
        spans = [*chunk_spans(0, before, self._loaded.device, chunk), (before, len(tokens))]
        logits: Tensor | None = None
        for start, end in spans:
            logits = self._runner.forward(tokens[start:end], context, logits=end - start)
            assert logits is not None
            document.add(start, logits)
        assert logits is not None
        return logits, document.mean, stats

    def _timed(
        self, tokens: Tensor, setting: Setting, chunk: int | None
    ) -> tuple[float, float, float]:
        """Median seconds of a prefill under the setting, of its selecting, and of a dense prefill,
        in turns."""
        rounds = [
            (
                *self._seconds(tokens, self._backend(setting), chunk),
                self._seconds(tokens, DenseBackend(), self._chunk)[0],
            )
            for _ in range(self._rounds)
        ]
        seconds, select_s, dense_s = (statistics.median(each) for each in zip(*rounds, strict=True))
        return seconds, select_s, dense_s

    def _seconds(
        self, tokens: Tensor, backend: AttentionBackend, chunk: int | None
    ) -> tuple[float, float]:
        """Of one prefill, the logits after its last token included, and of its selecting."""
        self._cache.truncate(0)
        device, stats = self._loaded.device, AttentionStats()
        context = ForwardContext(backend, stats)
        platform_of(device).synchronize(device)
        began = time.perf_counter()
        for start, end in chunk_spans(0, len(tokens), device, chunk):
            self._runner.forward(tokens[start:end], context, logits=int(end == len(tokens)))
        platform_of(device).synchronize(device)
        return time.perf_counter() - began, stats.selecting.seconds


@torch.inference_mode()
def divergence(dense: Tensor, other: Tensor) -> tuple[float, float]:
    """Mean KL(dense || other) in nats, and the share of equal likeliest tokens, from logits
    [n, vocabulary]."""
    kl = same = 0.0
    for ours, theirs in zip(other.split(_PIECE), dense.split(_PIECE), strict=True):
        there, here = theirs.float().log_softmax(-1), ours.float().log_softmax(-1)
        kl += float((there.exp() * (there - here)).sum())
        same += float((there.argmax(-1) == here.argmax(-1)).sum())
    return max(0.0, kl / len(dense)), same / len(dense)  # rounding may go below zero


def settings_of(
    alphas: Sequence[float], gammas: Sequence[float], thresholds: Sequence[float]
) -> list[Setting]:
    """All settings: first what other chunks alone change, then ours and the others'."""
    by_rule: dict[str, Sequence[float]] = {
        "sa-chat": alphas,
        "FlexPrefill": gammas,
        "XAttention": thresholds,
    }
    found = [Setting(OTHER_CHUNKS)]
    return found + [Setting(rule, value) for rule, values in by_rule.items() for value in values]
