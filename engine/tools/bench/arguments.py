"""`sa-engine bench`: its subcommands and their options.  Starts fast."""

from __future__ import annotations

import argparse
from pathlib import Path

from sa_chat.protocol.arguments import (
    Parser,
    add_kv_cache_argument,
    add_rope_scaling_argument,
    method_name,
)
from sa_chat.protocol.config import DEFAULT_ALPHA, DEVICES, EMBEDDED_MODEL, METHODS

from .attention.arguments import add_attention_arguments
from .options import density, lengths, positive, share
from .presets import PRESETS


def add_bench_arguments(parser: Parser) -> None:
    """The subcommands of `sa-engine bench`."""
    kinds = parser.add_subparsers(required=True, metavar="KIND")

    attention = kinds.add_parser("attention", help="one layer's attention, against dense baselines")
    _add_common(attention)
    add_attention_arguments(attention)
    attention.set_defaults(command=_attention)

    prefill = kinds.add_parser("prefill", help="time to first token by length, dense and sparse")
    _add_common(prefill)
    _add_model(prefill)
    prefill.add_argument(
        "--alpha",
        type=share,
        default=DEFAULT_ALPHA,
        metavar="SHARE",
        help=f"share of its attention mass that nearly every row keeps (default: {DEFAULT_ALPHA})",
    )
    prefill.add_argument(
        "--method",
        type=method_name,
        choices=METHODS,
        default="auto",
        help="how keys are chosen (default: auto, which may choose dense)",
    )
    prefill.add_argument(
        "--density",
        type=density,
        metavar="SHARE",
        help="force this share of the causal pairs instead (default with --preset: 0.1)",
    )
    prefill.add_argument(
        "--chunk",
        type=positive,
        metavar="N",
        help="tokens a forward pass, in both modes (default: the engine's own)",
    )
    prefill.add_argument(
        "--document",
        type=Path,
        metavar="FILE",
        help="what is read, repeated where it is too short (default: the handbook)",
    )
    prefill.add_argument(
        "--answer-tokens",
        type=positive,
        default=1,
        metavar="N",
        help="of an answer; those after the first are no part of TTFT (default: 1)",
    )
    prefill.set_defaults(command=_prefill)

    decode = kinds.add_parser("decode", help="tokens a second by context, against memory's bound")
    _add_common(decode)
    _add_model(decode)
    decode.add_argument(
        "--tokens", type=positive, default=64, metavar="N", help="of an answer (default: 64)"
    )
    decode.set_defaults(command=_decode)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--lengths",
        type=lengths,
        metavar="N,N",
        help="in tokens; 16K is 16384 (default: up to 128K on a GPU, less on CPU)",
    )
    parser.add_argument(
        "--rounds", type=positive, default=3, metavar="N", help="of each measurement (default: 3)"
    )
    parser.add_argument("--device", choices=DEVICES, default="auto", help="(default: auto)")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write JSON, tables and pictures there"
    )


def _add_model(parser: argparse.ArgumentParser) -> None:
    model = parser.add_mutually_exclusive_group()
    model.add_argument(
        "--model",
        default=EMBEDDED_MODEL,
        metavar="DIR_OR_HUB_ID",
        help="a model folder or hub id (default: the embedded reader)",
    )
    model.add_argument(
        "--preset", choices=tuple(PRESETS), help="random weights in the shape of a public model"
    )
    parser.add_argument(
        "--gpus",
        type=int,
        choices=(1, 2),
        default=1,
        help="over two, layers are split and work in a pipeline (default: 1)",
    )
    parser.add_argument(
        "--limit-memory",
        type=float,
        metavar="GIB",
        help="let each GPU give no more than this, as a smaller card would",
    )
    add_kv_cache_argument(parser)
    add_rope_scaling_argument(parser)


def _attention(arguments: argparse.Namespace) -> int:
    from .attention.run import run

    return run(arguments)


def _prefill(arguments: argparse.Namespace) -> int:
    from .prefill.run import run

    return run(arguments)


def _decode(arguments: argparse.Namespace) -> int:
    from .decode.run import run

    return run(arguments)
