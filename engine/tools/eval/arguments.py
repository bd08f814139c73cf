"""The options of `sa-engine eval`.  Imports nothing heavy."""

from __future__ import annotations

import argparse
import itertools
from dataclasses import dataclass, replace
from pathlib import Path

from sa_chat.protocol.arguments import (
    QUALITIES_IN_WORDS,
    add_kv_cache_argument,
    add_rope_scaling_argument,
    method_name,
)
from sa_chat.protocol.config import (
    DEFAULT_ALPHA,
    DEVICES,
    EMBEDDED_MODEL,
    METHODS,
    EngineConfig,
    alpha_of,
)
from sa_chat.protocol.errors import UsageError

LENGTHS = "4096,16384"
SAMPLES = 4
SEED = 1
OUT = Path("sa-eval")
_LEAST_LENGTH = 1024


@dataclass(frozen=True)
class Options:
    """The options of one run.  Raises `UsageError` for values out of range."""

    config: EngineConfig
    lengths: tuple[int, ...]  # tokens, ascending
    tasks: str
    samples: int  # of each task at each length
    alphas: tuple[float, ...]
    methods: tuple[str, ...]
    documents: tuple[str, ...] | None  # paths; None: the documents shipped with the program
    questions: Path | None  # a file of natural questions about the documents
    seed: int
    out: Path
    part: tuple[int, int] = (1, 1)  # (I, K): each K-th trial from the I-th on

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise UsageError(f"At least one sample is needed, not {self.samples}.", "Try 4.")
        for length in self.lengths:
            if length < _LEAST_LENGTH:
                raise UsageError(
                    f"A length of {length:,} tokens is too short for the tasks.",
                    f"Give lengths from {_LEAST_LENGTH:,} on, such as --lengths {LENGTHS}.",
                )
        for alpha, method in itertools.product(self.alphas, self.methods):
            replace(self.config, alpha=alpha, method=method)  # raises for invalid values


def add_eval_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser; `options_from` reads them."""
    parser.add_argument(
        "--model",
        default=EMBEDDED_MODEL,
        metavar="DIR_OR_HUB_ID",
        help="a model folder or hub id (default: the embedded reader)",
    )
    parser.add_argument("--device", default="auto", metavar="|".join(DEVICES))
    add_kv_cache_argument(parser)
    add_rope_scaling_argument(parser)
    parser.add_argument(
        "--lengths",
        default=LENGTHS,
        metavar="N,N",
        help=f"tokens, question and answer included; 16K is 16384 (default: {LENGTHS})",
    )
    parser.add_argument(
        "--tasks",
        default="core",
        metavar="NAME,NAME",
        help="tasks, or core, near-lossless, ruler, documents, all (default: core)",
    )
    parser.add_argument(
        "--samples",
        type=int,
        default=SAMPLES,
        metavar="N",
        help=f"of each task at each length (default: {SAMPLES})",
    )
    parser.add_argument(
        "--alpha",
        metavar="SHARE,SHARE",
        help=f"shares of its attention mass that nearly every row keeps (default: {DEFAULT_ALPHA})",
    )
    parser.add_argument(
        "--quality",
        metavar="NAME,NAME",
        help=f"instead of --alpha: {QUALITIES_IN_WORDS}",
    )
    parser.add_argument(
        "--methods",
        default="auto",
        metavar="NAME,NAME",
        help=f"{', '.join(METHODS)} (default: auto)",
    )
    parser.add_argument(
        "--documents",
        nargs="+",
        metavar="PATH",
        help="texts and code to take tasks from (default: the handbook and this program's source)",
    )
    parser.add_argument(
        "--questions",
        type=Path,
        metavar="FILE",
        help="of the task asked: JSON lines (or .xz) with doc, q, a and s about the documents",
    )
    parser.add_argument(
        "--heads",
        action="store_true",
        help="compare single heads with exact attention on some rows: slower, more memory",
    )
    parser.add_argument("--seed", type=int, default=SEED, metavar="N")
    parser.add_argument(
        "--part",
        default="1/1",
        metavar="I/K",
        help="run each K-th trial alone: K processes with the same --out share a run",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=OUT,
        metavar="DIR",
        help=f"results, report and pictures; an interrupted run resumes there (default: {OUT})",
    )


def options_from(arguments: argparse.Namespace) -> Options:
    """The options from parsed arguments.  Raises `UsageError` for invalid values."""
    return Options(
        config=EngineConfig(
            model=arguments.model,
            device=arguments.device,
            kv_cache_dtype=arguments.kv_cache_dtype,
            rope_scaling=arguments.rope_scaling,
            measure_heads=arguments.heads,
        ),
        lengths=tuple(sorted({_tokens(text) for text in _listed(arguments.lengths)})),
        tasks=arguments.tasks,
        samples=arguments.samples,
        alphas=_alphas(arguments.alpha, arguments.quality),
        methods=tuple(dict.fromkeys(map(method_name, _listed(arguments.methods)))),
        documents=None if arguments.documents is None else tuple(arguments.documents),
        questions=arguments.questions,
        seed=arguments.seed,
        out=arguments.out,
        part=_part(arguments.part),
    )


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _tokens(text: str) -> int:
    """A number of tokens, in which K stands for 1,024."""
    number, unit = (text[:-1], 1024) if text[-1:] in ("k", "K") else (text, 1)
    if not number.isdecimal():
        raise UsageError(f"{text!r} is not a length in tokens.", "Write --lengths 4096,16K.")
    return int(number) * unit


def _part(text: str) -> tuple[int, int]:
    number, slash, count = text.partition("/")
    if slash and number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count):
        return int(number), int(count)
    raise UsageError(f"{text!r} is not a part of a run.", "Write --part 1/4 to --part 4/4.")


def _alphas(shares: str | None, qualities: str | None) -> tuple[float, ...]:
    if shares is not None and qualities is not None:
        raise UsageError("--alpha and --quality set the same thing.", "Give one of them.")
    if qualities is not None:
        return tuple(dict.fromkeys(map(alpha_of, _listed(qualities))))
    if shares is not None:
        return tuple(dict.fromkeys(map(_share, _listed(shares))))
    return (DEFAULT_ALPHA,)


def _share(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is not a share.", "Write --alpha 0.8,0.9.") from error
