"""The cells of many jobs: right answers with intervals, dense beside sparse."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sa_chat.engine.tools.eval.markdown import markdown_table
from sa_chat.engine.tools.eval.records import current_record
from sa_chat.engine.tools.eval.scoring import refused
from sa_chat.engine.tools.eval.statistics import wilson
from sa_chat.engine.tools.eval.tasks import parse_tasks

MULTI = frozenset({"niah_multivalue", "niah_multiquery", "vt", "cwe", "fwe"})  # fractional scores
POOLED = {
    "niah_single": ("niah_single_1", "niah_single_2", "niah_single_3"),
    "niah_multi": ("niah_multikey_1", "niah_multivalue", "niah_multiquery"),
}
ABSENT = "absent"
WRONG = 8  # wrong answers kept for each cell
_NONE = "–"


def _label(configuration: dict[str, Any]) -> str:
    if configuration["mode"] == "dense":
        return "dense"
    return f"{configuration['method']} {configuration['alpha']:g}"


def _figures(answers: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    if not answers:
        return None
    scores = [answer["score"] for answer in answers]
    low, high = wilson(sum(scores), len(scores))
    return {
        "n": len(scores),
        "right": sum(score == 1.0 for score in scores),
        "score": sum(scores) / len(scores),
        "low": low,
        "high": high,
        "refused": sum(refused(answer["text"]) for answer in answers),
    }


class Table:
    """The cells of many jobs.  Equal trial keys mean equal trials only within a job, as seeds
    differ."""

    def __init__(self, jobs: Iterable[tuple[str, Sequence[dict[str, Any]]]]) -> None:
        """`jobs` are (name, the records of its results.jsonl, also of earlier versions)."""
        self._answers: dict[tuple[str, str, int], list[dict[str, Any]]] = defaultdict(list)
        self._same: dict[tuple[str, str, int], list[bool]] = defaultdict(list)
        self._density: dict[tuple[str, str, int], list[float]] = defaultdict(list)
        self.not_run: dict[tuple[str, int], str] = {}
        self.wrong: list[dict[str, Any]] = []
        self._kept: Counter[tuple[str, int]] = Counter()
        for name, records in jobs:
            self._add(name, [current_record(record) for record in records])
        self.sparse = sorted({label for label, _, _ in self._answers} - {"dense"})
        self.cells = self._cells()

    def _add(self, name: str, records: Sequence[dict[str, Any]]) -> None:
        dense: dict[tuple[str, str, int], str] = {}
        results = [record for record in records if record["type"] == "TrialResult"]
        for result in sorted(results, key=lambda r: _label(r["configuration"]) != "dense"):
            label, length = _label(result["configuration"]), result["length"]
            tasks = set()
            for answer in result["answers"]:
                key, asked = (label, answer["task"], length), (result["trial"], answer["task"])
                self._answers[key].append(answer)
                tasks.add(answer["task"])
                if label == "dense":
                    dense[(*asked, answer["index"])] = answer["text"]
                    self._keep(name, result, answer)
                elif (text := dense.get((*asked, answer["index"]))) is not None:
                    self._same[key].append(text == answer["text"])
            for task in tasks:
                self._density[(label, task, length)].append(result["density"])
        for record in records:
            if record["type"] == "NotRun":
                self.not_run[(record["task"], record["length"])] = record["reason"]

    def _keep(self, name: str, result: dict[str, Any], answer: dict[str, Any]) -> None:
        cell = (answer["task"], result["length"])
        if answer["score"] < 1.0 and self._kept[cell] < WRONG:
            self._kept[cell] += 1
            self.wrong.append(
                {
                    "task": answer["task"],
                    "length": result["length"],
                    "job": name,
                    "trial": result["trial"],
                    "depth": answer["depth"],
                    "score": answer["score"],
                    "question": answer["question"],
                    "expected": answer["expected"],
                    "answer": answer["text"],
                }
            )

    def _cells(self) -> list[dict[str, Any]]:
        lengths = sorted({length for _, _, length in self._answers})
        found = dict.fromkeys(task for _, task, _ in self._answers)
        tasks = [task for task in parse_tasks("all") if task in found]
        rows = [(task, (task,)) for task in tasks]
        for name, members in POOLED.items():
            inside = tuple(task for task in members if task in found)
            if len(inside) > 1:
                at = max(i for i, (_, of) in enumerate(rows) if of[0] in inside)
                rows.insert(at + 1, (name, inside))
        return [
            self._cell(name, members, length, label)
            for label in self.sparse or [None]
            for name, members in rows
            for length in lengths
            if any(self._answers.get(("dense", task, length)) for task in members)
        ]

    def _cell(
        self, name: str, members: Sequence[str], length: int, label: str | None
    ) -> dict[str, Any]:
        def pooled(of: dict[tuple[str, str, int], list[Any]], label: str | None) -> list[Any]:
            return [x for task in members for x in of.get((label or "", task, length), [])]

        same, density = pooled(self._same, label), pooled(self._density, label)
        there = [task for task in members if self._answers.get(("dense", task, length))]
        return {
            "task": name,
            "tasks": there,
            "complete": name not in POOLED or len(there) == len(POOLED[name]),
            "in parts": any(task in MULTI for task in members),
            "length": length,
            "configuration": label,
            "dense": _figures(pooled(self._answers, "dense")),
            "sparse": _figures(pooled(self._answers, label)) if label else None,
            "same": sum(same) / len(same) if same else None,
            "pairs": len(same),
            "density": sum(density) / len(density) if density else None,
        }

    def refusals(self) -> list[dict[str, Any]]:
        """Answers that refused although the document contains the answer, by length."""
        found = []
        for label in ("dense", *self.sparse):
            for length in sorted({length for _, _, length in self._answers}):
                answers = [
                    answer
                    for (of, task, at), those in self._answers.items()
                    if (of, at) == (label, length) and task != ABSENT
                    for answer in those
                ]
                if answers:
                    count = sum(refused(answer["text"]) for answer in answers)
                    found.append(
                        {
                            "configuration": label,
                            "length": length,
                            "refused": count,
                            "n": len(answers),
                        }
                    )
        return found

    def markdown(self, unfinished: Sequence[str] = ()) -> str:
        """The table as Markdown, with the jobs that are not finished."""
        parts = ["# The reader's cells"]
        header = ("task", "length", "dense [95 %]", "sparse [95 %]", "same text", "density")
        for label in self.sparse or [None]:
            rows = [
                (
                    _named(cell),
                    f"{cell['length']:,}",
                    _shown(cell["dense"], cell["in parts"]),
                    _shown(cell["sparse"], cell["in parts"]),
                    _NONE if cell["same"] is None else f"{100 * cell['same']:.0f} %",
                    _NONE if cell["density"] is None else f"{cell['density']:.3f}",
                )
                for cell in self.cells
                if cell["configuration"] == label
            ]
            parts += [f"## {label or 'dense alone'}", markdown_table(header, rows)]
        if not self.cells:
            parts.append("Nothing was run yet.")
        parts.append(
            "Right answers of all, with Wilson intervals; for fractional scores the mean score "
            "and, in parentheses, the fully right answers. Same text: of the questions answered "
            "both dense and sparse. Density: mean over documents."
        )
        if refusals := self.refusals():
            rows = [
                (r["configuration"], f"{r['length']:,}", f"{r['refused']}/{r['n']}")
                for r in refusals
            ]
            parts.append("## False refusals, all tasks but absent")
            parts.append(markdown_table(("attention", "length", "refused"), rows))
        if self.not_run:
            lines = [f"- {task} at {at:,}: {why}" for (task, at), why in self.not_run.items()]
            parts += ["## Not run", "\n".join(lines)]
        if unfinished:
            parts += ["## Jobs not finished", "\n".join(f"- {line}" for line in unfinished)]
        return "\n\n".join(parts) + "\n"


def _named(cell: dict[str, Any]) -> str:
    if cell["complete"]:
        return str(cell["task"])
    return f"{cell['task']} ({len(cell['tasks'])} of {len(POOLED[cell['task']])})"


def _shown(figures: dict[str, Any] | None, in_parts: bool) -> str:
    if figures is None:
        return _NONE
    interval = f"[{figures['low']:.2f}, {figures['high']:.2f}]"
    right = f"{figures['right']}/{figures['n']}"
    return f"{figures['score']:.3f} ({right}) {interval}" if in_parts else f"{right} {interval}"
