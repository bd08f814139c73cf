"""Single heads of an evaluation: over documents, by kind, and those with the largest error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from statistics import fmean

from ...attention.head_figures import KINDS, HeadFigures
from .records import Result
from .results import Configuration, TrialResult

WORST = 10
_MEANS = [f.name for f in fields(HeadFigures) if f.name not in ("layer", "head", "rows")]


@dataclass(frozen=True)
class MeasuredHead:
    """One head of one configuration at one length, over its documents.

    Figures are means over the documents; `recall_min` is the least of their minima.
    """

    figures: HeadFigures
    density: float


@dataclass(frozen=True)
class KindRow:
    """All heads of one kind: their means, and the least of their minima."""

    kind: str
    heads: int
    density: float
    recall: float
    recall_p5: float
    recall_min: float
    error: float
    error_p95: float


HeadKey = tuple[Configuration, int]
"""A configuration and a length."""


def measured_heads(results: Iterable[Result]) -> dict[HeadKey, list[MeasuredHead]]:
    """The heads of every sparse configuration at every length that were measured, by layer and
    head."""
    found: dict[HeadKey, list[TrialResult]] = {}
    for r in results:
        if isinstance(r, TrialResult) and r.heads:
            found.setdefault((r.configuration, r.length), []).append(r)
    ordered = sorted(found.items(), key=lambda item: item[0][1])
    return {key: _over_documents(documents) for key, documents in ordered}


def _over_documents(documents: Sequence[TrialResult]) -> list[MeasuredHead]:
    by_head: dict[tuple[int, int], list[tuple[HeadFigures, float]]] = {}
    for document in documents:
        for each in document.heads:
            density = document.density_by_head[each.layer][each.head]
            by_head.setdefault((each.layer, each.head), []).append((each, density))
    return [_mean(by_head[key]) for key in sorted(by_head)]


def _mean(documents: Sequence[tuple[HeadFigures, float]]) -> MeasuredHead:
    figures = [each for each, _ in documents]
    means = {name: fmean(getattr(each, name) for each in figures) for name in _MEANS}
    means["recall_min"] = min(each.recall_min for each in figures)
    first = figures[0]
    rows = sum(each.rows for each in figures)
    mean = HeadFigures(layer=first.layer, head=first.head, rows=rows, **means)
    return MeasuredHead(mean, fmean(density for _, density in documents))


def by_kind(heads: Sequence[MeasuredHead]) -> list[KindRow]:
    """A row for each kind that occurs, in the order of `KINDS`, and one for all heads."""
    groups = {kind: [each for each in heads if each.figures.kind == kind] for kind in KINDS}
    groups["all"] = list(heads)
    return [
        KindRow(
            kind,
            len(group),
            density=fmean(each.density for each in group),
            recall=fmean(each.figures.recall for each in group),
            recall_p5=fmean(each.figures.recall_p5 for each in group),
            recall_min=min(each.figures.recall_min for each in group),
            error=fmean(each.figures.error for each in group),
            error_p95=fmean(each.figures.error_p95 for each in group),
        )
        for kind, group in groups.items()
        if group
    ]


def worst(heads: Sequence[MeasuredHead]) -> list[MeasuredHead]:
    """The `WORST` heads with the largest mean error, the largest first."""
    return sorted(heads, key=lambda each: -each.figures.error)[:WORST]
