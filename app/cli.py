"""`sa-chat`: the command line.  What is heavy is imported when it is needed."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from sa_chat.engine.arguments import Parser, add_config_arguments, config_from
from sa_chat.engine.config import OpenOptions
from sa_chat.engine.errors import SaChatError, UsageError

from .launch import Launch
from .printer import report

INTERRUPTED = 130  # 128 + SIGINT, as shells have it
PIPE_CLOSED = 141  # 128 + SIGPIPE


def main(argv: Sequence[str] | None = None) -> int:
    """Run `sa-chat`; the exit code."""
    can_print = sys.stdout is not None
    _fill_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        code = _run(build_parser().parse_intermixed_args(argv), can_print)
        sys.stdout.flush()
        return code
    except SaChatError as error:
        report(error)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Python flushes stdout once more when it exits; that must find an open file.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED


def build_parser() -> Parser:
    parser = Parser(
        prog="sa-chat",
        description="Ask a whole book, PDF or folder of source files.",
        epilog="Exit codes: 0 answered; 2 usage; 3 the document cannot be read; "
        "4 it does not fit the context; 5 the model or the engine failed.",
    )
    parser.add_argument("paths", nargs="*", metavar="PATH", help="a file or folder to read")
    parser.add_argument(
        "--demo",
        action="store_true",
        help="open the handbook and the source code of the engine's core",
    )
    parser.add_argument(
        "--ask",
        action="append",
        default=[],
        metavar="TEXT",
        help="print the answer and end; may be given several times",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and end")
    parser.add_argument(
        "--plain", action="store_true", help="take questions from stdin, without a screen"
    )
    parser.add_argument("--pages", metavar="1-200", help="only these pages, counted from 1")
    for name, what in (("include", "only"), ("exclude", "leave out")):
        parser.add_argument(
            f"--{name}",
            action="append",
            default=[],
            metavar="GLOB",
            help=f"of a folder, {what} the files that match; may be given several times",
        )
    add_config_arguments(parser)
    parser.add_argument("--fake-engine", metavar="SCRIPT", help=argparse.SUPPRESS)
    parser.add_argument("--version", action="version", version=f"sa-chat {version('sa-chat')}")
    return parser


def _fill_closed_streams() -> None:
    """Python has None for a standard stream that the shell closed (`>&-`): make it empty.

    In the order of the descriptors, so that each takes its own again and no pipe gets it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))


def _run(arguments: argparse.Namespace, can_print: bool) -> int:
    launch = _launch(arguments)
    if not can_print:
        raise UsageError(
            "Standard output is closed, so that no answer could be seen.",
            "Leave out >&-, or write to a file: sa-chat book.pdf --ask TEXT > answer.txt",
        )
    if arguments.plain and (arguments.json or arguments.ask):
        raise UsageError(
            "--plain takes its questions from stdin, and prints no JSON.",
            "Leave out --plain, or leave out --ask and --json.",
        )
    if arguments.json or arguments.ask:
        if not all(question.strip() for question in arguments.ask):
            raise UsageError("A question is empty.", 'Ask something: --ask "Who is Ahab?"')
        from .oneshot import run_json, run_text

        run = run_json if arguments.json else run_text
        return run(launch, arguments.ask)
    if arguments.plain:
        from .plain import run_plain

        return run_plain(launch)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "The screen needs a terminal.",
            "Use --ask with a question, or --plain to send questions through a pipe.",
        )
    from .app import run_app

    return run_app(launch)


def _launch(arguments: argparse.Namespace) -> Launch:
    """Raises `UsageError` for what can be seen to be wrong before the engine starts."""
    if arguments.demo and arguments.paths:
        raise UsageError(
            "--demo opens documents of its own.", "Leave out either --demo or the paths."
        )
    if not (arguments.demo or arguments.paths):
        raise UsageError("No document is given.", "Try sa-chat book.pdf, or sa-chat --demo.")
    config = config_from(arguments)
    paths, include = tuple(arguments.paths), tuple(arguments.include)
    if arguments.demo:
        from .demo import SOURCE_FILES, demo_paths

        paths, include = demo_paths(), include or SOURCE_FILES
    options = OpenOptions(paths, arguments.pages, include, tuple(arguments.exclude))
    return Launch(options, config, arguments.fake_engine, arguments.demo)
