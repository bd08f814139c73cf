"""Answers that are drawn instead of the likeliest ones, by `transformers`' own processors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopPLogitsWarper,
)


def greedy(logits: Tensor) -> int:
    """The most likely token; `logits` is [vocabulary]."""
    return int(logits.argmax())


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen from its logits; as it stands, the likeliest."""

    temperature: float = 0.0  # 0: the likeliest token
    top_p: float = 1.0  # draw from the likeliest tokens that together have this probability
    repetition_penalty: float = 1.0  # above 1: tokens that the answer has become less likely
    seed: int = 0  # the same seed, question and machine give the same answer

    def chooser(self) -> Callable[[Tensor], int]:
        """A choice for one answer, from logits [vocabulary], token by token.

        The penalty looks at the answer alone: a document would make all its words less likely.
        """
        processors = LogitsProcessorList()
        if self.repetition_penalty != 1.0:
            processors.append(RepetitionPenaltyLogitsProcessor(self.repetition_penalty))
        if self.temperature > 0.0:
            processors.append(TemperatureLogitsWarper(self.temperature))
            if self.top_p < 1.0:
                processors.append(TopPLogitsWarper(self.top_p))
        if not processors:
            return greedy
        generator = torch.Generator().manual_seed(self.seed)
        written: list[int] = []

        def choose(logits: Tensor) -> int:
            scores = logits.float().cpu()[None]
            so_far: Any = torch.tensor([written], dtype=torch.long)
            scores = processors(so_far, scores)
            if self.temperature > 0.0:
                shares = scores.softmax(dim=-1)
                token = int(torch.multinomial(shares, 1, generator=generator))
            else:
                token = greedy(scores[0])
            written.append(token)
            return token

        return choose
