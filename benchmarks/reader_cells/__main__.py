"""Measure a reader's table on a GPU machine: many `sa-engine eval` processes at once, one table.

    python benchmarks/reader_cells --out cells --processes 8 --gpus 2 --split 4 \\
        --documents-prose BOOK.txt --documents-code FOLDER
    python benchmarks/reader_cells --report cells

A job is one task (or the tasks that share documents) at one length, in a folder of its own below
OUT/jobs; the first part of each cell is run first.  The same command resumes where it stopped.  At
the end, or with --report alone, OUT/cells.json, OUT/cells.md and OUT/wrong.jsonl are made from all
existing records, complete or not.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from jobs import Job, jobs_of
from running import run_jobs
from sa_chat.engine.tools.eval.arguments import add_eval_arguments, options_from
from sa_chat.engine.tools.eval.tasks import parse_tasks
from sa_chat.protocol.config import METHODS
from sa_chat.protocol.errors import SaChatError
from written import write_report


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
    parser.add_argument("--methods", default="local-vertical", metavar="NAME,NAME")
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
        "--time-limit", type=float, metavar="S", help="seconds; jobs still running then are ended"
    )
    return parser


def _checked(parser: argparse.ArgumentParser, args: argparse.Namespace) -> list[Job]:
    """The jobs.  Raises `UsageError` where a single job would."""
    for name in ("processes", "threads", "split", "samples"):
        if getattr(args, name) < 1:
            parser.error(f"--{name} must be at least 1")
    if args.needle_samples is not None and args.needle_samples < 1:
        parser.error("--needle-samples must be at least 1")
    if "none" in [name.strip() for name in args.methods.split(",")]:
        parser.error(
            "--methods none: sa-engine eval always runs sparse, too; its methods are "
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
    """Run the jobs, or only make the tables; returns the exit code."""
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
