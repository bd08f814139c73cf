"""The documents of the demonstration: the handbook, and the source code of the engine's core."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from sa_chat.protocol.errors import DocumentError

SOURCE_FILES = ("*.py",)  # of the folders

# All sources together would not fit the reader's context, and would take long to read.
_CORE = ("attention", "runtime", "sparsity/patterns")


def demo_paths() -> tuple[str, ...]:
    """Paths of the handbook and of folders of the installed engine.

    Raises `DocumentError` if the installation lacks one of them.
    """
    engine = Path(str(files("sa_chat.engine")))
    handbook = Path(str(files("sa_chat.assets"))) / "handbook.pdf"
    paths = (handbook, *(engine / name for name in _CORE))
    for path in paths:
        if not path.exists():
            raise DocumentError(
                f"This installation lacks {path.name}, a part of the demonstration.",
                "Install sa-chat again, or open a document of your own: sa-chat book.pdf",
            )
    return tuple(map(str, paths))
