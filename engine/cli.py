"""`sa-engine`: the engine without the chat.  Each subcommand is one function."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict

from sa_chat.protocol.arguments import Parser, add_kv_cache_argument, add_rope_scaling_argument
from sa_chat.protocol.errors import SaChatError, UsageError
from sa_chat.protocol.text import clean

from .platform.machine import prepare_process
from .server.host import add_run_arguments, run
from .tools.bench.arguments import add_bench_arguments
from .tools.bench.options import positive
from .tools.eval.arguments import add_eval_arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run `sa-engine`; the exit code."""
    prepare_process()  # before torch is loaded
    try:
        arguments = build_parser().parse_args(argv)
        code: int = arguments.command(arguments)
        sys.stdout.flush()
        return code
    except SaChatError as error:
        print(f"sa-engine: {error.message}", file=sys.stderr)
        if error.hint:
            print(error.hint, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Python flushes stdout once more when it exits; that must find an open file.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def build_parser() -> Parser:
    parser = Parser(prog="sa-engine", description="The engine of sa-chat, without the chat.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("run", help="speak the protocol on stdin and stdout")
    add_run_arguments(serve)
    serve.set_defaults(command=run)

    evaluate = commands.add_parser(
        "eval",
        help="dense against sparse answers on tasks with known answers",
        description="Ask the same questions of the same documents, dense and sparse, and compare.",
    )
    add_eval_arguments(evaluate)
    evaluate.set_defaults(command=_eval)

    bench = commands.add_parser("bench", help="speed and memory, with the machine they belong to")
    add_bench_arguments(bench)

    info = commands.add_parser("info", help="versions, devices and the embedded reader")
    info.add_argument("--json", action="store_true", help="print one JSON object")
    info.add_argument(
        "--model",
        metavar="DIR_OR_HUB_ID",
        help="instead: does this model fit, and on which devices",
    )
    info.add_argument(
        "--tokens",
        type=positive,
        metavar="N",
        help="of context for --model (default: all that it can read)",
    )
    add_kv_cache_argument(info)
    add_rope_scaling_argument(info)
    info.set_defaults(command=_info)
    return parser


def _eval(arguments: argparse.Namespace) -> int:
    from .tools.eval.run import run_eval

    return run_eval(arguments)


def _info(arguments: argparse.Namespace) -> int:
    from .info.info import engine_info, fit_info

    if arguments.model is not None:
        plan = fit_info(
            arguments.model, arguments.tokens, arguments.kv_cache_dtype, arguments.rope_scaling
        )
        print(
            json.dumps(plan.as_dict(), indent=2)
            if arguments.json
            else clean("\n".join(plan.lines()))
        )
        return 0
    if arguments.tokens is not None:
        raise UsageError("--tokens belongs to --model.", "Give the model whose fit is asked for.")
    if arguments.rope_scaling is not None:
        raise UsageError("--rope-scaling belongs to --model.", "Give the model to be scaled.")
    info = engine_info()
    print(json.dumps(asdict(info), indent=2) if arguments.json else "\n".join(info.lines()))
    return 0
