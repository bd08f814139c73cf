"""Measure a reader's table on a GPU machine: many `sa-engine eval` processes at once, one table.

    python benchmarks/reader_cells.py --out cells --processes 8 --gpus 2 --split 4 \\
        --documents-prose BOOK.txt --documents-code FOLDER
    python benchmarks/reader_cells.py --report cells

A job is one task (or the tasks that share documents) at one length, in a folder of its own below
OUT/jobs; the first part of each cell comes first.  The same command goes on where it stopped.  At
the end, or with --report alone, OUT/cells.json, OUT/cells.md and OUT/wrong.jsonl are made from the
records that there are, finished or not.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from sa_chat.engine.config import METHODS
from sa_chat.engine.errors import SaChatError, UsageError
from sa_chat.engine.evaluation.arguments import add_eval_arguments, options_from
from sa_chat.engine.evaluation.documents import PER_DOCUMENT
from sa_chat.engine.evaluation.report import markdown_table
from sa_chat.engine.evaluation.scoring import refused
from sa_chat.engine.evaluation.tasks import BOOK_TASKS, CODE_TASKS, parse_tasks

EVAL = "import sys; from sa_chat.engine.cli import main; sys.exit(main())"
MULTI = frozenset({"niah_multivalue", "niah_multiquery", "vt", "cwe", "fwe"})  # score in parts
JOINED = {
    "niah_single": ("niah_single_1", "niah_single_2", "niah_single_3"),
    "niah_multi": ("niah_multikey_1", "niah_multivalue", "niah_multiquery"),
}
ABSENT = "absent"
WRONG = 8  # kept of a cell
_Z = 1.959964  # 95 %
_LINEAR = 8192  # tokens at which attention costs about as much as everything else
_GRACE_S = 20.0  # after an interrupt, before a kill
_NONE = "–"


@dataclass(frozen=True)
class Job:
    """One `sa-engine eval`."""

    family: str  # a RULER task, "book" or "code"
    tasks: tuple[str, ...]
    length: int
    part: int  # of the cell, from 0
    samples: int

    @property
    def name(self) -> str:
        return f"{self.length}-{self.family}-{self.part}"

    @property
    def cost(self) -> float:
        shared = PER_DOCUMENT if self.family in ("book", "code") else 1
        documents = -(-self.samples // shared)
        return documents * self.length * (1 + self.length / _LINEAR)


def jobs_of(
    tasks: Sequence[str],
    lengths: Sequence[int],
    samples: int,
    split: int,
    split_from: int,
    needle_samples: int | None = None,
) -> list[Job]:
    """All jobs, one part of every cell before the next, so that a run that is cut short has as
    much of each; in a part the most expensive first.  RULER's tasks have `needle_samples` each,
    if that is given."""
    book = tuple(task for task in tasks if task in BOOK_TASKS)
    code = tuple(task for task in tasks if task in CODE_TASKS)
    families = [(task, (task,)) for task in tasks if task not in book and task not in code]
    families += [(name, served) for name, served in (("book", book), ("code", code)) if served]
    jobs = []
    for length in lengths:
        for family, served in families:
            shared = family in ("book", "code")
            count = samples if shared or needle_samples is None else needle_samples
            parts = min(split if length >= split_from else 1, count)
            for part in range(parts):
                share = count // parts + (part < count % parts)
                jobs.append(Job(family, served, length, part, share))
    return sorted(jobs, key=lambda job: (job.part, -job.cost, -job.length, job.name))


def command_of(job: Job, args: argparse.Namespace) -> list[str]:
    documents = args.documents_code if job.family == "code" else args.documents_prose
    command = [sys.executable, "-c", EVAL, "eval", "--tasks", ",".join(job.tasks)]
    command += ["--lengths", str(job.length), "--samples", str(job.samples)]
    command += ["--methods", args.methods, "--alpha", args.alpha, "--device", args.device]
    command += ["--seed", str(args.seed + job.part), "--out", str(args.out / "jobs" / job.name)]
    if args.model is not None:
        command += ["--model", args.model]
    return [*command, "--documents", *documents] if documents else command


@dataclass
class Running:
    job: Job
    process: subprocess.Popen[bytes]
    log: TextIO
    gpu: str | None
    began: float


def run_jobs(jobs: Sequence[Job], args: argparse.Namespace) -> None:
    """Run all; at the time limit or an interrupt those that are left are ended."""
    began = time.monotonic()
    gpus = _gpus(args.gpus)
    waiting, running, ended = list(jobs), list[Running](), 0
    try:
        while waiting or running:
            if args.time_limit is not None and time.monotonic() - began > args.time_limit:
                print(f"Time limit: {len(running)} jobs ended, {len(waiting)} not begun.")
                return
            while waiting and len(running) < args.processes:
                used = Counter(one.gpu for one in running)
                gpu = min(gpus, key=lambda gpu: used[gpu]) if gpus else None
                running.append(_start(waiting.pop(0), args, gpu))
            time.sleep(0.2)
            for one in [one for one in running if one.process.poll() is not None]:
                running.remove(one)
                ended += 1
                _finish(one, args.out)
                print(
                    f"[{ended}/{len(jobs)}] {one.job.name}: exit {one.process.returncode} after "
                    f"{time.monotonic() - one.began:.0f} s",
                    flush=True,
                )
    except KeyboardInterrupt:
        print("\nInterrupted.  The same command goes on where it stopped.", file=sys.stderr)
    finally:
        _end(running, args.out)


def _gpus(count: int | None) -> list[str]:
    if not count:
        return []
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    found = [name.strip() for name in visible.split(",") if name.strip()]
    if found and len(found) < count:
        raise UsageError(
            f"CUDA_VISIBLE_DEVICES has {len(found)} devices, not {count}.", "Give --gpus fewer."
        )
    return found[:count] or [str(number) for number in range(count)]


def _start(job: Job, args: argparse.Namespace, gpu: str | None) -> Running:
    folder = args.out / "jobs" / job.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "exit").unlink(missing_ok=True)
    threads = str(args.threads)
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, threads), "TOKENIZERS_PARALLELISM": "false"}
    if gpu is not None:
        environment["CUDA_VISIBLE_DEVICES"] = gpu
    log = (folder / "log.txt").open("w", encoding="utf-8")
    process = subprocess.Popen(
        command_of(job, args),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # an interrupt from the keyboard is passed on by `_end`
    )
    return Running(job, process, log, gpu, time.monotonic())


def _finish(one: Running, out: Path) -> None:
    one.log.close()
    (out / "jobs" / one.job.name / "exit").write_text(f"{one.process.returncode}\n", "utf-8")


def _end(running: Iterable[Running], out: Path) -> None:
    running = list(running)
    for one in running:
        one.process.send_signal(signal.SIGINT)
    until = time.monotonic() + _GRACE_S
    for one in running:
        try:
            one.process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            one.process.kill()
            one.process.wait()
        _finish(one, out)


def read_records(path: Path) -> list[dict[str, Any]]:
    """The lines of a results.jsonl; a last one that is half written is passed over."""
    *lines, _ = path.read_bytes().split(b"\n")
    try:
        return [json.loads(line) for line in lines]
    except ValueError as error:
        raise UsageError(f"{path} has a line that is no record.", "Remove that job.") from error


def wilson(right: float, n: int) -> tuple[float, float]:
    """95 % interval of a share; for scores in parts it is wider than need be."""
    if n == 0:
        return 0.0, 1.0
    share, square = right / n, _Z * _Z / n
    middle = (share + square / 2) / (1 + square)
    half = _Z / (1 + square) * math.sqrt(share * (1 - share) / n + square / (4 * n))
    return max(0.0, middle - half), min(1.0, middle + half)


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
    """The cells of many jobs.  A trial is the same only inside of a job: seeds differ."""

    def __init__(self, jobs: Iterable[tuple[str, Sequence[dict[str, Any]]]]) -> None:
        """`jobs` are (name, the records of its results.jsonl)."""
        self._answers: dict[tuple[str, str, int], list[dict[str, Any]]] = defaultdict(list)
        self._same: dict[tuple[str, str, int], list[bool]] = defaultdict(list)
        self._density: dict[tuple[str, str, int], list[float]] = defaultdict(list)
        self.not_run: dict[tuple[str, int], str] = {}
        self.wrong: list[dict[str, Any]] = []
        self._kept: Counter[tuple[str, int]] = Counter()
        for name, records in jobs:
            self._add(name, records)
        self.sparse = sorted({label for label, _, _ in self._answers} - {"dense"})
        self.cells = self._cells()

    def _add(self, name: str, records: Sequence[dict[str, Any]]) -> None:
        dense: dict[tuple[str, str, int], str] = {}
        readings = [record for record in records if record["type"] == "ReadingResult"]
        for reading in sorted(readings, key=lambda r: _label(r["configuration"]) != "dense"):
            label, length = _label(reading["configuration"]), reading["length"]
            tasks = set()
            for answer in reading["answers"]:
                key, asked = (label, answer["task"], length), (reading["trial"], answer["task"])
                self._answers[key].append(answer)
                tasks.add(answer["task"])
                if label == "dense":
                    dense[(*asked, answer["index"])] = answer["text"]
                    self._keep(name, reading, answer)
                elif (text := dense.get((*asked, answer["index"]))) is not None:
                    self._same[key].append(text == answer["text"])
            for task in tasks:
                self._density[(label, task, length)].append(reading["density"])
        for record in records:
            if record["type"] == "NotRun":
                self.not_run[(record["task"], record["length"])] = record["reason"]

    def _keep(self, name: str, reading: dict[str, Any], answer: dict[str, Any]) -> None:
        cell = (answer["task"], reading["length"])
        if answer["score"] < 1.0 and self._kept[cell] < WRONG:
            self._kept[cell] += 1
            self.wrong.append(
                {
                    "task": answer["task"],
                    "length": reading["length"],
                    "job": name,
                    "trial": reading["trial"],
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
        for name, members in JOINED.items():
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
        def joined(of: dict[tuple[str, str, int], list[Any]], label: str | None) -> list[Any]:
            return [x for task in members for x in of.get((label or "", task, length), [])]

        same, density = joined(self._same, label), joined(self._density, label)
        there = [task for task in members if self._answers.get(("dense", task, length))]
        return {
            "task": name,
            "tasks": there,
            "complete": name not in JOINED or len(there) == len(JOINED[name]),
            "in parts": any(task in MULTI for task in members),
            "length": length,
            "configuration": label,
            "dense": _figures(joined(self._answers, "dense")),
            "sparse": _figures(joined(self._answers, label)) if label else None,
            "same": sum(same) / len(same) if same else None,
            "pairs": len(same),
            "density": sum(density) / len(density) if density else None,
        }

    def refusals(self) -> list[dict[str, Any]]:
        """Answers that refused although the document has the answer, by length."""
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
            parts.append("Nothing was read yet.")
        parts.append(
            "Right answers of all, with Wilson intervals; where an answer scores in parts, the "
            "mean score and, in parentheses, the wholly right ones. Same text: of the questions "
            "answered both dense and sparse. Density: mean over documents."
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
    return f"{cell['task']} ({len(cell['tasks'])} of {len(JOINED[cell['task']])})"


def _shown(figures: dict[str, Any] | None, in_parts: bool) -> str:
    if figures is None:
        return _NONE
    interval = f"[{figures['low']:.2f}, {figures['high']:.2f}]"
    right = f"{figures['right']}/{figures['n']}"
    return f"{figures['score']:.3f} ({right}) {interval}" if in_parts else f"{right} {interval}"


def write_report(out: Path) -> str:
    """cells.json, cells.md and wrong.jsonl of all jobs below `out`; the second.

    Raises `UsageError` if there are none.
    """
    folders = sorted(out.glob("jobs/*/"))
    records = [(f.name, read_records(r)) for f in folders if (r := f / "results.jsonl").is_file()]
    if not folders:
        raise UsageError(f"{out} has no jobs of a run.", "Name the folder given to --out.")
    table = Table(records)
    planned = out / "jobs.json"
    names = json.loads(planned.read_text("utf-8")) if planned.is_file() else []
    unfinished = [
        f"{name}: {why}"
        for name in dict.fromkeys([*names, *(folder.name for folder in folders)])
        if (why := _unfinished(out / "jobs" / name)) is not None
    ]
    settings = [record["settings"] for _, lines in records for record in lines[:1]]
    places = [
        {name: one.get(name) for name in ("model", "device", "machine", "documents")}
        for one in settings
    ]
    data = {
        "environments": [p for i, p in enumerate(places) if p not in places[:i]],
        "cells": table.cells,
        "false refusals": table.refusals(),
        "not run": [
            {"task": t, "length": n, "reason": why} for (t, n), why in table.not_run.items()
        ],
        "unfinished": unfinished,
    }
    text = table.markdown(unfinished)
    (out / "cells.json").write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", "utf-8")
    (out / "cells.md").write_text(text, "utf-8")
    lines = [json.dumps(answer, ensure_ascii=False) + "\n" for answer in table.wrong]
    (out / "wrong.jsonl").write_text("".join(lines), "utf-8")
    return text


def _unfinished(folder: Path) -> str | None:
    """Why a job has not all of its results; None if it has."""
    if not folder.is_dir():
        return "not begun"
    code, log = folder / "exit", folder / "log.txt"
    if not code.is_file():
        return "still running, or killed"
    if (ended := code.read_text("utf-8").strip()) == "0":
        return None
    if ended in ("130", "-2", "-9"):
        return "ended early"
    lines = log.read_text("utf-8", errors="replace").strip().splitlines() if log.is_file() else []
    return f"exit {ended}: {' '.join(lines[-2:])[-300:]}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="jobs and tables")
    parser.add_argument("--report", type=Path, metavar="DIR", help="only make the tables of a run")
    parser.add_argument("--model", metavar="DIR", help="default: the embedded reader")
    parser.add_argument("--processes", type=int, default=4, metavar="N", help="default: 4")
    parser.add_argument("--gpus", type=int, metavar="N", help="share the jobs among N GPUs")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="a process; default: 1")
    parser.add_argument("--documents-prose", nargs="+", metavar="PATH", help="for all but define")
    parser.add_argument("--documents-code", nargs="+", metavar="PATH", help="for define")
    parser.add_argument("--tasks", default="all", metavar="NAME,NAME", help="as of sa-engine eval")
    parser.add_argument("--lengths", default="4K,32K,64K,128K", metavar="N,N")
    parser.add_argument("--samples", type=int, default=40, metavar="N", help="default: 40")
    parser.add_argument(
        "--needle-samples",
        type=int,
        metavar="N",
        help="of each RULER task, which share no documents; default: as --samples",
    )
    parser.add_argument("--methods", default="window-columns", metavar="NAME,NAME")
    parser.add_argument("--alpha", default="0.95", metavar="SHARE,SHARE")
    parser.add_argument("--device", default="cuda", metavar="auto|cpu|cuda")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument(
        "--split",
        type=int,
        default=1,
        metavar="K",
        help="each cell in K jobs, each with a K-th of the samples and a seed of its own",
    )
    parser.add_argument(
        "--split-from", default="32K", metavar="N", help="split lengths from N on (default: 32K)"
    )
    parser.add_argument(
        "--time-limit", type=float, metavar="S", help="seconds; what is left then is ended"
    )
    return parser


def _checked(parser: argparse.ArgumentParser, args: argparse.Namespace) -> list[Job]:
    """The jobs.  Raises `UsageError`, as the jobs would one by one."""
    for name in ("processes", "threads", "split", "samples"):
        if getattr(args, name) < 1:
            parser.error(f"--{name} must be at least 1")
    if args.needle_samples is not None and args.needle_samples < 1:
        parser.error("--needle-samples must be at least 1")
    if "none" in [name.strip() for name in args.methods.split(",")]:
        parser.error(
            "--methods none: sa-engine eval always reads sparsely too; its methods are "
            + ", ".join(METHODS)
        )
    for path in (*(args.documents_prose or ()), *(args.documents_code or ())):
        if not Path(path).exists():
            parser.error(f"there is no {path}")
    evaluation = argparse.ArgumentParser()
    add_eval_arguments(evaluation)
    given = ["--lengths", args.lengths, "--methods", args.methods, "--alpha", args.alpha]
    options = options_from(evaluation.parse_args([*given, "--device", args.device]))
    split_from = options_from(evaluation.parse_args(["--lengths", args.split_from])).lengths[0]
    tasks = parse_tasks(args.tasks)
    return jobs_of(
        tasks, options.lengths, args.samples, args.split, split_from, args.needle_samples
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = _parser()
    args = parser.parse_args(argv)
    if (args.out is None) == (args.report is None):
        parser.error("give either --out for a run or --report for the tables of one")
    try:
        if args.out is not None:
            jobs = _checked(parser, args)
            args.out = args.out.resolve()
            args.out.mkdir(parents=True, exist_ok=True)
            plan = json.dumps([job.name for job in jobs], indent=1) + "\n"
            (args.out / "jobs.json").write_text(plan, "utf-8")
            print(f"{len(jobs)} jobs, {args.processes} at once", flush=True)
            run_jobs(jobs, args)
        print(write_report(args.out or args.report))
    except SaChatError as error:
        print(f"reader_cells: {error.message}\n{error.hint}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
