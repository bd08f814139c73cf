"""The demonstration: the project's own handbook, and the source code of its engine's core."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from sa_chat.engine.errors import DocumentError

# Of the engine's folder: what reads a document.  All sources together would not fit the reader.
SOURCE_FILES = (
    "attention/*.py",
    "cache/*.py",
    "decode/*.py",
    "kernels/*.py",
    "pipeline/*.py",
    "selection/*.py",
    "/budget.py",
    "/conversation.py",
)


def demo_paths() -> tuple[str, ...]:
    """The handbook and the folder of the installed engine.

    Raises `DocumentError` if the installation lacks one of them.
    """
    paths = (
        Path(str(files("sa_chat.assets"))) / "handbook.pdf",
        Path(str(files("sa_chat.engine"))),
    )
    for path in paths:
        if not path.exists():
            raise DocumentError(
                f"This installation lacks {path.name}, a part of the demonstration.",
                "Install sa-chat again, or open a document of your own: sa-chat book.pdf",
            )
    return tuple(map(str, paths))
