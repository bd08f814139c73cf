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
    kl: float  # KL(dense || this), nats a token, over the tail
    same_token: float  # share of the tail in which the likeliest next token is the same
    tail: int
    prefill_s: float  # median of the rounds, without NLL and KL
    dense_s: float  # of dense attention in the same rounds

    def as_dict(self) -> dict[str, object]:
        """In plain JSON types."""
        return asdict(self)


class Frontier:
    """Measures settings on the documents of one model, each against dense attention."""

    def __init__(self, loaded: LoadedModel, longest: int, tail: int, rounds: int) -> None:
        """A cache for documents of up to `longest` tokens is kept over all settings."""
        assert tail % BLOCK == 0
        self._loaded, self._tail, self._rounds = loaded, tail, rounds
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
        dense, dense_nll, _ = self._read(tokens, DenseBackend(), None)
        for setting in settings:
            chunk = self._other_chunk if setting.rule == OTHER_CHUNKS else None
            logits, nll, density = self._read(tokens, self._backend(setting), chunk)
            kl, same = divergence(dense, logits)
            del logits
            seconds, dense_s = self._timed(tokens, setting, chunk)
            yield Figures(
                setting.rule,
                setting.value,
                name,
                len(ids),
                density,
                nll - dense_nll,
                kl,
                same,
                len(dense),
                seconds,
                dense_s,
            )

    @property
    def _other_chunk(self) -> int:
        return platform_of(self._loaded.device).sizes.chunk // 2

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
    ) -> tuple[Tensor, float, float]:
        """Logits [tail, vocabulary] of the last tokens, which make a chunk of their own, the mean
        NLL of the document, and the density."""
        self._cache.truncate(0)
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
        density = backend.density if isinstance(backend, BlockRule) else stats.counts().density
        return logits, document.mean, density

    def _timed(self, tokens: Tensor, setting: Setting, chunk: int | None) -> tuple[float, float]:
        """Median seconds of a prefill under the setting and of a dense one, in turns."""
        rounds = [
            (self._seconds(tokens, self._backend(setting), chunk), self._seconds(tokens))
            for _ in range(self._rounds)
        ]
        ours, dense = zip(*rounds, strict=True)
        return statistics.median(ours), statistics.median(dense)

    def _seconds(
        self, tokens: Tensor, backend: AttentionBackend | None = None, chunk: int | None = None
    ) -> float:
        """Of one prefill, the logits after its last token included; dense without a backend."""
        self._cache.truncate(0)
        device = self._loaded.device
        context = ForwardContext(backend or DenseBackend(), AttentionStats())
        platform_of(device).synchronize(device)
        began = time.perf_counter()
        for start, end in chunk_spans(0, len(tokens), device, chunk):
            self._runner.forward(tokens[start:end], context, logits=int(end == len(tokens)))
        platform_of(device).synchronize(device)
        return time.perf_counter() - began


@torch.inference_mode()
def divergence(dense: Tensor, other: Tensor) -> tuple[float, float]:
    """Mean KL(dense || other) in nats, and the share of equal likeliest tokens, from logits
    [n, vocabulary]."""
    kl = same = 0.0
    for ours, theirs in zip(other.split(_PIECE), dense.split(_PIECE), strict=True):
        there, here = theirs.float().log_softmax(-1), ours.float().log_softmax(-1)
        kl += float((there.exp() * (there - here)).sum())
        same += float((there.argmax(-1) == here.argmax(-1)).sum())
    return kl / len(dense), same / len(dense)


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
