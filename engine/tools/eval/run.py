"""A run: every trial, in every configuration, on record as it comes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import torch
from tqdm import tqdm

from sa_chat.protocol.errors import DocumentError, EngineError, UsageError

from ...info.environment import describe
from ...model.placement import resolve_device
from .arguments import Options, options_from
from .pictures import draw_pictures
from .reading import Reader
from .records import RecordFile
from .report import report
from .results import Configuration, NotRun, ReadingResult
from .sizing import Counter
from .sources import Sources, load_sources
from .tasks import Planned, parse_tasks, planned
from .trial import NotEnough, Trial

RECORDS, REPORT = "results.jsonl", "report.md"
_DENSE = Configuration("dense")
_LINEAR = 8192  # tokens at which attention costs about as much as everything else
_QUIET_S = 30.0  # between two lines of progress into a file
_BAR = "{percentage:3.0f}% |{bar}| {elapsed}, {remaining} left  {desc}"


def run_eval(arguments: argparse.Namespace) -> int:
    """`sa-engine eval`; the exit code.  Raises SaChatError."""
    options = options_from(arguments)
    tasks, configurations = parse_tasks(options.tasks), _configurations(options)
    records = RecordFile(options.out / RECORDS)
    sources = load_sources(options.documents)
    reader = Reader(options.config)
    try:
        _check_lengths(options, reader)
        counter = Counter(reader.tokenizer)
        records.open(_settings(options, tasks, configurations, sources))
        plan = list(planned(tasks, options.lengths, options.samples))
        _read_all(plan, configurations, options, reader, counter, sources, records)
    except KeyboardInterrupt:
        if not records.settings:  # nothing was begun
            raise
        _write_report(options, records, interrupted=True)
        print("\nInterrupted.  The same command goes on where it stopped.", file=sys.stderr)
        return 130
    finally:
        reader.close()
    print(_write_report(options, records))
    pictures = draw_pictures(records.results, options.config.model, options.out)
    written = [options.out / REPORT, records.path, *pictures]
    print("Written:", ", ".join(map(str, written)), file=sys.stderr)
    if all(isinstance(result, NotRun) for result in records.results):
        raise DocumentError(
            "No task could be made from the documents; the report says why.",
            "Give longer documents, shorter --lengths, or other --tasks.",
        )
    return 0


def _check_lengths(options: Options, reader: Reader) -> None:
    longest, context = options.lengths[-1], reader.context_tokens
    if longest > context:
        raise UsageError(
            f"The model reads {context:,} tokens at most, not {longest:,}.",
            "Leave longer ones out of --lengths.",
        )


def _configurations(options: Options) -> tuple[Configuration, ...]:
    """Dense first, then every method at every alpha; a-shape knows none but 1, which is dense,
    and so is read once, at the first alpha below."""
    sparse = []
    for method in options.methods:
        alphas = options.alphas
        if method == "a-shape":
            alphas = tuple(alpha for alpha in alphas if alpha < 1.0)[:1] or alphas
        sparse += [Configuration("sparse", method, alpha) for alpha in alphas]
    return (_DENSE, *sparse)


def _settings(
    options: Options,
    tasks: Sequence[str],
    configurations: Sequence[Configuration],
    sources: Sources,
) -> dict[str, Any]:
    return {
        "model": options.config.model,
        "lengths": list(options.lengths),
        "tasks": list(tasks),
        "samples": options.samples,
        "configurations": [configuration.label for configuration in configurations],
        "documents": None if options.documents is None else list(options.documents),
        "fingerprint of documents": sources.fingerprint,
        "seed": options.seed,
        "device": str(resolve_device(options.config.device)),
        "machine": describe(),
    }


def _read_all(
    plan: Sequence[Planned],
    configurations: Sequence[Configuration],
    options: Options,
    reader: Reader,
    counter: Counter,
    sources: Sources,
    records: RecordFile,
) -> None:
    missing = {
        one: [c for c in configurations if (one.key, c.label) not in records.done] for one in plan
    }
    total = sum(_cost(one) * len(configurations) for one in plan)
    left = sum(_cost(one) * len(those) for one, those in missing.items())
    with tqdm(
        total=total,
        initial=total - left,
        bar_format=_BAR,
        smoothing=0,
        leave=False,
        mininterval=0.1 if sys.stderr.isatty() else _QUIET_S,
    ) as progress:
        for one, those in missing.items():
            trial = _made(one, options, counter, sources, records) if those else None
            for configuration in those:
                progress.set_description_str(f"{one.family} {one.length:,} {configuration.label}")
                if trial is not None:
                    records.append(_read(reader, trial, configuration))
                progress.update(_cost(one))


def _read(reader: Reader, trial: Trial, configuration: Configuration) -> ReadingResult:
    """Raises `EngineError` where it does not fit into the memory."""
    try:
        return reader.read(trial, configuration)
    except torch.OutOfMemoryError as error:
        raise EngineError(
            f"{trial.length:,} tokens, {configuration.label}, do not fit into the memory.",
            "What was read is on record; shorter --lengths need another --out.",
        ) from error


def _made(
    one: Planned,
    options: Options,
    counter: Counter,
    sources: Sources,
    records: RecordFile,
) -> Trial | None:
    """The trial with the questions that are wanted, or None, and the reason on record."""
    try:
        trial = one.make(options.samples, options.seed, counter, sources)
    except NotEnough as error:
        for task in one.tasks:
            records.append(NotRun(task, one.length, error.reason))
        return None
    return trial.asking(one.tasks, options.samples)


def _cost(one: Planned) -> float:
    """Of reading it once, in arbitrary units; only the progress bar believes in it."""
    return one.length * (1 + one.length / _LINEAR)


def _write_report(options: Options, records: RecordFile, *, interrupted: bool = False) -> str:
    text = report(records.settings, records.results, interrupted=interrupted)
    (options.out / REPORT).write_text(text, "utf-8")
    return text
