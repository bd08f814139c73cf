"""Confidence intervals for shares, ratios and differences, and a test of paired answers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

Scores = Sequence[Sequence[float]]  # for each document, the scores of its answers

_TAILS = (0.025, 0.975)  # 95 % lie between
_Z = 1.959964  # of a normal distribution, for the same


def wilson(right: float, n: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a share; wider than necessary for fractional scores."""
    if n == 0:
        return 0.0, 1.0
    share, square = right / n, _Z * _Z / n
    middle = (share + square / 2) / (1 + square)
    half = _Z / (1 + square) * math.sqrt(share * (1 - share) / n + square / (4 * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def ratio_of_means(dense: Scores, sparse: Scores) -> float | None:
    """mean(sparse) / mean(dense) over all answers; None if dense is 0."""
    below = _sums(dense).sum()
    return float(_sums(sparse).sum() / below) if below else None


def bootstrap_ratio(
    dense: Scores, sparse: Scores, *, seed: int, resamples: int = 2000
) -> tuple[float, float] | None:
    """95 % percentile interval of `ratio_of_means`, resampling whole documents.

    Answers about one document are not independent, and both scores of an answer belong to the same
    question.  So documents are drawn with replacement, each with all of its answers in both
    configurations (Davison & Hinkley, Bootstrap Methods and their Application, 1997, section 3.8).
    The ends are order statistics of the resampled ratios (Efron & Tibshirani, An Introduction to
    the Bootstrap, 1993, chapter 13).  A resample whose dense score is 0 counts as infinite, or
    not at all if its sparse score is 0 too.

    None if dense is 0 or there are fewer than two documents.

    Args:
        dense, sparse: paired: the same documents and questions.
    """
    assert [len(scores) for scores in dense] == [len(scores) for scores in sparse]
    over, below = _sums(sparse), _sums(dense)
    if len(below) < 2 or not below.any():
        return None
    drawn = np.random.default_rng(seed).integers(len(below), size=(resamples, len(below)))
    upper, lower = over[drawn].sum(axis=1), below[drawn].sum(axis=1)
    defined = (upper > 0) | (lower > 0)
    with np.errstate(divide="ignore"):
        ratios = upper[defined] / lower[defined]
    low, high = np.quantile(ratios, _TAILS, method="inverted_cdf")
    return float(low), float(high)


def bootstrap_difference(
    dense: Scores, sparse: Scores, *, seed: int, resamples: int = 2000
) -> tuple[float, float] | None:
    """95 % percentile interval of mean(sparse) - mean(dense) over all answers, resampling whole
    documents as `bootstrap_ratio` does.  None if there are fewer than two documents.

    Args:
        dense, sparse: paired: the same documents and questions, at least one of each document.
    """
    assert [len(scores) for scores in dense] == [len(scores) for scores in sparse]
    changes, counts = _sums(sparse) - _sums(dense), np.array([len(scores) for scores in dense])
    if len(counts) < 2:
        return None
    drawn = np.random.default_rng(seed).integers(len(counts), size=(resamples, len(counts)))
    differences = changes[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(differences, _TAILS, method="inverted_cdf")
    return float(low), float(high)


def mcnemar(lost: int, won: int) -> float:
    """The two-sided p of McNemar's exact test on paired answers: were both modes alike, each of the
    `lost` + `won` questions that only one of them answered right would be either by a fair coin
    (McNemar, Psychometrika 12, 1947; the exact binomial form).  1.0 if there is none."""
    count, fewer = lost + won, min(lost, won)
    tail = sum(math.comb(count, i) for i in range(fewer + 1))
    return min(1.0, 2 * tail / (1 << count))


def _sums(scores: Scores) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([sum(document) for document in scores], dtype=np.float64)
