"""Dense against sparse on the same questions: one cell for each task, length and configuration."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from .records import Result
from .results import AnswerResult, Configuration, TrialResult
from .statistics import bootstrap_difference, bootstrap_ratio, ratio_of_means

ABSENT = "absent"  # the one task in which refusing is right
LOW = 0.5  # below this dense score the model cannot do the task anyway

RIGHT = 1.0  # score of a right answer, in the counts of those lost and won

Pair = tuple[TrialResult, TrialResult]
"""One document: dense, sparse."""


@dataclass(frozen=True)
class Cell:
    """A task at one length, dense and in one sparse configuration, over the same questions.

    Density, recall and the change of document NLL are means over the cell's documents;
    `recall_p5` is the mean of their 5th percentiles, `recall_min` the least of their minima.
    """

    task: str
    length: int
    configuration: Configuration
    documents: int
    n: int  # questions
    dense: float  # mean score, 0 to 1
    sparse: float
    ratio: float | None  # sparse / dense; None where dense is 0
    interval: tuple[float, float] | None  # of the ratio, 95 %; see `bootstrap_ratio`
    difference_interval: tuple[float, float] | None  # of sparse - dense, 95 %, over documents
    lost: int  # questions with the full score in dense mode alone
    won: int  # questions with the full score in sparse mode alone
    agreement: float  # share of questions whose two answers are the same text
    density: float
    recall: float
    recall_p5: float
    recall_min: float
    nll_change: float  # sparse - dense, nats per token
    false_refusals_dense: int  # answers that refused although the document has the answer
    false_refusals_sparse: int

    @property
    def difference(self) -> float:
        """sparse - dense, in shares of the full score."""
        return self.sparse - self.dense

    @property
    def low(self) -> bool:
        """Whether dense itself scores low, so that the ratio says little."""
        return self.dense < LOW


@dataclass(frozen=True)
class Point:
    """A configuration at one length: mean over the tasks of score and density."""

    configuration: Configuration
    length: int
    tasks: int
    dense: float
    sparse: float
    density: float


def summarise(results: Iterable[Result], *, seed: int = 0) -> list[Cell]:
    """The cells that have a document run both dense and sparse; others are `pending`.

    Tasks and configurations come in the order of the results, lengths ascending.

    Args:
        results: of a `RecordFile`; everything but `TrialResult` is ignored.
        seed: of the resampling for intervals.
    """
    pairs: dict[tuple[Configuration, str, int], list[Pair]] = {}
    for dense, sparse in document_pairs(results):
        for task in dict.fromkeys(answer.task for answer in sparse.answers):
            key = (sparse.configuration, task, sparse.length)
            pairs.setdefault(key, []).append((dense, sparse))
    configurations, tasks = (list(dict.fromkeys(key[i] for key in pairs)) for i in (0, 1))
    cells = [_cell(*key, documents, seed) for key, documents in pairs.items()]
    return sorted(
        cells,
        key=lambda c: (configurations.index(c.configuration), tasks.index(c.task), c.length),
    )


def document_pairs(results: Iterable[Result]) -> list[Pair]:
    """Every document that was run both dense and sparse, once for each sparse configuration."""
    trials = _trial_results(results)
    dense = {r.trial: r for r in trials if r.configuration.mode == "dense"}
    return [
        (dense[r.trial], r) for r in trials if r.configuration.mode == "sparse" and r.trial in dense
    ]


def pending(results: Iterable[Result]) -> list[str]:
    """Keys of the trials not yet run in all configurations that occur in the results."""
    trials = _trial_results(results)
    wanted = {r.configuration.label for r in trials}
    done: dict[str, set[str]] = {}
    for r in trials:
        done.setdefault(r.trial, set()).add(r.configuration.label)
    return [trial for trial, labels in done.items() if labels != wanted]


def complete(results: Iterable[Result]) -> list[TrialResult]:
    """The results of all trials except the `pending` ones."""
    trials = _trial_results(results)
    left_out = set(pending(trials))
    return [r for r in trials if r.trial not in left_out]


def points(results: Iterable[Result]) -> list[Point]:
    """Score against density, over documents that were run in every configuration, so that all
    points of one length rest on the same questions.
    """
    groups: dict[tuple[Configuration, int], list[Cell]] = {}
    for cell in summarise(complete(results)):
        groups.setdefault((cell.configuration, cell.length), []).append(cell)
    return [
        Point(
            *key,
            tasks=len(cells),
            dense=fmean(cell.dense for cell in cells),
            sparse=fmean(cell.sparse for cell in cells),
            density=fmean(cell.density for cell in cells),
        )
        for key, cells in groups.items()
    ]


def _trial_results(results: Iterable[Result]) -> list[TrialResult]:
    return [r for r in results if isinstance(r, TrialResult)]


def _cell(
    configuration: Configuration, task: str, length: int, pairs: Sequence[Pair], seed: int
) -> Cell:
    answers = [_answers(task, *pair) for pair in pairs]  # [documents][questions] (dense, sparse)
    flat = [both for document in answers for both in document]
    dense_scores, sparse_scores = (
        [[both[side].score for both in document] for document in answers] for side in (0, 1)
    )
    refusals = [
        sum(both[side].refused for both in flat) if task != ABSENT else 0 for side in (0, 1)
    ]
    sparse = [pair[1] for pair in pairs]
    right = [tuple(each.score >= RIGHT for each in both) for both in flat]
    return Cell(
        task,
        length,
        configuration,
        documents=len(pairs),
        n=len(flat),
        dense=fmean(both[0].score for both in flat),
        sparse=fmean(both[1].score for both in flat),
        ratio=ratio_of_means(dense_scores, sparse_scores),
        interval=bootstrap_ratio(dense_scores, sparse_scores, seed=seed),
        difference_interval=bootstrap_difference(dense_scores, sparse_scores, seed=seed),
        lost=right.count((True, False)),
        won=right.count((False, True)),
        agreement=fmean(both[0].text == both[1].text for both in flat),
        density=fmean(r.density for r in sparse),
        recall=fmean(r.recall for r in sparse),
        recall_p5=fmean(r.recall_p5 for r in sparse),
        recall_min=min(r.recall_min for r in sparse),
        nll_change=fmean(s.document_nll - d.document_nll for d, s in pairs),
        false_refusals_dense=refusals[0],
        false_refusals_sparse=refusals[1],
    )


def _answers(
    task: str, dense: TrialResult, sparse: TrialResult
) -> list[tuple[AnswerResult, AnswerResult]]:
    first, second = ([a for a in r.answers if a.task == task] for r in (dense, sparse))
    assert [a.question for a in first] == [a.question for a in second], "other questions"
    return list(zip(first, second, strict=True))
