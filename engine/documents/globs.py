"""Globs for `--include` and `--exclude`, as `.gitignore` files read them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath

from ..errors import UsageError

_CLASS = re.compile(r"\[(!?)([^]/]+)\]")
_SPECIAL = re.compile(r"[\\^\[&|~]")  # what a regex would read in a class, but for ranges
_RULES = (("**/", "(?:.*/)?"), ("**", ".*"), ("*", "[^/]*"), ("?", "[^/]"))


@dataclass(frozen=True)
class FolderFilter:
    """`--include` and `--exclude`: globs on paths relative to the folder, or as shown.

    `*` stays inside a name, `**` crosses folders; a pattern without `/` matches a name at any
    depth; a pattern that matches a folder takes all below it.  Raises `UsageError` for a
    pattern that means nothing, such as `[z-a]`.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for pattern in (*self.include, *self.exclude):
            _compiled(pattern)

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
    """Whether the glob takes this posix path or one of the folders above it.

    Raises `UsageError` if the glob means nothing.
    """
    regex, anchored = _compiled(pattern)
    path = PurePosixPath(relative)
    levels = [path, *path.parents][:-1]
    return any(regex.fullmatch(level.as_posix() if anchored else level.name) for level in levels)


@lru_cache
def _compiled(pattern: str) -> tuple[re.Pattern[str], bool]:
    """The pattern, and whether it is for whole paths instead of names."""
    glob = pattern.removeprefix("./").rstrip("/")
    try:
        regex = re.compile(_translate(glob.lstrip("/")), re.DOTALL)
    except re.error as error:
        raise UsageError(
            f"The pattern {pattern!r} cannot be used: {error.msg}.",
            "Write --include and --exclude as in '*.py' or 'docs/**'; ranges run upwards: '[a-z]'.",
        ) from error
    return regex, "/" in glob


def _translate(pattern: str) -> str:
    regex, at = "", 0
    while at < len(pattern):
        group = _CLASS.match(pattern, at)
        if group:
            escaped = _SPECIAL.sub(r"\\\g<0>", group[2])
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
