"""`sa-chat`: the command line.  Heavy modules are imported when they are needed."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

from sa_chat.protocol.config import OpenOptions
from sa_chat.protocol.errors import SaChatError, UsageError

from .report.printer import report
from .settings.checks import check_documents, check_options, check_terminal
from .settings.launch import Launch
from .settings.options import PASSWORD, build_parser
from .settings.settings import config_path, load_settings
from .settings.stdin import password_line, spooled

INTERRUPTED = 130  # 128 + SIGINT, as shells have it
PIPE_CLOSED = 141  # 128 + SIGPIPE


def main(argv: Sequence[str] | None = None) -> int:
    """Run `sa-chat`; the exit code."""
    can_print = sys.stdout is not None
    _fill_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        arguments = build_parser().parse_intermixed_args(argv)
        if not can_print:
            raise UsageError(
                "Standard output is closed, so that no answer could be seen.",
                "Leave out >&-, or write to a file: sa-chat book.pdf --ask TEXT > answer.txt",
            )
        if (text := _information(arguments)) is not None:
            print(text)
            code = 0
        else:
            check_options(arguments)
            with spooled(arguments.paths) as paths:
                launch = _launch(arguments, paths)
                code = _mode(arguments)(launch)
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
    """Open standard streams that the shell closed (`>&-`), which are None in Python, as empty.

    In the order of the descriptors, so that each gets its own number.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))


def _information(arguments: argparse.Namespace) -> str | None:
    """The output of options that only print something; None without such an option."""
    if arguments.config_path:
        return str(config_path())
    if arguments.completion:
        from .settings.completion import completion_script

        return completion_script(build_parser(), arguments.completion)
    return None


def _launch(arguments: argparse.Namespace, paths: tuple[str, ...]) -> Launch:
    """The launch from parsed options.  Raises `UsageError`."""
    check_documents(arguments)
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
        tuple(arguments.ask),
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


def _mode(arguments: argparse.Namespace) -> Callable[[Launch], int]:
    """The function that runs what the options ask for.  Raises `UsageError` for the screen without
    a terminal."""
    if arguments.count:
        from .headless.count import run_count, run_count_json

        return run_count_json if arguments.json else run_count
    if arguments.show_text:
        from .headless.count import run_show_text

        return run_show_text
    if arguments.json:
        from .headless.oneshot import run_json

        return run_json
    if arguments.ask:
        from .headless.oneshot import run_text

        return run_text
    if arguments.plain:
        from .headless.conversation import run_plain

        return run_plain
    check_terminal()
    return _run_screen


def _run_screen(launch: Launch) -> int:
    from .tui.app import SaChatApp

    app = SaChatApp(launch)
    app.run()
    return app.return_code or 0
