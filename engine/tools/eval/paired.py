"""Dense against sparse over all tasks of a length, and whether the loss is within the bar."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from .records import Result
from .results import Configuration, TrialResult
from .statistics import bootstrap_difference, mcnemar
from .summary import Cell, Pair, document_pairs, summarise

LARGEST_MEAN_LOSS = 0.01  # of the mean score over the tasks
LARGEST_TASK_LOSS = 0.03  # that no task may exceed with 95 % confidence
LEAST_P = 0.05  # of McNemar's test
LARGEST_NLL_CHANGE = 0.010  # nats per token
_ROUNDING = 1e-9
_REAL_TEXT = ("book", "code", "asked")  # families of trials on real documents


@dataclass(frozen=True)
class Comparison:
    """One sparse configuration against dense, over all tasks of one length or of all."""

    configuration: Configuration
    length: int | None  # None: all lengths together
    cells: tuple[Cell, ...]
    nll_change: float  # sparse - dense, nats per token, mean over real documents (all without any)
    nll_interval: tuple[float, float] | None  # 95 %, over documents
    documents: int  # of the NLL

    @property
    def n(self) -> int:
        """Questions, each asked in both modes."""
        return sum(cell.n for cell in self.cells)

    @property
    def dense(self) -> float:
        """Mean score over the tasks."""
        return fmean(cell.dense for cell in self.cells)

    @property
    def sparse(self) -> float:
        """Mean score over the tasks."""
        return fmean(cell.sparse for cell in self.cells)

    @property
    def lost(self) -> int:
        """Questions answered right only in dense mode; right is the full score."""
        return sum(cell.lost for cell in self.cells)

    @property
    def won(self) -> int:
        """Questions answered right only in sparse mode."""
        return sum(cell.won for cell in self.cells)

    @property
    def p(self) -> float:
        """Of McNemar's exact test over all questions."""
        return mcnemar(self.lost, self.won)

    @property
    def failures(self) -> tuple[str, ...]:
        """What is outside the bar, in words; empty where the configuration passes."""
        found = []
        loss = self.dense - self.sparse
        if loss > LARGEST_MEAN_LOSS + _ROUNDING:
            found.append(f"the mean over the tasks is {100 * loss:.1f} points below dense")
        for cell in self.cells:
            interval = cell.difference_interval
            if interval is not None and interval[1] < -LARGEST_TASK_LOSS - _ROUNDING:
                found.append(
                    f"{cell.task} at {cell.length:,} is more than {100 * LARGEST_TASK_LOSS:g} "
                    "points below with 95 % confidence"
                )
        if self.p <= LEAST_P and self.lost > self.won:
            found.append(f"{self.lost} answers were lost and {self.won} won, p {self.p:.3f}")
        if self.nll_change > LARGEST_NLL_CHANGE + _ROUNDING:
            found.append(f"the NLL of the documents is {self.nll_change:+.4f}")
        return tuple(found)


def comparisons(results: Iterable[Result], *, seed: int = 0) -> list[Comparison]:
    """Every sparse configuration of the results at every length, ascending, and, where there are
    several, over all lengths.

    Args:
        seed: of the resampling for intervals.
    """
    results = list(results)
    cells = summarise(results, seed=seed)
    pairs = document_pairs(results)
    found = []
    for configuration in dict.fromkeys(cell.configuration for cell in cells):
        own = [cell for cell in cells if cell.configuration == configuration]
        those = [pair for pair in pairs if pair[1].configuration == configuration]
        lengths = sorted({cell.length for cell in own})
        for length in (*lengths, None) if len(lengths) > 1 else lengths:
            found.append(
                _comparison(
                    configuration,
                    length,
                    [cell for cell in own if length in (None, cell.length)],
                    [pair for pair in those if length in (None, pair[1].length)],
                    seed,
                )
            )
    return found


def _comparison(
    configuration: Configuration,
    length: int | None,
    cells: Sequence[Cell],
    pairs: Sequence[Pair],
    seed: int,
) -> Comparison:
    read = [pair for pair in pairs if _family(pair[1]) in _REAL_TEXT] or pairs
    dense, sparse = ([[pair[side].document_nll] for pair in read] for side in (0, 1))
    return Comparison(
        configuration,
        length,
        tuple(cells),
        nll_change=fmean(after[0] - before[0] for before, after in zip(dense, sparse, strict=True)),
        nll_interval=bootstrap_difference(dense, sparse, seed=seed),
        documents=len(read),
    )


def _family(result: TrialResult) -> str:
    return result.trial.partition("/")[0]
