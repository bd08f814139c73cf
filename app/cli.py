"""`sa-chat`: the command line.  What is heavy is imported when it is needed."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from dataclasses import replace

from sa_chat.protocol.config import OpenOptions
from sa_chat.protocol.errors import SaChatError, UsageError

from .report.printer import report
from .settings.launch import Launch
from .settings.options import PASSWORD, build_parser
from .settings.settings import config_path, load_settings
from .settings.stdin import STDIN, password_line, spooled

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
    if arguments.config_path:
        print(config_path())
        return 0
    if arguments.completion:
        from .settings.completion import completion_script

        print(completion_script(build_parser(), arguments.completion))
        return 0
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
    if arguments.resume:
        _check_resume(arguments)
    if arguments.choose and (arguments.json or arguments.ask or arguments.plain):
        raise UsageError(
            "--choose needs the screen.",
            "Leave it out; --count shows what --exclude can leave out.",
        )
    if arguments.count and arguments.show_text:
        raise UsageError("--count and --show-text print different things.", "Give one of them.")
    if not all(question.strip() for question in arguments.ask):
        raise UsageError("A question is empty.", 'Ask something: --ask "Who is Ahab?"')


def _check_resume(arguments: argparse.Namespace) -> None:
    if _without_screen(arguments):
        raise UsageError(
            "--resume needs the screen.", "Leave it out, and give the paths of the documents."
        )
    if STDIN in arguments.paths:
        raise UsageError(
            "--resume finds a conversation by the paths of its documents, and - has none.",
            "Give a file or folder, or --resume alone for the newest conversation of all.",
        )


def _without_screen(arguments: argparse.Namespace) -> bool:
    return bool(
        arguments.ask or arguments.json or arguments.plain or arguments.count or arguments.show_text
    )


def _has_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _check_terminal() -> None:
    """Raises `UsageError` if there is none."""
    if not _has_terminal():
        raise UsageError(
            "The screen needs a terminal.",
            "Use --ask with a question, or --plain to send questions through a pipe.",
        )


def _start(launch: Launch, arguments: argparse.Namespace) -> int:
    if arguments.count or arguments.show_text:
        from .headless.count import run_count, run_show_text

        return run_count(launch, arguments.json) if arguments.count else run_show_text(launch)
    if arguments.json or arguments.ask:
        from .headless.oneshot import run_json, run_text

        run = run_json if arguments.json else run_text
        return run(launch, arguments.ask)
    if arguments.plain:
        from .headless.conversation import run_plain

        return run_plain(launch)
    _check_terminal()
    from .tui.app import SaChatApp

    app = SaChatApp(launch)
    app.run()
    return app.return_code or 0


def _launch(arguments: argparse.Namespace, paths: tuple[str, ...]) -> Launch:
    """Raises `UsageError` for what can be seen to be wrong before the engine starts."""
    if arguments.demo and arguments.paths:
        raise UsageError(
            "--demo opens documents of its own.", "Leave out either --demo or the paths."
        )
    if not (arguments.demo or arguments.paths):
        _check_start(arguments)
    config, settings = load_settings(vars(arguments))
    password = password_line() if arguments.password_stdin else os.environ.get(PASSWORD)
    given = bool(arguments.demo or paths)
    return Launch(
        replace(_documents(arguments, paths), password=password) if given else None,
        config,
        arguments.fake_engine,
        arguments.demo,
        arguments.choose,
        settings,
        arguments.resume,
        password,
    )


def _check_start(arguments: argparse.Namespace) -> None:
    """The start screen opens if no document is given.  Raises `UsageError` if it cannot."""
    if arguments.resume:
        _check_terminal()
    elif _without_screen(arguments) or not _has_terminal():
        raise UsageError("No document is given.", "Try sa-chat book.pdf, or sa-chat --demo.")
    for name in ("pages", "include", "exclude", "fit", "ocr", "password_stdin"):
        if getattr(arguments, name):
            raise UsageError(
                f"--{name.replace('_', '-')} needs a document.",
                "Give its path too: sa-chat book.pdf ...",
            )


def _documents(arguments: argparse.Namespace, paths: tuple[str, ...]) -> OpenOptions:
    include = tuple(arguments.include)
    if arguments.demo:
        from .document.demo import SOURCE_FILES, demo_paths

        paths, include = demo_paths(), include or SOURCE_FILES
    return OpenOptions(
        paths,
        arguments.pages,
        include,
        tuple(arguments.exclude),
        fit=arguments.fit,
        ocr=arguments.ocr,
    )
