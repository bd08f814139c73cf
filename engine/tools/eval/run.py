"""A run: every trial in every configuration, recorded as results arrive."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from tqdm import tqdm

from sa_chat.protocol.errors import DocumentError, EngineError, UsageError

from ...info.environment import describe
from ...platform.devices import resolve_device
from .arguments import Options, options_from
from .asked.trials import ASKED
from .pictures import draw_pictures
from .records import RecordFile, Result, key_of, part_name, read_parts
from .report import report
from .results import Configuration, NotRun, TrialResult
from .sizing import TokenCounter
from .sources import Sources, load_sources
from .tasks import TrialSpec, parse_tasks, trial_specs
from .trial import NotEnough, Trial
from .trial_runner import TrialRunner

REPORT = "report.md"
_DENSE = Configuration("dense")
_LINEAR = 8192  # tokens at which attention costs about as much as everything else
_QUIET_S = 30.0  # between progress updates that go to a file
_BAR = "{percentage:3.0f}% |{bar}| {elapsed}, {remaining} left  {desc}"


def run_eval(arguments: argparse.Namespace) -> int:
    """Run `sa-engine eval`; returns the exit code.  Raises `SaChatError`."""
    options = options_from(arguments)
    tasks, compared = parse_tasks(options.tasks), configurations(options)
    records = RecordFile(options.out / part_name(*options.part))
    sources = load_sources(options.documents, options.questions)
    runner = TrialRunner(options.config)
    try:
        _check_lengths(options, runner)
        counter = TokenCounter(runner.tokenizer)
        settings = _settings(options, tasks, compared, sources)
        _, so_far = read_parts(options.out, settings)
        records.open(settings)
        part, parts = options.part
        specs = list(trial_specs(tasks, options.lengths, options.samples))[part - 1 :: parts]
        done = {key_of(result) for result in so_far if isinstance(result, TrialResult)}
        missing = {spec: [c for c in compared if (spec.key, c.label) not in done] for spec in specs}
        _run_all(missing, len(compared), options, runner, counter, sources, records)
    except KeyboardInterrupt:
        if not records.settings:  # nothing was begun
            raise
        _write_report(options, settings, interrupted=True)
        print("\nInterrupted.  The same command resumes where it stopped.", file=sys.stderr)
        return 130
    finally:
        runner.close()
    results = _write_report(options, settings)
    print((options.out / REPORT).read_text("utf-8"))
    pictures = draw_pictures(results, options.config.model, options.out)
    written = [options.out / REPORT, records.path, *pictures]
    print("Written:", ", ".join(map(str, written)), file=sys.stderr)
    if all(isinstance(result, NotRun) for result in results):
        raise DocumentError(
            "No task could be made from the documents; the report says why.",
            "Give longer documents, shorter --lengths, or other --tasks.",
        )
    return 0


def _check_lengths(options: Options, runner: TrialRunner) -> None:
    longest, context = options.lengths[-1], runner.context_tokens
    if longest > context:
        raise UsageError(
            f"The model reads {context:,} tokens at most, not {longest:,}.",
            "Leave longer ones out of --lengths.",
        )


def configurations(options: Options) -> tuple[Configuration, ...]:
    """The configurations to compare: dense first, then every method at every alpha.

    a-shape does not depend on alpha, except that 1 is dense, and so is run once, at the first
    alpha below 1.
    """
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
    compared: Sequence[Configuration],
    sources: Sources,
) -> dict[str, Any]:
    return {
        "model": options.config.model,
        "rope_scaling": options.config.rope_scaling,
        "lengths": list(options.lengths),
        "tasks": list(tasks),
        "samples": options.samples,
        "configurations": [configuration.label for configuration in compared],
        "documents": None if options.documents is None else list(options.documents),
        "heads": options.config.measure_heads or None,
        "questions": None if options.questions is None else str(options.questions),
        "fingerprint of documents": sources.fingerprint,
        "seed": options.seed,
        "device": str(resolve_device(options.config.device)),
        "machine": describe(),
    }


def _run_all(
    missing: Mapping[TrialSpec, Sequence[Configuration]],
    compared: int,
    options: Options,
    runner: TrialRunner,
    counter: TokenCounter,
    sources: Sources,
    records: RecordFile,
) -> None:
    total = sum(_cost(spec) * compared for spec in missing)
    left = sum(_cost(spec) * len(those) for spec, those in missing.items())
    with tqdm(
        total=total,
        initial=total - left,
        bar_format=_BAR,
        smoothing=0,
        leave=False,
        mininterval=0.1 if sys.stderr.isatty() else _QUIET_S,
    ) as progress:
        for spec, those in missing.items():
            trial = _made(spec, options, counter, sources, records) if those else None
            for configuration in those:
                progress.set_description_str(f"{spec.family} {spec.length:,} {configuration.label}")
                if trial is not None:
                    records.append(_run(runner, trial, configuration))
                progress.update(_cost(spec))


def _run(runner: TrialRunner, trial: Trial, configuration: Configuration) -> TrialResult:
    """Raises `EngineError` if the trial does not fit into memory."""
    try:
        return runner.run(trial, configuration)
    except torch.OutOfMemoryError as error:
        raise EngineError(
            f"{trial.length:,} tokens, {configuration.label}, do not fit into the memory.",
            "Earlier results are recorded; shorter --lengths need another --out.",
        ) from error


def _made(
    spec: TrialSpec,
    options: Options,
    counter: TokenCounter,
    sources: Sources,
    records: RecordFile,
) -> Trial | None:
    """The trial with the requested questions; None, with the reason recorded, if it cannot be
    made."""
    try:
        trial = spec.make(options.samples, options.seed, counter, sources)
    except NotEnough as error:
        for task in spec.tasks:
            records.append(NotRun(task, spec.length, error.reason))
        return None
    return trial if spec.family == ASKED else trial.asking(spec.tasks, options.samples)


def _cost(spec: TrialSpec) -> float:
    """The relative cost of one configuration, which is only used for the progress bar."""
    return spec.length * (1 + spec.length / _LINEAR)


def _write_report(
    options: Options, wanted: Mapping[str, Any], *, interrupted: bool = False
) -> list[Result]:
    """Write the report of all parts so far; returns their results."""
    settings, results = read_parts(options.out, wanted)
    text = report(settings, results, interrupted=interrupted)
    (options.out / REPORT).write_text(text, "utf-8")
    return results
