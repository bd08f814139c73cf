"""`--completion`: scripts for completion in shells."""

from __future__ import annotations

import argparse

import shtab

from sa_chat.protocol.arguments import CONFIG_OPTIONS

from .settings import THEME_NAMES


def completion_script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script for one of `options.SHELLS`; `parser` cannot be used afterwards."""
    attributes: dict[str, dict[str, object]] = {
        option.field: {"choices": option.choices} for option in CONFIG_OPTIONS if option.choices
    }
    attributes["theme"] = {"choices": THEME_NAMES}
    attributes["model"] = {"complete": shtab.DIRECTORY}
    attributes["paths"] = {"complete": shtab.FILE}
    for action in parser._actions:
        for name, value in attributes.get(action.dest, {}).items():
            setattr(action, name, value)
    return shtab.complete(parser, shell)
