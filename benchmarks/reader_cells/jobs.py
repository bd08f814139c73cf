"""The jobs: one evaluation for each part of a cell, or of cells that share documents."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from sa_chat.engine.tools.eval.documents import PER_DOCUMENT
from sa_chat.engine.tools.eval.tasks import BOOK_TASKS, CODE_TASKS

EVAL = "import sys; from sa_chat.engine.cli import main; sys.exit(main())"
_LINEAR = 8192  # tokens at which attention costs about as much as everything else


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
        """The name of its folder."""
        return f"{self.length}-{self.family}-{self.part}"

    @property
    def cost(self) -> float:
        """The relative cost of all its documents."""
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
    """All jobs: one part of every cell before the next, so that an interrupted run has an equal
    share of each; within a part the most expensive first.  RULER tasks have `needle_samples` each,
    if given."""
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
    """The command line of a job."""
    documents = args.documents_code if job.family == "code" else args.documents_prose
    command = [sys.executable, "-c", EVAL, "eval", "--tasks", ",".join(job.tasks)]
    command += ["--lengths", str(job.length), "--samples", str(job.samples)]
    command += ["--methods", args.methods, "--alpha", args.alpha, "--device", args.device]
    command += ["--seed", str(args.seed + job.part), "--out", str(args.out / "jobs" / job.name)]
    if args.model is not None:
        command += ["--model", args.model]
    return [*command, "--documents", *documents] if documents else command
