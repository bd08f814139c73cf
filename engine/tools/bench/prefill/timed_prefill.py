"""One document read and its question answered, timed part by part."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch import Tensor

from ....attention import RecallSummary
from ....cache import KVCache
from ....model import LoadedModel
from ....runtime import ModelRunner, greedy
from ....sparsity import SelectionSettings
from ....sparsity.prefill_config import PrefillConfig
from ..memory import Peak, peaks, reset_peaks, synchronize
from .material import Material

MODES = ("dense", "sparse")


@dataclass(frozen=True)
class TimedPrefill:
    """A document read in one mode.  Seconds; the device's work is done when a clock is read."""

    tokens: int  # question included
    tokenize_s: float
    select_s: float
    prefill_s: float  # without `select_s`
    first_token_s: float  # from the question to the first token of its answer
    density: float
    density_by_layer: tuple[float, ...]
    recall: RecallSummary
    logits: Tensor  # [vocabulary] float32 on CPU, after the document's last token
    memory: tuple[Peak, ...]
    answer_tokens_per_s: float  # of the tokens after the first; 0 where there are none

    @property
    def ttft_s(self) -> float:
        return self.tokenize_s + self.select_s + self.prefill_s + self.first_token_s


@dataclass(frozen=True)
class PrefillBench:
    """A model, what it reads, and how."""

    loaded: LoadedModel
    devices: tuple[torch.device, ...]
    material: Material
    settings: SelectionSettings  # of the sparse mode
    chunk: int | None  # tokens a forward pass; None: the engine's own
    answer_tokens: int = 1
    kv_cache_dtype: str = "auto"

    def document(self, length: int) -> tuple[list[int], float]:
        """The ids of a document that has `length` tokens together with its question, and the
        seconds that tokenizing took."""
        return self.material.read(length - len(self.material.question))

    def read(
        self, length: int, mode: str, settings: SelectionSettings | None = None
    ) -> TimedPrefill:
        """Read the document of `length` and answer its question by `answer_tokens`.

        Args:
            mode: "dense" keeps everything; "sparse" selects by `settings`, or by the reader's
                own where there are none.
        Raises:
            torch.OutOfMemoryError: it does not fit.
        """
        assert mode in MODES
        question = self.material.question
        ids, tokenize_s = self.document(length)
        room = len(ids) + len(question) + self.answer_tokens
        cache = KVCache(self.loaded.layers, room, self.kv_cache_dtype)
        runner = ModelRunner(self.loaded, cache)
        config = runner.tune(
            PrefillConfig("dense" if mode == "dense" else "sparse", settings or self.settings,
                          self.chunk),
            len(ids),
        )  # fmt: skip
        reset_peaks(self.devices)
        synchronize(self.devices)
        began = time.perf_counter()
        result = runner.prefill(ids, config)
        synchronize(self.devices)
        read = time.perf_counter()
        logits = runner.extend(question)
        greedy(logits)
        answered = time.perf_counter()
        tokens = runner.length
        rate = self._answer(runner, logits)
        return TimedPrefill(
            tokens=tokens,
            tokenize_s=tokenize_s,
            select_s=result.select_s,
            prefill_s=read - began - result.select_s,
            first_token_s=answered - read,
            density=result.density,
            density_by_layer=tuple(sum(heads) / len(heads) for heads in result.density_by_head),
            recall=result.recall,
            logits=result.last_logits.float().cpu(),
            memory=peaks(self.devices),
            answer_tokens_per_s=rate,
        )

    def _answer(self, runner: ModelRunner, logits: Tensor) -> float:
        """The rest of the answer; its tokens a second, without what the first of them costs."""
        times = []
        answer = runner.decode(logits, stop_ids=(), max_tokens=self.answer_tokens)
        for _ in answer:
            times.append(time.perf_counter())
            if len(times) == self.answer_tokens:
                break
        return (len(times) - 2) / (times[-1] - times[1]) if len(times) > 2 else 0.0
