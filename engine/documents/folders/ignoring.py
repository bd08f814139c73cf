"""Ignore rules: git's own in a repository, otherwise those of `.gitignore` and `.ignore` files."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Protocol

from pathspec import GitIgnoreSpec

from . import reasons
from .git import Listing
from .reasons import Reason

_NAMES = (".gitignore", ".ignore")  # the latter takes precedence
_FILE_BYTES = 256 << 10
_FILE_PATTERNS = 1000
_MOST_PATTERNS = 2000  # applied to one path, the last file's not counted
_STARS = re.compile(r"(?<!\*)\*(?!\*)")
_MOST_STARS = 2  # in one name: matching time is a power of its length with this exponent
_MOST_CROSSINGS = 3  # `**` in one pattern


class Rules(Protocol):
    """Ignore rules of one folder.  Paths are relative to the folder that is walked."""

    def entering(self, folder: str, relative: str, names: Set[str]) -> Rules:
        """The rules inside a folder that contains these names."""

    def reason(self, relative: str, is_folder: bool) -> Reason | None:
        """Why this file or folder is ignored; None if it is not."""

    def tracks(self, relative: str) -> bool:
        """Whether git tracks this file, or a file in this folder."""


@dataclass(frozen=True)
class GitRules:
    """The rules of a repository, from its listing of the folder `base`."""

    base: str  # empty, or with a trailing slash
    listing: Listing

    def entering(self, folder: str, relative: str, names: Set[str]) -> Rules:
        inside = relative.removeprefix(self.base)
        opaque = inside in self.listing.files and inside not in self.listing.folders
        return IgnoreFiles().entering(folder, relative, names) if opaque else self

    def reason(self, relative: str, is_folder: bool) -> Reason | None:
        path = relative.removeprefix(self.base)
        listed = path in self.listing.files or (is_folder and path in self.listing.folders)
        return None if listed else reasons.IGNORED_BY_GIT

    def tracks(self, relative: str) -> bool:
        return relative.removeprefix(self.base) in self.listing.tracked


@dataclass(frozen=True)
class _IgnoreFile:
    base: str
    reason: Reason
    spec: GitIgnoreSpec


@dataclass(frozen=True)
class IgnoreFiles:
    """The ignore files of the current folder and its parents; the deepest one decides."""

    files: tuple[_IgnoreFile, ...] = ()

    def entering(self, folder: str, relative: str, names: Set[str]) -> Rules:
        base = f"{relative}/" if relative else ""
        own = tuple(
            _IgnoreFile(base, Reason(f"ignored by {name}"), GitIgnoreSpec.from_lines(patterns))
            for name in _NAMES
            if name in names
            and sum(len(file.spec) for file in self.files) < _MOST_PATTERNS
            and (patterns := list(_patterns(f"{folder}/{name}")))
        )
        return IgnoreFiles(self.files + own) if own else self

    def reason(self, relative: str, is_folder: bool) -> Reason | None:
        for file in reversed(self.files):
            path = relative.removeprefix(file.base) + "/" * is_folder
            ignored = file.spec.check_file(path).include
            if ignored is not None:
                return file.reason if ignored else None
        return None

    def tracks(self, relative: str) -> bool:
        return False


def read_lines(path: str) -> list[str]:
    """The lines of a small regular file, without line ends; empty if it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            regular = stat.S_ISREG(status.st_mode) and status.st_size <= _FILE_BYTES
            data = file.read(_FILE_BYTES) if regular else b""
    except OSError:
        return []  # unreadable rules apply to nothing
    return [
        line.rstrip("\r") for line in os.fsdecode(data.removeprefix(b"\xef\xbb\xbf")).split("\n")
    ]


def _patterns(path: str) -> Iterator[str]:
    """The patterns of an ignore file that are valid and match in bounded time."""
    for line in read_lines(path)[:_FILE_PATTERNS]:
        if line.strip() and not line.startswith("#") and is_usable(line):
            yield line


def is_usable(pattern: str) -> bool:
    """Whether a pattern is valid and takes bounded time on any name."""
    stars = max(len(_STARS.findall(name)) for name in pattern.split("/"))
    if stars > _MOST_STARS or pattern.count("**") > _MOST_CROSSINGS:
        return False
    try:
        GitIgnoreSpec.from_lines([pattern])
    except ValueError:
        return False  # git also skips invalid patterns
    return True
