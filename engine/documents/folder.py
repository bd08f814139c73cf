"""Which files of a folder are read, and why the others are not."""

from __future__ import annotations

import os
from pathlib import Path

from ..events import LeftOut
from .globs import FolderFilter

MAX_FILE_BYTES = 1 << 20
_MINIFIED_MEAN_LINE = 500  # bytes; hand-written sources stay far below
_SNIFF_BYTES = 1 << 16

_CACHE_DIRS = {
    "__pycache__",
    "node_modules",
    "bower_components",
    "site-packages",
    "__pypackages__",
}
_OUTPUT_DIRS = {"build", "dist", "target"}  # at the top only
_LOCK_FILES = {
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "go.sum",
    "gradle.lockfile",
    "bun.lockb",
}
_SCRIPTS = {".js", ".mjs", ".cjs", ".ts", ".jsx", ".tsx", ".vue"}
_MINIFIABLE = _SCRIPTS | {".css", ".json", ".map", ".html", ".htm", ".svg", ".xml"}


def walk_folder(
    root: Path, wanted: FolderFilter, prefix: str = ""
) -> tuple[list[Path], list[LeftOut]]:
    """The files to read, sorted, each folder's files before its folders; and the rest.

    Paths are shown, and filtered, with and without `prefix`, which ends with a slash.  Links
    are never followed, so nothing outside `root` is read and nothing inside twice.
    """
    found: list[Path] = []
    left_out: list[LeftOut] = []

    def refuse(error: OSError) -> None:
        path = Path(error.filename or root)
        left_out.append(
            LeftOut(prefix + _relative(path, root), f"cannot be opened: {error.strerror}")
        )

    for folder, folders, files in os.walk(root, onerror=refuse):
        here = Path(folder)
        folders.sort()
        for name in list(folders):
            relative = _relative(here / name, root)
            reason = _folder_reason(here / name, top=here == root)
            if reason is None and wanted.excluded(relative, prefix):
                reason = "excluded"
            if reason is not None:
                folders.remove(name)
                left_out.append(LeftOut(f"{prefix}{relative}/", reason))
        for name in sorted(files):
            relative = _relative(here / name, root)
            reason = "excluded" if wanted.excluded(relative, prefix) else None
            if reason is None and not wanted.included(relative, prefix):
                reason = "not included"
            reason = reason or _file_reason(here / name)
            if reason is None:
                found.append(here / name)
            else:
                left_out.append(LeftOut(prefix + relative, reason))
    return found, left_out


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _folder_reason(path: Path, top: bool) -> str | None:
    if path.is_symlink():
        return "a link"
    if path.name.startswith("."):
        return "hidden folder"
    if path.name in _CACHE_DIRS or path.name.endswith(".egg-info"):
        return "cache or installed packages"
    if (path / "pyvenv.cfg").exists() or (path / "CACHEDIR.TAG").exists():
        return "cache or installed packages"
    if top and path.name in _OUTPUT_DIRS:
        return "build output"
    return None


def _file_reason(path: Path) -> str | None:
    """Why not to read this file, by its name, size and first bytes."""
    if path.is_symlink():
        return "a link"
    if path.name.startswith("."):
        return "hidden file"
    if path.name in _LOCK_FILES or path.suffix == ".lock":
        return "lock file"
    try:
        size = path.stat().st_size
        if not path.is_file():
            return "not a regular file"
        with path.open("rb") as file:
            head = file.read(_SNIFF_BYTES)
    except OSError as error:
        return f"cannot be opened: {error.strerror}"
    if size == len(head) and not head.strip():
        return "empty"
    if head.startswith(b"%PDF-"):
        return None
    if b"\x00" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "binary"
    if size > MAX_FILE_BYTES:
        return f"larger than {MAX_FILE_BYTES >> 20} MiB"
    if ".min." in path.name or _is_minified(path.suffix, head):
        return "minified"
    return None


def _is_minified(suffix: str, head: bytes) -> bool:
    lines = head.count(b"\n") + 1
    return suffix in _MINIFIABLE and len(head) / lines > _MINIFIED_MEAN_LINE
