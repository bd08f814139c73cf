"""Command-line options that the screen, the engine process and the tools share.  Imports fast."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NoReturn

from .config import DEFAULT_ALPHA, DEVICES, QUALITIES, EngineConfig, config_of, current_method
from .errors import UsageError


class Parser(argparse.ArgumentParser):
    """An argument parser that raises `UsageError` and accepts no abbreviations."""

    def __init__(self, **options: object) -> None:
        super().__init__(**{"allow_abbrev": False, **options})  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        sentence = message[:1].upper() + message[1:].rstrip(".") + "."
        raise UsageError(sentence, f"See {self.prog} --help.")


def method_name(text: str) -> str:
    """Convert an argument that names a sparse method.  Former names are accepted with a note on
    stderr."""
    name = current_method(text)
    if name != text.replace("_", "-"):
        print(f"The method {text} is called {name} now; use that name.", file=sys.stderr)
    return name


@dataclass(frozen=True)
class ConfigOption:
    """A field of `EngineConfig` that users can set, or `quality`, which stands for an alpha;
    `help` states its default."""

    field: str
    kind: type[str] | type[int] | type[float]
    metavar: str
    help: str
    choices: tuple[str, ...] = ()  # for completion; `EngineConfig` validates the value

    @property
    def name(self) -> str:
        """The name that users type, such as `max-context`."""
        return self.field.replace("_", "-")


QUALITIES_IN_WORDS = ", ".join(f"{name} is {alpha:g}" for name, alpha in QUALITIES.items())
_KV_CACHE = ConfigOption(
    "kv_cache_dtype",
    str,
    "auto|int8",
    "how keys and values are kept; int8 halves their memory (default: auto)",
    ("auto", "int8"),
)
_ROPE_SCALING = ConfigOption(
    "rope_scaling",
    str,
    "yarn:FACTOR",
    "lengthen the context of --model by YaRN (default: as the model declares)",
)
CONFIG_OPTIONS = (
    ConfigOption(
        "model",
        str,
        "DIR_OR_HUB_ID",
        "a model folder or hub id (default: the embedded reader)",
    ),
    ConfigOption("device", str, "|".join(DEVICES), "where to run (default: auto)", DEVICES),
    ConfigOption(
        "attention",
        str,
        "sparse|dense",
        "how the document is read (default: sparse)",
        ("sparse", "dense"),
    ),
    ConfigOption(
        "alpha",
        float,
        "SHARE",
        "share of its attention mass that nearly every row keeps; 1 is dense "
        f"(default: {DEFAULT_ALPHA})",
    ),
    ConfigOption(
        "quality",
        str,
        "|".join(QUALITIES),
        "a name for an alpha: " + QUALITIES_IN_WORDS + " (default: careful)",
        tuple(QUALITIES),
    ),
    ConfigOption(
        "max_context",
        int,
        "N",
        "limit of the context in tokens (default: what the model can read)",
    ),
    _KV_CACHE,
    _ROPE_SCALING,
    ConfigOption(
        "temperature",
        float,
        "X",
        "of answers by --model; 0 takes the likeliest token (default: 0)",
    ),
    ConfigOption("top_p", float, "X", "probability of the tokens to draw from (default: 1)"),
    ConfigOption(
        "repetition_penalty", float, "X", "above 1 an answer repeats itself less (default: 1)"
    ),
    ConfigOption("seed", int, "N", "of what is drawn (default: 0)"),
)


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options for the fields of `EngineConfig`; options that are not given stay unset."""
    group = parser.add_argument_group("engine")
    for option in CONFIG_OPTIONS:
        group.add_argument(
            f"--{option.name}",
            type=option.kind,
            default=argparse.SUPPRESS,
            metavar=option.metavar,
            help=option.help,
        )


def add_kv_cache_argument(parser: argparse._ActionsContainer) -> None:
    """Add the option for the KV cache's dtype, for tools that create a cache."""
    parser.add_argument(
        f"--{_KV_CACHE.name}",
        default=EngineConfig.kv_cache_dtype,
        choices=_KV_CACHE.choices,
        help=_KV_CACHE.help,
    )


def add_rope_scaling_argument(parser: argparse._ActionsContainer) -> None:
    """Add the option for longer contexts, for tools that load a model."""
    parser.add_argument(
        f"--{_ROPE_SCALING.name}", metavar=_ROPE_SCALING.metavar, help=_ROPE_SCALING.help
    )


def config_from(arguments: argparse.Namespace) -> EngineConfig:
    """The configuration from parsed options; unset options take their defaults.

    Raises `UsageError` for values out of range.
    """
    return config_of(vars(arguments))


def config_arguments(config: EngineConfig) -> list[str]:
    """The arguments that reproduce `config` in an engine process; defaults are omitted."""
    return [
        f"--{field.name.replace('_', '-')}={value}"
        for field in fields(config)
        if (value := getattr(config, field.name)) != field.default
    ]
