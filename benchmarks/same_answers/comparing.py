"""Compares the answers of several ways with those of the first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sa_chat.engine.tokens import Tokenizer
from sa_chat.engine.tools.bench.results import table
from sa_chat.engine.tools.eval.statistics import bootstrap_ratio, wilson
from sa_chat.engine.tools.eval.trial import Trial
from sa_chat.protocol.errors import UsageError

Row = dict[str, Any]
_SEED = 1  # of the bootstrap
_ROUNDING = 1e-9


def compare(
    runs: Sequence[Row], trials: Sequence[Trial], tokenizer: Tokenizer
) -> tuple[list[Row], list[str]]:
    """A row for each run of one mode, and the first difference of each run with other answers.

    Raises `UsageError` if the runs did not read the same tokens.
    """
    asked = [question for trial in trials for question in trial.questions]
    first = runs[0]
    low, high = wilson(sum(a["score"] for a in first["answers"]), len(asked))
    rows, differences = [], []
    for run in runs:
        if run["prompts"] != first["prompts"]:
            raise UsageError(
                f"{run['way']} read other tokens than {first['way']}.",
                "Ask both anew, with --save.",
            )
        pairs = list(zip(first["answers"], run["answers"], strict=True))
        unlike = [at for at, (one, other) in enumerate(pairs) if one["ids"] != other["ids"]]
        scores = [(one["score"], other["score"]) for one, other in pairs]
        score = sum(other for _, other in scores) / len(scores)
        within = low - _ROUNDING <= score <= high + _ROUNDING
        rows.append(
            {
                **{key: run[key] for key in ("way", "devices", "dtype", "density", "seconds")},
                "same": len(pairs) - len(unlike),
                "questions": len(pairs),
                "score": score,
                "interval": wilson(score * len(scores), len(scores)),
                "within": within,
                "good": not unlike if run["mode"] == "dense" else within,
                "ratio interval": bootstrap_ratio(*_by_document(scores, trials), seed=_SEED),
                "better": sum(other > one for one, other in scores),
                "worse": sum(other < one for one, other in scores),
            }
        )
        if unlike:
            at = unlike[0]
            difference = _difference(first, run, at, tokenizer)
            differences.append(f"{run['way']}, question {at} ({asked[at].task}): {difference}")
    return rows, differences


def _by_document(
    scores: Sequence[tuple[float, float]], trials: Sequence[Trial]
) -> tuple[list[list[float]], list[list[float]]]:
    """The scores of the first way and of another, by document."""
    left = iter(scores)
    grouped = [[next(left) for _ in trial.questions] for trial in trials]
    one, other = ([[pair[at] for pair in group] for group in grouped] for at in (0, 1))
    return one, other


def _difference(first: Row, run: Row, at: int, tokenizer: Tokenizer) -> str:
    assert tokenizer.token_bytes is not None
    one, other = first["answers"][at], run["answers"][at]
    token = next(
        (n for n, (a, b) in enumerate(zip(one["ids"], other["ids"], strict=False)) if a != b),
        min(len(one["ids"]), len(other["ids"])) - 1,
    )
    a, b = (tokenizer.token_bytes(answer["ids"][token]) for answer in (one, other))
    leads = f"{one['leads'][token]:.2g} and {other['leads'][token]:.2g}"
    return f"token {token} is {b!r}, not {a!r}; the best logit leads the second by {leads}"


def shown(mode: str, rows: Sequence[Row], differences: Sequence[str]) -> str:
    """The comparison of one mode as Markdown."""
    headings = (
        *("way", "number format", "same tokens", "score [95 %]", "in the first's interval"),
        *("better only here", "worse only here", "ratio [95 %]", "density", "s"),
    )
    body = [
        (
            row["way"],
            row["dtype"],
            f"{row['same']} of {row['questions']}",
            f"{row['score']:.3f} {_interval(row['interval'])}",
            "yes" if row["within"] else "no",
            row["better"],
            row["worse"],
            _interval(row["ratio interval"]),
            f"{row['density']:.3f}",
            f"{row['seconds']:.0f}",
        )
        for row in rows
    ]
    wanted = "All tokens are the same" if mode == "dense" else "All scores are in the interval"
    verdict = "yes" if all(row["good"] for row in rows) else "NO"
    if len(rows) == 1:
        verdict = "nothing to compare yet"
    lines = "\n".join(f"- {line}" for line in differences)
    return "\n\n".join(
        part
        for part in (f"## {mode}", table(headings, body), lines, f"{wanted}: {verdict}.")
        if part
    )


def _interval(ends: Sequence[float] | None) -> str:
    return "–" if ends is None else f"[{ends[0]:.2f}, {ends[1]:.2f}]"
