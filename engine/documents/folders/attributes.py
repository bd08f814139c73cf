"""Generated and vendored files as `.gitattributes` files declare them."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass

from pathspec import GitIgnoreSpec

from . import reasons
from .ignoring import is_usable, read_lines
from .reasons import Reason

_NAME = ".gitattributes"
_MOST_LINES = 1000
_ATTRIBUTES = {
    "linguist-generated": reasons.GENERATED,
    "linguist-vendored": reasons.VENDORED,
}


@dataclass(frozen=True)
class _Line:
    base: str
    spec: GitIgnoreSpec
    reason: Reason
    applies: bool


@dataclass(frozen=True)
class Attributes:
    """The attribute lines of the current folder and its parents; the last matching one decides."""

    lines: tuple[_Line, ...] = ()

    def entering(self, folder: str, relative: str, names: Set[str]) -> Attributes:
        """The attributes inside a folder that contains these names."""
        if _NAME not in names:
            return self
        base = f"{relative}/" if relative else ""
        own = tuple(_lines(base, read_lines(f"{folder}/{_NAME}")[:_MOST_LINES]))
        return Attributes(self.lines + own) if own else self

    def said(self, relative: str) -> dict[Reason, bool]:
        """Which reasons apply to this file and which do not, where an attribute is set."""
        found: dict[Reason, bool] = {}
        for line in self.lines:
            if line.spec.match_file(relative.removeprefix(line.base)):
                found[line.reason] = line.applies
        return found


def _lines(base: str, lines: list[str]) -> Iterator[_Line]:
    for line in lines:
        pattern, *attributes = line.split() or [""]
        if "linguist-" not in line or pattern.startswith(("#", "!", "[attr]")):
            continue
        if not is_usable(pattern):
            continue
        spec = GitIgnoreSpec.from_lines([pattern])
        for attribute in attributes:
            name, _, value = attribute.lstrip("-!").partition("=")
            if name in _ATTRIBUTES:
                applies = attribute[0] not in "-!" and value.lower() not in ("false", "0")
                yield _Line(base, spec, _ATTRIBUTES[name], applies)
