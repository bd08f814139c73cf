"""How well the model predicts a document that it reads."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

_ROWS = 256  # whose logits are in float32 at once


class DocumentNll:
    """Mean negative log-likelihood of a document's tokens, each after all tokens before it.

    The first token has none.
    """

    def __init__(self, ids: Sequence[int]) -> None:
        self._ids = torch.tensor(list(ids), dtype=torch.long)
        self._sum = 0.0
        self._tokens = 0

    def add(self, start: int, logits: Tensor) -> None:
        """Count the tokens that `logits` [C, vocabulary], those after positions
        [start, start + C), predict."""
        targets = self._ids[start + 1 : start + 1 + len(logits)].to(logits.device)
        for first in range(0, len(targets), _ROWS):
            rows = targets[first : first + _ROWS]
            scores = logits[first : first + len(rows)].float()
            chosen = scores.gather(1, rows[:, None]).squeeze(1)
            self._sum += float((scores.logsumexp(dim=-1) - chosen).sum())
        self._tokens += len(targets)

    @property
    def mean(self) -> float:
        """Nats a token; 0.0 for a document of one token."""
        return self._sum / max(1, self._tokens)
