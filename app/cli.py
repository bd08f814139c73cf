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
from .stdin import STDIN, password_line, spooled

PASSWORD = "SA_CHAT_PASSWORD"  # the environment variable
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
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="a file or folder to read; - is standard input"
    )
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
            help=f"{what} the files that match, or with '#TITLE' the chapters; several times",
        )
    parser.add_argument(
        "--fit", action="store_true", help="leave out what is proposed if not all of it fits"
    )
    parser.add_argument(
        "--choose", action="store_true", help="choose on the screen what is read, before it is"
    )
    parser.add_argument(
        "--count", action="store_true", help="print the tokens of all parts as a tree, and end"
    )
    parser.add_argument(
        "--show-text", action="store_true", help="print what the model would read, and end"
    )
    parser.add_argument(
        "--ocr", action="store_true", help="recognise the text of PDF pages that are pictures"
    )
    parser.add_argument(
        "--password-stdin",
        action="store_true",
        help=f"the first line of standard input is the document's password (or {PASSWORD})",
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
    if not can_print:
        raise UsageError(
            "Standard output is closed, so that no answer could be seen.",
            "Leave out >&-, or write to a file: sa-chat book.pdf --ask TEXT > answer.txt",
        )
    _check_modes(arguments)
    with spooled(arguments.paths) as paths:
        return _start(_launch(arguments, paths), arguments)


def _check_modes(arguments: argparse.Namespace) -> None:
    """Raises `UsageError` for options that do not go together."""
    if arguments.plain and (arguments.json or arguments.ask):
        raise UsageError(
            "--plain takes its questions from stdin, and prints no JSON.",
            "Leave out --plain, or leave out --ask and --json.",
        )
    from_stdin = [
        name
        for name, given in (
            ("--plain", arguments.plain),
            ("--password-stdin", arguments.password_stdin),
            (STDIN, STDIN in arguments.paths),
        )
        if given
    ]
    if len(from_stdin) > 1:
        raise UsageError(
            f"{' and '.join(from_stdin)} both read standard input.",
            f"Give the password as {PASSWORD}, the document as a file, or questions by --ask.",
        )
    if arguments.choose and (arguments.json or arguments.ask or arguments.plain):
        raise UsageError(
            "--choose needs the screen.",
            "Leave it out; --count shows what --exclude can leave out.",
        )
    if arguments.count and arguments.show_text:
        raise UsageError("--count and --show-text print different things.", "Give one of them.")
    if not all(question.strip() for question in arguments.ask):
        raise UsageError("A question is empty.", 'Ask something: --ask "Who is Ahab?"')


def _start(launch: Launch, arguments: argparse.Namespace) -> int:
    if arguments.count or arguments.show_text:
        from .overview import run_count, run_show_text

        return run_count(launch, arguments.json) if arguments.count else run_show_text(launch)
    if arguments.json or arguments.ask:
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


def _launch(arguments: argparse.Namespace, paths: tuple[str, ...]) -> Launch:
    """Raises `UsageError` for what can be seen to be wrong before the engine starts."""
    if arguments.demo and arguments.paths:
        raise UsageError(
            "--demo opens documents of its own.", "Leave out either --demo or the paths."
        )
    if not (arguments.demo or arguments.paths):
        raise UsageError("No document is given.", "Try sa-chat book.pdf, or sa-chat --demo.")
    config = config_from(arguments)
    include = tuple(arguments.include)
    if arguments.demo:
        from .demo import SOURCE_FILES, demo_paths

        paths, include = demo_paths(), include or SOURCE_FILES
    options = OpenOptions(
        paths,
        arguments.pages,
        include,
        tuple(arguments.exclude),
        fit=arguments.fit,
        password=password_line() if arguments.password_stdin else os.environ.get(PASSWORD),
        ocr=arguments.ocr,
    )
    return Launch(options, config, arguments.fake_engine, arguments.demo, arguments.choose)
