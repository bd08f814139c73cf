"""Options that the screen, the engine's process and its tools share.  Starts fast."""

from __future__ import annotations

import argparse
from dataclasses import fields
from typing import NoReturn

from .config import DEFAULT_ALPHA, EMBEDDED_MODEL, EngineConfig
from .errors import UsageError


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are `UsageError`, and which takes no abbreviations."""

    def __init__(self, **options: object) -> None:
        super().__init__(**{"allow_abbrev": False, **options})  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        sentence = message[:1].upper() + message[1:].rstrip(".") + "."
        raise UsageError(sentence, f"See {self.prog} --help.")


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that make an `EngineConfig`."""
    group = parser.add_argument_group("engine")
    group.add_argument(
        "--model",
        default=EMBEDDED_MODEL,
        metavar="DIR_OR_HUB_ID",
        help="a model folder or hub id (default: the embedded reader)",
    )
    group.add_argument(
        "--device", default="auto", metavar="auto|cpu|cuda", help="where to run (default: auto)"
    )
    group.add_argument(
        "--attention",
        default="sparse",
        metavar="sparse|dense",
        help="how the document is read (default: sparse)",
    )
    group.add_argument(
        "--alpha",
        type=float,
        default=DEFAULT_ALPHA,
        metavar="SHARE",
        help=f"share of the attention mass to keep, up to 1 (default: {DEFAULT_ALPHA})",
    )
    group.add_argument(
        "--max-context",
        type=int,
        metavar="N",
        help="limit of the context in tokens (default: what the model can read)",
    )
    add_kv_cache_argument(group)
    for name, default, what in (
        ("temperature", 0.0, "of answers by --model; 0 takes the likeliest token"),
        ("top-p", 1.0, "probability of the tokens to draw from"),
        ("repetition-penalty", 1.0, "above 1 an answer repeats itself less"),
    ):
        group.add_argument(
            f"--{name}",
            type=float,
            default=default,
            metavar="X",
            help=f"{what} (default: {default:g})",
        )
    group.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of what is drawn (default: 0)"
    )


def add_kv_cache_argument(parser: argparse._ActionsContainer) -> None:
    """How keys and values are kept, for all that make a cache."""
    parser.add_argument(
        "--kv-cache-dtype",
        default="auto",
        choices=("auto", "int8"),
        help="how keys and values are kept; int8 halves their memory (default: auto)",
    )


def config_from(arguments: argparse.Namespace) -> EngineConfig:
    """Raises `UsageError` for values out of range."""
    known = {field.name for field in fields(EngineConfig)}
    return EngineConfig(**{k: v for k, v in vars(arguments).items() if k in known})


def config_arguments(config: EngineConfig) -> list[str]:
    """The command line that gives `config` back to an engine process: what is not default."""
    return [
        f"--{field.name.replace('_', '-')}={value}"
        for field in fields(config)
        if (value := getattr(config, field.name)) != field.default
    ]
