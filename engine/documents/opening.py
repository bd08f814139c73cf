"""Opens paths as a `DocumentSet`: each file through its format reader, folders file by file."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from sa_chat.protocol.config import OpenOptions
from sa_chat.protocol.errors import DocumentError, UsageError
from sa_chat.protocol.values import LeftOut

from .choosing import choose
from .folders import shown_path, walk_folder
from .globs import FolderFilter
from .isolation import IsolatedReaders
from .model import DocumentSet, OutlineEntry, Part
from .pages import PageSelection
from .readers import ParsedFile, Source, reader_for

Progress = Callable[[float], None]  # fraction of the work done, 0 to 1


@dataclass(frozen=True)
class _File:
    path: Path
    shown: str
    in_folder: bool


def open_documents(options: OpenOptions, on_progress: Progress | None = None) -> DocumentSet:
    """Read all of `options.paths` in the given order; folders in sorted order.

    Raises `DocumentError` if a given file cannot be read or nothing readable is found, and
    `UsageError` if `pages`, or a pattern for chapters, cannot be applied.  An unreadable file
    inside a folder does not stop the others: it is listed in `left_out` with its reason.
    """
    started = time.perf_counter()
    if not options.paths:
        raise UsageError("No document was given.", "Name a file or a folder.")
    pages = PageSelection.parse(options.pages) if options.pages is not None else None
    files, left_out = _list_files(options)
    title = ""
    parts: list[Part] = []
    outline: list[OutlineEntry] = []
    with IsolatedReaders() as isolated:
        for index, file in enumerate(files):
            source = Source(
                file.path,
                file.shown,
                pages,
                _scaled(on_progress, index / len(files), 1 / len(files)),
                options.password,
                options.ocr,
                file.in_folder,
            )
            reader = reader_for(file.path)
            try:
                parsed = isolated.read(reader, source) if reader.isolated else reader.read(source)
            except DocumentError as error:
                if not file.in_folder:
                    raise
                left_out.append(LeftOut(file.shown, error.message))
                continue
            parsed = replace(parsed, title=shown_path(" ".join(parsed.title.split())))
            title = title or parsed.title
            outline += _outline_of(parsed, file, offset=len(parts))
            parts += parsed.parts
            left_out += parsed.left_out
    if not any(part.text.strip() for part in parts):
        raise _nothing_readable(options.paths, left_out)
    if pages is not None and not any(part.page for part in parts):
        raise UsageError(
            "--pages needs a document with pages, and there is none.",
            "Leave --pages out, or use --include and --exclude for folders.",
        )
    if on_progress:
        on_progress(1.0)
    documents = DocumentSet(
        title=title if len(options.paths) == 1 and not files[0].in_folder else _names(options),
        parts=tuple(parts),
        outline=tuple(outline),
        left_out=tuple(left_out),
        parse_s=0.0,
    )
    documents = choose(documents, options.include, options.exclude)
    return replace(documents, parse_s=time.perf_counter() - started)


def _list_files(options: OpenOptions) -> tuple[list[_File], list[LeftOut]]:
    """The files to read, each once, with the names under which they are displayed."""
    wanted = FolderFilter(options.include, options.exclude)
    names = Counter(_name(Path(given)) for given in options.paths)
    files: dict[Path, _File] = {}
    left_out: list[LeftOut] = []
    for given in options.paths:
        path = Path(given).expanduser()
        name = _name(path) if names[_name(path)] == 1 else shown_path(path.as_posix())
        try:
            is_folder = path.is_dir()
            if not is_folder and not path.exists():
                raise DocumentError(f"There is no file or folder {given}.", "Check the path.")
        except OSError as error:
            raise DocumentError(
                f"{given} cannot be reached: {error.strerror}.", "Check the path and its rights."
            ) from error
        if is_folder:
            prefix = f"{name}/"  # even for a single folder: users know files as folder/file
            found, skipped = walk_folder(path, wanted, prefix)
            for file in found:
                shown = prefix + shown_path(file.relative_to(path).as_posix())
                files.setdefault(path.resolve() / file.relative_to(path), _File(file, shown, True))
            left_out += skipped
        elif wanted.excluded(name):
            left_out.append(LeftOut(name, "excluded"))
        elif path.is_file():
            files.setdefault(path.resolve(), _File(path, name, in_folder=False))
        else:
            raise DocumentError(
                f"{given} is neither a file nor a folder.", "Save its content to a file first."
            )
    if not files:
        raise _nothing_readable(options.paths, left_out)
    return list(files.values()), left_out


def _outline_of(parsed: ParsedFile, file: _File, offset: int) -> list[OutlineEntry]:
    whole = OutlineEntry(
        file.shown if file.in_folder else parsed.title, 0, offset, parsed.parts[0].line
    )
    inside = sorted(parsed.outline, key=lambda entry: (entry.part, entry.line))
    return [whole, *(replace(entry, part=entry.part + offset) for entry in inside)]


def _name(path: Path) -> str:
    """The displayed name of a path, also of paths such as `.`."""
    return shown_path(path.name or path.resolve().name or os.sep)


def _names(options: OpenOptions) -> str:
    return ", ".join(_name(Path(given).expanduser()) for given in options.paths)


def _scaled(progress: Progress | None, base: float, share: float) -> Progress:
    if progress is None:
        return lambda fraction: None
    return lambda fraction: progress(base + share * fraction)


def _nothing_readable(paths: tuple[str, ...], left_out: list[LeftOut]) -> DocumentError:
    where = ", ".join(paths)
    if not left_out:
        return DocumentError(f"{where} holds no files.", "Name a folder with text in it.")
    reasons = Counter(item.reason for item in left_out).most_common(4)
    listed = "; ".join(f"{count} x {reason.rstrip('.')}" for reason, count in reasons)
    return DocumentError(
        f"Nothing in {where} can be read; left out: {listed}.",
        "Name a folder with text, Markdown, PDF or source files, or relax --include/--exclude.",
    )
