"""Checks of the options against each other.  All functions raise `UsageError`."""

from __future__ import annotations

import argparse
import sys

from sa_chat.protocol.errors import UsageError

from .options import PASSWORD
from .stdin import STDIN


def check_options(arguments: argparse.Namespace) -> None:
    """Check that the options do not contradict each other."""
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


def check_documents(arguments: argparse.Namespace) -> None:
    """Check that `--demo` or paths are given, or else that the start screen can open."""
    if arguments.demo and arguments.paths:
        raise UsageError(
            "--demo opens documents of its own.", "Leave out either --demo or the paths."
        )
    if arguments.demo or arguments.paths:
        return
    if arguments.resume:
        check_terminal()
    elif _without_screen(arguments) or not has_terminal():
        raise UsageError("No document is given.", "Try sa-chat book.pdf, or sa-chat --demo.")
    for name in ("pages", "include", "exclude", "fit", "ocr", "password_stdin"):
        if getattr(arguments, name):
            raise UsageError(
                f"--{name.replace('_', '-')} needs a document.",
                "Give its path too: sa-chat book.pdf ...",
            )


def check_terminal() -> None:
    """Check that there is a terminal for the screen."""
    if not has_terminal():
        raise UsageError(
            "The screen needs a terminal.",
            "Use --ask with a question, or --plain to send questions through a pipe.",
        )


def _without_screen(arguments: argparse.Namespace) -> bool:
    return bool(
        arguments.ask or arguments.json or arguments.plain or arguments.count or arguments.show_text
    )


def has_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
