"""The demonstration: the project's own handbook and source code."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from sa_chat.engine.errors import DocumentError

SOURCE_FILES = ("*.py",)  # of the folders


def demo_paths() -> tuple[str, ...]:
    """The handbook and the installed sources of screen and engine.

    Raises `DocumentError` if the installation lacks one of them.
    """
    paths = (
        Path(str(files("sa_chat.assets"))) / "handbook.pdf",
        Path(str(files("sa_chat.app"))),
        Path(str(files("sa_chat.engine"))),
    )
    for path in paths:
        if not path.exists():
            raise DocumentError(
                f"This installation lacks {path.name}, a part of the demonstration.",
                "Install sa-chat again, or open a document of your own: sa-chat book.pdf",
            )
    return tuple(map(str, paths))
