"""Options of `sa-engine bench attention`.  Starts fast."""

from __future__ import annotations

import argparse

from sa_chat.protocol.arguments import method_name
from sa_chat.protocol.config import DEFAULT_ALPHA, METHODS

from ..options import densities, share
from ..presets import PRESETS, parse_shape

INPUTS = ("structured", "random")
DENSITIES = (0.05, 0.1, 0.2, 0.4)


def add_attention_arguments(parser: argparse.ArgumentParser) -> None:
    """Those beside --lengths, --rounds, --device and --out, which all benchmarks have."""
    parser.add_argument(
        "--shape",
        type=parse_shape,
        metavar="PRESET|H/GxD",
        help=f"{', '.join(PRESETS)}, or query heads/kv heads x head size "
        "(default: llama-3.1-8b on a GPU, reader on CPU)",
    )
    parser.add_argument(
        "--inputs",
        choices=INPUTS,
        default=INPUTS[0],
        help="heads of known structure, or normal noise (default: structured)",
    )
    parser.add_argument(
        "--densities",
        type=densities,
        default=DENSITIES,
        metavar="D,D",
        help="forced shares of the causal pairs (default: 0.05,0.1,0.2,0.4)",
    )
    parser.add_argument(
        "--alpha",
        type=share,
        default=DEFAULT_ALPHA,
        metavar="SHARE",
        help="of its attention mass, that nearly every row keeps where density is not forced "
        f"(default: {DEFAULT_ALPHA})",
    )
    parser.add_argument(
        "--method",
        type=method_name,
        choices=METHODS,
        default="local-vertical",
        help="how keys are chosen where density is not forced (default: local-vertical; auto "
        "may choose dense)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="(default: 0)")
