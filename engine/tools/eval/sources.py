"""The texts that trials are made from: the user's own, or those of the demonstration."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import astuple, dataclass, replace
from functools import cached_property
from hashlib import sha256
from importlib import resources
from itertools import groupby
from operator import attrgetter
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from sa_chat.protocol.config import OpenOptions
from sa_chat.protocol.errors import DocumentError

from ...documents import Part, open_documents
from ...documents.folders import walk_folder
from ...documents.globs import FolderFilter
from .asked.questions import SourceQuestion, read_questions
from .prose import paragraphs_of

_CODE = """
.py .pyi .pyx .js .mjs .cjs .jsx .ts .tsx .vue .go .rs .java .kt .kts .scala .swift .cs .c .h .cc
.cpp .cxx .hh .hpp .cu .cuh .m .mm .rb .php .pl .lua .r .jl .hs .ml .ex .exs .erl .clj .dart .zig
.nim .sh .bash .sql
"""
CODE_SUFFIXES = frozenset(_CODE.split())
_DEMONSTRATION = ("sa_chat.app", "sa_chat.engine", "sa_chat.protocol")


@dataclass(frozen=True)
class Sources:
    """Files as (path, text); paths are relative, without `..`, and unique."""

    prose: tuple[tuple[str, str], ...]
    code: tuple[tuple[str, str], ...]
    asked: tuple[SourceQuestion, ...] | None = None  # natural questions; None: none were given

    @cached_property
    def paragraphs(self) -> tuple[str, ...]:
        """The running text of all prose, white space folded: no headings, tables or markers."""
        return tuple(p for _, text in self.prose for p in paragraphs_of(text))

    @cached_property
    def fingerprint(self) -> str:
        """A hex digest of all paths, texts and questions, as others make other trials."""
        content = [self.prose, self.code]
        asked = [] if self.asked is None else [[astuple(question) for question in self.asked]]
        return sha256(json.dumps([*content, *asked]).encode()).hexdigest()[:16]

    @cached_property
    def prose_text(self) -> str:
        """The paragraphs, with a blank line between them."""
        return "\n\n".join(self.paragraphs)


def load_sources(paths: tuple[str, ...] | None = None, questions: Path | None = None) -> Sources:
    """Read the user's documents; without any, the handbook and the program's own source code.

    Args:
        questions: a file of questions about the documents (see `read_questions`).
    Raises:
        DocumentError: as `open_documents` raises it.
        UsageError: the questions cannot be read.
    """
    asked = None if questions is None else read_questions(questions)
    return replace(_documents(paths), asked=asked)


def _documents(paths: tuple[str, ...] | None) -> Sources:
    if paths is not None:
        return _read(OpenOptions(paths=paths))
    with ExitStack() as stack:
        handbook = stack.enter_context(
            resources.as_file(resources.files("sa_chat.assets") / "handbook.pdf")
        )
        if not handbook.is_file():
            raise DocumentError(
                "This installation lacks handbook.pdf, the text that an evaluation is made from.",
                "Install sa-chat again, or name texts of your own with --documents.",
            )
        folders = [
            stack.enter_context(resources.as_file(resources.files(name))) for name in _DEMONSTRATION
        ]
        return _read(OpenOptions(paths=tuple(map(str, (handbook, *folders))), include=("*.py",)))


def _read(options: OpenOptions) -> Sources:
    grouped = groupby(open_documents(options).parts, attrgetter("path"))
    read = [(path, _joined(list(parts))) for path, parts in grouped]
    files = [(path, text) for path, (_, text) in zip(_relative(read), read, strict=True)]
    return Sources(
        prose=tuple(file for file in files if not _is_code(file)),
        code=_read_in_folders(_without_root([file for file in files if _is_code(file)])),
    )


def _is_code(file: tuple[str, str]) -> bool:
    return PurePosixPath(file[0]).suffix.lower() in CODE_SUFFIXES


def _joined(parts: list[Part]) -> str:
    """A file's text; pages without running heads and numbers, so that sentences continue."""
    if len(parts) == 1:
        return parts[0].text
    pages = [part.text.strip().split("\n") for part in parts]
    heads = Counter(lines[0].strip() for lines in pages)
    feet = Counter(lines[-1].strip() for lines in pages)
    for part, lines in zip(parts, pages, strict=True):
        if lines[-1].strip() == part.page or feet[lines[-1].strip()] > 1:
            lines.pop()
        if lines and (lines[0].strip() == part.page or heads[lines[0].strip()] > 1):
            lines.pop(0)
    return "\n".join("\n".join(lines) for lines in pages)


def _relative(files: Iterable[tuple[str, str]]) -> list[str]:
    """Unique relative paths that can be created in any folder: `../x/.y` becomes `x/y`."""
    found: dict[str, None] = {}
    for shown, _ in files:
        parts = (part.lstrip("./") for part in PurePosixPath(shown).parts)
        path = "/".join(part for part in parts if part)
        while path in found:
            path = f"other/{path}"
        found[path] = None
    return list(found)


def _without_root(files: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The files without a common root folder, whose name could cause folders inside a folder to be
    left out, such as `build`."""
    roots = {path.partition("/")[0] for path, _ in files}
    if len(roots) > 1 or any("/" not in path for path, _ in files):
        return tuple(files)
    return tuple((path.partition("/")[2], text) for path, text in files)


def _read_in_folders(files: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The files that are also read inside a folder, which a minified file, for example, is not."""
    with TemporaryDirectory(prefix="sa-chat-") as folder:
        for path, text in files:
            file = Path(folder, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode())
        found, _ = walk_folder(Path(folder), FolderFilter())
        shown = {file.relative_to(folder).as_posix() for file in found}
    return tuple(file for file in files if file[0] in shown)
