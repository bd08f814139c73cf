"""Check that the embedded reader gives the same answers in all ways of running it.

    python benchmarks/same_answers BOOK.txt ... --save cpu.json      # where no GPU is
    python benchmarks/same_answers --against cpu.json --out FOLDER   # where the GPUs are

Documents and questions are those of `sa-engine eval`; each document is read once in each way, and
every question is asked as the first.  Dense, in float32, all tokens of all answers must equal those
of the first way.  Sparse, in each device's own number format, the score of every way must lie in
the Wilson interval of that of the first.  The exit code is 1 if this does not hold.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import torch

from comparing import compare, shown
from sa_chat.engine.info.environment import describe
from sa_chat.engine.session.local import LocalEngine
from sa_chat.engine.tokens import Tokenizer
from sa_chat.engine.tools.bench.options import lengths, positive
from sa_chat.engine.tools.bench.results import Report
from sa_chat.engine.tools.eval.sizing import TokenCounter
from sa_chat.engine.tools.eval.sources import load_sources
from sa_chat.engine.tools.eval.tasks import parse_tasks, trial_specs
from sa_chat.engine.tools.eval.trial import NotEnough, Question, Trial
from sa_chat.protocol.config import EngineConfig
from sa_chat.protocol.errors import DocumentError, SaChatError, UsageError
from ways import WAYS, Way, ask_all, load

MODES = ("dense", "sparse")
_SETTINGS = ("documents", "tokens", "tasks", "samples", "seed")


def main(argv: Sequence[str] | None = None) -> int:
    """Ask, compare and print; returns the exit code."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.against is not None and args.documents:
        parser.error("--against has its own documents")
    try:
        return _run(args)
    except SaChatError as error:
        print(f"{error.message}  {error.hint}", file=sys.stderr)
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "documents",
        nargs="*",
        metavar="PATH",
        help="texts and code to ask about (default: the handbook and this program's source)",
    )
    parser.add_argument(
        "--tokens",
        type=lengths,
        default=(16_384,),
        metavar="N,N",
        help="of a document, question and answer included (default: 16K)",
    )
    parser.add_argument("--tasks", default="documents", metavar="NAME,NAME", help="as of eval")
    parser.add_argument(
        "--samples",
        type=positive,
        default=8,
        metavar="N",
        help="of each task; two share a document (default: 8, four documents, 40 to 48 questions)",
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument(
        "--modes",
        type=parse_modes,
        default=MODES,
        metavar="NAME,NAME",
        help=f"default: {','.join(MODES)}",
    )
    parser.add_argument(
        "--ways",
        type=parse_ways,
        metavar="NAME,NAME",
        help=f"of {', '.join(way.name for way in WAYS)} (default: all that have their devices)",
    )
    parser.add_argument("--save", type=Path, metavar="FILE", help="write questions and answers")
    parser.add_argument(
        "--against",
        type=Path,
        metavar="FILE",
        help="a file of --save: its questions are asked here, in the ways it lacks",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="same-answers.json and .md")
    return parser


def _run(args: argparse.Namespace) -> int:
    tokenizer = LocalEngine(EngineConfig(), lambda event: None).tokenizer
    if args.against is None:
        trials, runs = _trials(args, tokenizer), list[dict[str, Any]]()
        settings = {name: getattr(args, name) for name in _SETTINGS}
    else:
        trials, runs, settings = load_saved(args.against)
    ways_here = available_ways(args.ways)
    report = Report("same-answers", settings, args.out, heading="The same answers in every way")
    count = sum(len(trial.questions) for trial in trials)
    print(f"{describe()}\n{count} questions to {len(trials)} documents", flush=True)
    done = {(run["mode"], run["way"]) for run in runs}
    for mode in args.modes:
        missing = [way for way in ways_here if (mode, way.name) not in done]
        for gpus, ways in groupby(missing, attrgetter("gpus")):
            loaded = load(gpus, torch.float32 if mode == "dense" else None)
            for way in ways:
                runs.append(ask_all(loaded, way, mode, trials, tokenizer))
                print(f"{mode} {way.name}: {runs[-1]['seconds']:.0f} s", flush=True)
                if args.save is not None:
                    save(args.save, trials, runs, settings)
    good, tables = True, []
    for mode in args.modes:
        if of_mode := [run for run in runs if run["mode"] == mode]:
            rows, differences = compare(of_mode, trials, tokenizer)
            for row in rows:
                report.add({"mode": mode, **row})
            good = good and all(row["good"] for row in rows)
            tables.append(shown(mode, rows, differences))
            print(f"\n{tables[-1]}")
    report.finish({"good": good}, tables)
    return 0 if good else 1


def available_ways(wanted: Sequence[Way] | None) -> list[Way]:
    """The wanted ways (default: all) whose devices exist here.

    Raises `UsageError` if a wanted way lacks its devices, as it must not seem to agree.
    """
    gpus = torch.cuda.device_count()
    if lacking := [way for way in wanted or () if way.gpus > gpus]:
        raise UsageError(
            f"{lacking[0].name} needs {lacking[0].gpus} GPU(s), and {gpus} can be seen.",
            "Name other --ways, or none for all that are available.",
        )
    return [way for way in wanted or WAYS if way.gpus <= gpus]


def _trials(args: argparse.Namespace, tokenizer: Tokenizer) -> list[Trial]:
    """The trials.  Raises `UsageError` and `DocumentError`, the latter also if there are none."""
    sources, counter = load_sources(tuple(args.documents) or None), TokenCounter(tokenizer)
    trials = []
    for spec in trial_specs(parse_tasks(args.tasks), args.tokens, args.samples):
        try:
            trial = spec.make(args.samples, args.seed, counter, sources)
        except NotEnough as error:
            print(f"{spec.key} is not asked: {error.reason}")
        else:
            trials.append(trial.asking(spec.tasks, args.samples))
    if not trials:
        raise DocumentError("Nothing can be asked of the documents.", "Give longer ones.")
    return trials


def load_saved(path: Path) -> tuple[list[Trial], list[dict[str, Any]], dict[str, Any]]:
    """Trials, runs and settings from a file of `save`.  Raises `UsageError` for other files."""
    try:
        data = json.loads(path.read_text("utf-8"))
        return [_trial_of(trial) for trial in data["trials"]], data["runs"], data["settings"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} cannot be used: {error}.", "Give a file of --save.") from error


def _trial_of(data: dict[str, Any]) -> Trial:
    """A trial from its JSON value."""
    files = tuple((name, text) for name, text in data["files"])
    asked = tuple(Question(**{**q, "expected": tuple(q["expected"])}) for q in data["questions"])
    return Trial(**{**data, "files": files, "questions": asked})


def save(
    path: Path, trials: Sequence[Trial], runs: Sequence[dict[str, Any]], settings: dict[str, Any]
) -> None:
    """Write what was asked and answered so far."""
    data = {"settings": settings, "trials": [asdict(t) for t in trials], "runs": list(runs)}
    path.write_text(json.dumps(data), "utf-8")


def parse_modes(text: str) -> tuple[str, ...]:
    """Modes by their names, in the order of `MODES`."""
    names = text.split(",")
    if unknown := {*names} - {*MODES}:
        raise argparse.ArgumentTypeError(f"{min(unknown)!r} is not one of {', '.join(MODES)}")
    return tuple(mode for mode in MODES if mode in names)


def parse_ways(text: str) -> tuple[Way, ...]:
    """Ways by their names, in the order of `WAYS`."""
    names = text.split(",")
    if unknown := {*names} - {way.name for way in WAYS}:
        known = ", ".join(way.name for way in WAYS)
        raise argparse.ArgumentTypeError(f"{min(unknown)!r} is not one of {known}")
    return tuple(way for way in WAYS if way.name in names)


if __name__ == "__main__":
    sys.exit(main())
