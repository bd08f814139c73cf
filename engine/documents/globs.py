"""Globs for `--include` and `--exclude`, as `.gitignore` files read them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

_CLASS = re.compile(r"\[(!?)([^]/]+)\]")
_RULES = (("**/", "(?:.*/)?"), ("**", ".*"), ("*", "[^/]*"), ("?", "[^/]"))


@dataclass(frozen=True)
class FolderFilter:
    """`--include` and `--exclude`: globs on paths relative to the folder, or as shown.

    `*` stays inside a name, `**` crosses folders; a pattern without `/` matches a name at any
    depth; a pattern that matches a folder takes all below it.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def excluded(self, relative: str, prefix: str = "") -> bool:
        return _any_matches(self.exclude, relative, prefix)

    def included(self, relative: str, prefix: str = "") -> bool:
        return not self.include or _any_matches(self.include, relative, prefix)


def _any_matches(patterns: tuple[str, ...], relative: str, prefix: str) -> bool:
    return any(
        matches(pattern, relative) or (prefix != "" and matches(pattern, prefix + relative))
        for pattern in patterns
    )


def matches(pattern: str, relative: str) -> bool:
    """Whether the glob takes this posix path or one of the folders above it."""
    pattern = pattern.removeprefix("./").rstrip("/")
    anchored = "/" in pattern
    regex = re.compile(_translate(pattern.lstrip("/")), re.DOTALL)
    path = PurePosixPath(relative)
    levels = [path, *path.parents][:-1]
    return any(regex.fullmatch(level.as_posix() if anchored else level.name) for level in levels)


def _translate(pattern: str) -> str:
    regex, at = "", 0
    while at < len(pattern):
        group = _CLASS.match(pattern, at)
        if group:
            escaped = group[2].replace("\\", r"\\").replace("^", r"\^").replace("[", r"\[")
            regex += f"[{'^' if group[1] else ''}{escaped}]"
            at = group.end()
            continue
        for glob, meaning in _RULES:
            if pattern.startswith(glob, at):
                regex += meaning
                at += len(glob)
                break
        else:
            regex += re.escape(pattern[at])
            at += 1
    return regex
