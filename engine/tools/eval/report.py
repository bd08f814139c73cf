"""The report of a run, in Markdown that is readable in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .head_tables import HEAD_DEFINITIONS, head_tables
from .markdown import markdown_table
from .paired import Comparison, comparisons
from .records import Result
from .results import NotRun, TrialResult
from .summary import LOW, Cell, pending, points, summarise

_COLUMNS = (
    "task",
    "length",
    "n",
    "dense",
    "sparse",
    "points [95 %]",
    "lost / won",
    "ratio [95 %]",
    "same answer",
    "density",
    "recall mean / p5 / min",
    "NLL change",
)
_PAIRED = (
    "length",
    "tasks",
    "n",
    "dense",
    "sparse",
    "points",
    "lost / won",
    "McNemar p",
    "NLL change [95 %]",
    "bar",
)
_DEFINITIONS = """\
- length: prompt, question and reserve for the answer, in the model's own tokens.
- n: questions, each asked dense and sparse about the same document, with greedy decoding.
- dense, sparse: mean score of the answers, 0 to 1, by the task's own rule.
- points [95 %]: sparse - dense in points of 100, with a bootstrap interval over whole documents.
- lost / won: questions with the full score in dense mode alone, and in sparse mode alone.
- McNemar p: exact and two-sided, over lost and won: how likely so uneven a split is by chance.
- bar: the mean over the tasks at most 1 point below dense, no task more than 3 points below with
  95 % confidence, McNemar p above .05 (or more won than lost), NLL change at most +.010.
- ratio [95 %]: sparse / dense, with a bootstrap interval over whole documents. Where nothing was
  lost it has no width; yet at 95 % confidence 4 documents without a loss are compatible with one
  in two lost, 20 with one in seven. "–": dense is 0, or there is a single document.
- same answer: share of the questions whose two answers are the same text.
- density: computed (query, key) pairs / causal pairs, over the document's tokens.
- recall: softmax mass that the kept keys hold, on rows that selection did not sample (1 where
  everything was dense): mean and mean 5th percentile of the documents, and minimum of all rows.
- NLL change: of the document's own tokens, sparse - dense, mean over documents, nats per token;
  over all tasks of a length only real documents count, where there are any."""
_NONE = "–"


def report(
    settings: Sequence[Mapping[str, Any]],
    results: Iterable[Result],
    *,
    interrupted: bool = False,
) -> str:
    """The complete report of a run.

    Args:
        settings, results: of a `RecordFile`; "model" is among the settings.
        interrupted: whether the run was stopped before its end.
    """
    results = list(results)
    cells = summarise(results)
    paired = comparisons(results)
    by_configuration: dict[str, list[Cell]] = {}
    for cell in cells:
        by_configuration.setdefault(cell.configuration.label, []).append(cell)
    parts = [f"# Dense against sparse: {_text(settings[0]['model'])}", _settings(settings, results)]
    parts += _unfinished(results, interrupted)
    if len(by_configuration) > 1:
        parts += ["## Score against density", _curve(results)]
    for label, of_configuration in by_configuration.items():
        parts += [f"## {label}", _table(of_configuration), *_remarks(of_configuration)]
        parts += _paired([each for each in paired if each.configuration.label == label])
        parts += head_tables(results, label)
    if cells:
        measured = any(isinstance(r, TrialResult) and r.heads for r in results)
        definitions = [_DEFINITIONS, HEAD_DEFINITIONS] if measured else [_DEFINITIONS]
        parts += ["## What the columns say", "\n".join(definitions)]
    return "\n\n".join(parts) + "\n"


def _settings(settings: Sequence[Mapping[str, Any]], results: Sequence[Result]) -> str:
    """A line for each setting; where a run was resumed in another environment, with both values."""
    lines = []
    for name in dict.fromkeys(name for part in settings for name in part):
        values = [part[name] for part in settings if part.get(name) is not None]
        if values:
            lines.append(f"- {name}: {', then '.join(dict.fromkeys(map(_text, values)))}")
    labels = dict.fromkeys(r.configuration.label for r in results if isinstance(r, TrialResult))
    lines.append(f"- attention: {', '.join(labels) or 'nothing was run yet'}")
    return "\n".join(lines)


def _unfinished(results: Sequence[Result], interrupted: bool) -> list[str]:
    """What is missing from the tables, and why."""
    parts = []
    if interrupted:
        parts.append("The run was interrupted and is incomplete.  The same command resumes it.")
    if waiting := pending(results):
        parts.append(f"Documents not yet run in every configuration: {len(waiting)}.")
    if skipped := [r for r in results if isinstance(r, NotRun)]:
        lines = "\n".join(f"- {r.task} at {r.length:,}: {r.reason}" for r in skipped)
        parts += ["## Not run", lines]
    return parts


def _curve(results: Sequence[Result]) -> str:
    """Score against density, by configuration and length."""
    rows = [
        (
            point.configuration.label,
            f"{point.length:,}",
            str(point.tasks),
            f"{point.dense:.3f}",
            f"{point.sparse:.3f}",
            f"{point.density:.3f}",
        )
        for point in sorted(points(results), key=lambda point: point.length)
    ]
    text = "Means over the tasks, on documents that were run in every configuration."
    header = ("configuration", "length", "tasks", "dense", "sparse", "density")
    return f"{text}\n\n{markdown_table(header, rows)}"


def _table(cells: Sequence[Cell]) -> str:
    return markdown_table(_COLUMNS, [_row(cell) for cell in cells])


def _row(cell: Cell) -> tuple[str, ...]:
    recall = (cell.recall, cell.recall_p5, cell.recall_min)
    return (
        cell.task,
        f"{cell.length:,}",
        str(cell.n),
        f"{cell.dense:.3f}",
        f"{cell.sparse:.3f}",
        _points(cell),
        f"{cell.lost} / {cell.won}",
        _ratio(cell),
        f"{cell.agreement:.3f}",
        f"{cell.density:.3f}",
        " / ".join(f"{share:.3f}" for share in recall),
        f"{cell.nll_change:+.4f}",
    )


def _points(cell: Cell) -> str:
    return _with_interval(100 * cell.difference, cell.difference_interval, "+.1f", 100)


def _with_interval(
    value: float, interval: tuple[float, float] | None, form: str, factor: float = 1
) -> str:
    if interval is None:
        return f"{value:{form}} [{_NONE}]"
    low, high = (factor * end for end in interval)
    return f"{value:{form}} [{low:{form}}, {high:{form}}]"


def _paired(compared: Sequence[Comparison]) -> list[str]:
    """A row for each length and one for all of them, and what is outside the bar."""
    rows = [
        (
            _length(each),
            f"{len({cell.task for cell in each.cells})}",
            f"{each.n:,}",
            f"{each.dense:.3f}",
            f"{each.sparse:.3f}",
            f"{100 * (each.sparse - each.dense):+.1f}",
            f"{each.lost} / {each.won}",
            f"{each.p:.3f}",
            _with_interval(each.nll_change, each.nll_interval, "+.4f"),
            "fails" if each.failures else "passes",
        )
        for each in compared
    ]
    failed = [
        f"- {_length(each)}: {'; '.join(each.failures)}." for each in compared if each.failures
    ]
    outside = ["Outside the bar:\n\n" + "\n".join(failed)] if failed else []
    return ["All tasks together:", markdown_table(_PAIRED, rows), *outside]


def _length(compared: Comparison) -> str:
    return "all lengths" if compared.length is None else f"{compared.length:,}"


def _ratio(cell: Cell) -> str:
    if cell.ratio is None:
        return _NONE
    if cell.interval is None:
        return f"{cell.ratio:.3f} [{_NONE}]"
    low, high = cell.interval
    return f"{cell.ratio:.3f} [{low:.3f}, {high:.3f}]"


def _remarks(cells: Sequence[Cell]) -> list[str]:
    """Remarks on cells whose figures need explanation."""
    parts = []
    if low := [f"{c.task} at {c.length:,} (dense {c.dense:.3f})" for c in cells if c.low]:
        parts.append(
            f"Dense itself scores low (under {LOW:g}), so the ratio says little: {', '.join(low)}."
        )
    if whole := [f"{c.task} at {c.length:,}" for c in cells if c.density == 1.0]:
        parts.append(
            f"Nothing was skipped (density 1), so the ratio shows nothing: {', '.join(whole)}."
        )
    refused = [
        f"{c.task} at {c.length:,}: dense {c.false_refusals_dense}, "
        f"sparse {c.false_refusals_sparse} of {c.n}"
        for c in cells
        if c.false_refusals_dense or c.false_refusals_sparse
    ]
    if refused:
        parts.append(f"Refused although the document has the answer: {'; '.join(refused)}.")
    return parts


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_text(inner) for inner in value)
    return str(value)
