"""Single rows against their exact attention in float64: nothing is timed before it passes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from sa_chat.protocol.errors import EngineError

from ....attention import RecallSummary
from .exact import exact_rows
from .inputs import Inputs

TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 2e-2, torch.float16: 2e-2}
"""Largest error of a head that passes, by the type of the inputs."""


@dataclass(frozen=True)
class Checked:
    """The result of a check that passed."""

    error: float  # of the worst head, relative to the norm of its exact rows
    recall: dict[str, Any]  # of the checked rows over all heads: mean, p5, minimum


class Checker:
    """Compares methods on the same rows of the same inputs."""

    def __init__(self, inputs: Inputs, rows: list[int]) -> None:
        self.inputs = inputs
        self.rows = rows
        self._dense, _ = exact_rows(inputs.q, inputs.k, inputs.v, rows, scale=inputs.scale)

    def check(self, method: str, out: Tensor, kept: Tensor | None = None) -> Checked:
        """Compare a method's output with exact attention over the keys it should keep.

        Args:
            out: [H, L, D]; kept: [H, len(rows), L] bool, None for all keys.
        Raises:
            EngineError: a head is off by more than `TOLERANCE`, or not a number.
        """
        inputs, rows = self.inputs, self.rows
        expected, recall = self._dense, torch.ones(1)
        if kept is not None:
            expected, recall = exact_rows(
                inputs.q, inputs.k, inputs.v, rows, scale=inputs.scale, kept=kept
            )
        off = (out[:, rows].double() - expected).norm(dim=-1)  # [H, rows]
        errors = off.norm(dim=-1) / expected.flatten(1).norm(dim=-1)
        head = int(errors.nan_to_num(torch.inf).argmax())
        error, allowed = float(errors[head]), TOLERANCE[inputs.q.dtype]
        if not error <= allowed:
            row = rows[int(off[head].nan_to_num(torch.inf).argmax())]
            raise EngineError(
                f"{method} is wrong at {inputs.length:,} tokens: query head {head} is off by "
                f"{error:.2g} of its norm, row {row:,} most; {allowed:g} is allowed.",
                "It was not timed.  Please report it with the output of sa-engine info.",
            )
        return Checked(error, asdict(_summary(recall)))


def fill_freed_memory(inputs: Inputs) -> None:
    """Fill memory that the next output may get with NaN, so that no method passes by what the one
    before it wrote there."""
    torch.full_like(inputs.q, torch.nan)


def _summary(recall: Tensor) -> RecallSummary:
    recall = recall.flatten()
    return RecallSummary(float(recall.mean()), float(recall.quantile(0.05)), float(recall.min()))
