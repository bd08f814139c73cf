"""Globs for `--include` and `--exclude`, with the semantics of `.gitignore`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import PurePosixPath

from sa_chat.protocol.errors import UsageError

_CLASS = re.compile(r"\[(!?)([^]/]+)\]")
_SPECIAL = re.compile(r"[\\^\[&|~]")  # special inside a regex class, except for ranges
_RULES = (("**/", "(?:.*/)?"), ("**", ".*"), ("*", "[^/]*"), ("?", "[^/]"))


@dataclass(frozen=True)
class FolderFilter:
    """`--include` and `--exclude`: globs on paths, relative to the folder or as displayed.

    `*` matches within a name, `**` across folders; a pattern without `/` matches a name at any
    depth; a pattern that matches a folder covers everything below it.  `GLOB#TITLE` selects
    chapters: including them includes their file, excluding them excludes no file.  Raises
    `UsageError` for an invalid pattern such as `[z-a]`.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for pattern in (*self.include, *self.exclude):
            _compiled(split_pattern(pattern)[0])

    def excluded(self, relative: str, prefix: str = "") -> bool:
        return _any_matches(self._exclude_paths, relative, prefix)

    def included(self, relative: str, prefix: str = "") -> bool:
        return (
            not self.include
            or "" in self._include_paths
            or _any_matches(self._include_paths, relative, prefix)
        )

    def brings_in(self, relative: str, prefix: str = "") -> bool:
        """Whether an include pattern without wildcards names this path or a folder above it, which
        overrides soft reasons to leave it out."""
        return _any_matches(self._literal_include, relative, prefix)

    def leads_to(self, folder: str, prefix: str = "") -> bool:
        """Whether an include pattern without wildcards names a path inside this folder."""
        above = (f"{folder}/", f"{prefix}{folder}/")
        return any(_unescaped(pattern).startswith(above) for pattern in self._literal_include)

    @cached_property
    def _include_paths(self) -> tuple[str, ...]:
        return tuple(split_pattern(pattern)[0] for pattern in self.include)

    @cached_property
    def _literal_include(self) -> tuple[str, ...]:
        return tuple(path for path in self._include_paths if path and _is_literal(path))

    @cached_property
    def _exclude_paths(self) -> tuple[str, ...]:
        split = [split_pattern(pattern) for pattern in self.exclude]
        return tuple(path for path, title in split if title is None)


def split_pattern(pattern: str) -> tuple[str, str | None]:
    """Split `GLOB#TITLE` into its path and title globs; the title is None if there is none.

    The last `#` separates them, unless it is followed by a `/` or by nothing, or is in a class:
    `[#]`.
    """
    classes = [match.span() for match in _CLASS.finditer(pattern)]
    at = len(pattern)
    while (at := pattern.rfind("#", 0, at)) >= 0:
        if not any(start < at < end for start, end in classes):
            break
    title = pattern[at + 1 :]
    if at < 0 or not title or "/" in title:
        return pattern, None
    return pattern[:at], title


def _any_matches(patterns: tuple[str, ...], relative: str, prefix: str) -> bool:
    return any(
        matches(pattern, relative) or (prefix != "" and matches(pattern, prefix + relative))
        for pattern in patterns
    )


def matches(pattern: str, relative: str) -> bool:
    """Whether the glob matches this POSIX path or one of its parent folders.

    Raises `UsageError` for an invalid glob.
    """
    regex, anchored = _compiled(pattern)
    path = PurePosixPath(relative)
    levels = [path, *path.parents][:-1]
    return any(regex.fullmatch(level.as_posix() if anchored else level.name) for level in levels)


def _is_literal(pattern: str) -> bool:
    """Whether the pattern names a single path: a class of one character is an escape."""
    plain = _CLASS.sub(lambda match: "" if _escapes(match) else "*", pattern)
    return "*" not in plain and "?" not in plain


def _unescaped(pattern: str) -> str:
    plain = _CLASS.sub(lambda match: match[2] if _escapes(match) else match[0], pattern)
    return plain.removeprefix("./").lstrip("/")


def _escapes(match: re.Match[str]) -> bool:
    return not match[1] and len(match[2]) == 1


@lru_cache
def _compiled(pattern: str) -> tuple[re.Pattern[str], bool]:
    """The compiled pattern, and whether it applies to whole paths rather than names."""
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
