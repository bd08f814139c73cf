"""The options of `sa-chat`."""

from __future__ import annotations

import argparse

from sa_chat.protocol.arguments import Parser, add_config_arguments

from .settings import THEME_NAMES

PASSWORD = "SA_CHAT_PASSWORD"  # the environment variable
SHELLS = ("bash", "zsh", "fish", "tcsh")


def build_parser() -> Parser:
    parser = Parser(
        prog="sa-chat",
        usage="%(prog)s [PATH ...] [OPTION ...]",
        description="Ask a whole book, PDF or folder of source files.",
        epilog="Exit codes: 0 answered; 2 usage; 3 the document cannot be read; "
        "4 it does not fit the context; 5 the model or the engine failed.",
        add_help=False,
    )
    _add_documents(parser.add_argument_group("documents"))
    _add_answering(parser.add_argument_group("answering without a screen"))
    _add_screen(parser.add_argument_group("the screen"))
    add_config_arguments(parser)
    _add_program(parser.add_argument_group("the program"))
    return parser


def _add_documents(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "paths", nargs="*", metavar="PATH", help="a file or folder to read; - is standard input"
    )
    group.add_argument(
        "--demo",
        action="store_true",
        help="open the handbook and the source code of the engine's core",
    )
    group.add_argument("--pages", metavar="1-200", help="only these pages, counted from 1")
    for name, what in (("include", "only"), ("exclude", "leave out")):
        group.add_argument(
            f"--{name}",
            action="append",
            default=[],
            metavar="GLOB",
            help=f"{what} the files that match, or with '#TITLE' the chapters; several times",
        )
    group.add_argument(
        "--fit", action="store_true", help="leave out what is proposed if not all of it fits"
    )
    group.add_argument(
        "--ocr", action="store_true", help="recognise the text of PDF pages that are pictures"
    )
    group.add_argument(
        "--password-stdin",
        action="store_true",
        help=f"the first line of standard input is the document's password (or {PASSWORD})",
    )


def _add_answering(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--ask",
        action="append",
        default=[],
        metavar="TEXT",
        help="print the answer and end; may be given several times",
    )
    group.add_argument("--json", action="store_true", help="print one JSON object and end")
    group.add_argument(
        "--plain", action="store_true", help="take questions from stdin, without a screen"
    )
    group.add_argument(
        "--count", action="store_true", help="print the tokens of all parts as a tree, and end"
    )
    group.add_argument(
        "--show-text", action="store_true", help="print what the model would read, and end"
    )


def _add_screen(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--choose", action="store_true", help="choose on the screen what is read, before it is"
    )
    group.add_argument(
        "--resume",
        action="store_true",
        help="go on with the newest conversation, of the given paths if there are any",
    )
    group.add_argument(
        "--no-history",
        action="store_false",
        dest="history",
        default=argparse.SUPPRESS,
        help="keep nothing of this conversation",
    )
    group.add_argument(
        "--theme",
        default=argparse.SUPPRESS,
        metavar="|".join(THEME_NAMES),
        help="the colours (default: dark)",
    )


def _add_program(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--config-path",
        action="store_true",
        help="print which file settings are read from, and end",
    )
    group.add_argument(
        "--completion",
        choices=SHELLS,
        metavar="|".join(SHELLS),
        help="print the script by which this shell completes options, and end",
    )
    group.add_argument("--version", action=_Version, help="print the version, and end")
    group.add_argument("-h", "--help", action="help", help="print this, and end")
    group.add_argument("--fake-engine", metavar="SCRIPT", help=argparse.SUPPRESS)


class _Version(argparse._VersionAction):
    """Looks up the version only on request: it takes a quarter of the start-up time."""

    def __call__(self, parser: argparse.ArgumentParser, *rest: object) -> None:
        from importlib.metadata import version

        print(f"{parser.prog} {version('sa-chat')}")
        parser.exit()
