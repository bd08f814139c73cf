"""Proposes parts to leave out so that the document fits: most expendable first, largest first."""

from __future__ import annotations

import glob
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter

from sa_chat.protocol.values import Drop, Section

from .expendable import CATEGORIES, LARGE, chapter_category, file_category, folder_category

_WORTH_NAMING = 100  # expendable parts count if they hold at least this fraction of the excess


@dataclass(frozen=True)
class _Unit:
    """A folder, file or chapter that can be left out as a whole.

    It covers the sections `first` to `last` (inclusive) of the list of sections.
    """

    name: str
    category: str | None  # that makes it expendable
    tokens: int
    pattern: str  # for --exclude
    first: int
    last: int

    def contains(self, other: _Unit) -> bool:
        """Whether it contains the other unit or equals it."""
        return self.first <= other.first and other.last <= self.last


Tail = Callable[[str, int], Drop | None]
"""The step that frees so many tokens at the end of a file; None if it cannot be cut there."""


def propose(
    sections: Sequence[Section], excess: int, tail: Tail = lambda path, tokens: None
) -> tuple[Drop, ...]:
    """Steps that together free at least `excess` tokens; none if that cannot be done.

    Parts with expendable names come first (in the order of `CATEGORIES`), the largest first; then
    the smallest file, folder or chapter that suffices, else the largest; and where only one file
    is left, its end.  `sections` are those of `DocumentReady`.
    """
    if excess <= 0:
        return ()
    units = _units(sections)
    files = [section for section in sections if section.level == 0]
    everything = sum(section.tokens for section in files)
    # Whole folders may leave too little to choose from; files alone find any solution.
    for candidates in (units, [unit for unit in units if not unit.name.endswith("/")]):
        chosen = _choose(candidates, excess, everything)
        steps = tuple(_drop(unit, sections) for unit in chosen)
        freed = sum(step.tokens for step in steps)
        if freed >= excess:
            return steps
        gone = {key for step in steps for key in step.keys}
        left = [file.path for file in files if file.key not in gone]
        if len(left) == 1:
            if len(files) == 1:  # cutting its end alone is simpler than any chapters
                steps, freed = (), 0
            last = tail(left[0], excess - freed)
            if last is not None:
                return (*steps, last)
    return ()


def _choose(units: Sequence[_Unit], excess: int, everything: int) -> list[_Unit]:
    """Units that free at least `excess` tokens, or as many as possible; never everything."""
    chosen: list[_Unit] = []
    freed = 0

    def gain(unit: _Unit) -> int:
        """The tokens a unit frees in addition to those chosen; 0 if nothing would remain."""
        if any(other.contains(unit) for other in chosen):
            return 0
        new = unit.tokens - sum(other.tokens for other in chosen if unit.contains(other))
        return new if new < everything - freed else 0

    def take(unit: _Unit) -> None:
        nonlocal freed
        freed += gain(unit)
        chosen[:] = [other for other in chosen if not unit.contains(other)]
        chosen.append(unit)

    for category in CATEGORIES:
        alike = (
            unit
            for unit in units
            if unit.category == category and unit.tokens * _WORTH_NAMING >= excess
        )
        for unit in sorted(alike, key=lambda u: (-u.tokens, -u.last)):
            if freed < excess and gain(unit):
                take(unit)
    while freed < excess:
        gains = [(gain(unit), -unit.first, unit) for unit in units]
        enough = [item for item in gains if item[0] >= excess - freed]
        if enough:
            take(min(enough, key=itemgetter(0, 1))[2])
        elif any(item[0] for item in gains):
            take(max(gains, key=itemgetter(0, 1))[2])
        else:
            break
    for unit in reversed(chosen):  # drop steps that a larger one made unnecessary
        if freed - unit.tokens >= excess:
            chosen.remove(unit)
            freed -= unit.tokens
    return chosen


def _units(sections: Sequence[Section]) -> list[_Unit]:
    """Files and folders if there are several files; expendable chapters, and all chapters of a
    single file."""
    starts = [index for index, section in enumerate(sections) if section.level == 0]
    ends = [*(start - 1 for start in starts[1:]), len(sections) - 1]
    files = [
        _Unit(
            sections[start].path,
            file_category(sections[start].path),
            sections[start].tokens,
            _glob(sections[start].path),
            start,
            end,
        )
        for start, end in zip(starts, ends, strict=True)
    ]
    several = len(files) > 1
    units = [*_folders(files), *files] if several else []  # of equal ones the folder comes first
    for index, section in enumerate(sections):
        category = chapter_category(section.title) if section.level else None
        is_page = section.title == f"Page {section.page}"  # of a document without an outline
        if section.level and (category or not several) and not is_page:
            prefix = _glob(section.path) if several else ""
            pattern = f"{prefix}#{glob.escape(section.title)}"
            last = index
            while last + 1 < len(sections) and sections[last + 1].level > section.level:
                last += 1
            units.append(_Unit(section.title, category, section.tokens, pattern, index, last))
    return units


def _folders(files: Sequence[_Unit]) -> list[_Unit]:
    """All folders whose files are consecutive; a folder named "tests" covers everything in it."""
    runs: dict[str, list[_Unit]] = {}
    for file in files:
        steps = file.name.split("/")
        for depth in range(1, len(steps)):
            runs.setdefault("/".join(steps[:depth]) + "/", []).append(file)
    return [
        _Unit(
            path,
            folder_category(path),
            sum(file.tokens for file in run),
            _glob(path),
            run[0].first,
            run[-1].last,
        )
        for path, run in runs.items()
        if sum(file.last - file.first + 1 for file in run) == run[-1].last - run[0].first + 1
    ]


def _drop(unit: _Unit, sections: Sequence[Section]) -> Drop:
    inside = sections[unit.first : unit.last + 1]
    level = inside[0].level
    keys = tuple(section.key for section in inside if section.level == level) or (inside[0].key,)
    flag = f"--exclude {shlex.quote(unit.pattern)}"
    return Drop(
        unit.name, unit.category or LARGE, unit.tokens, flag, keys if level == 0 else keys[:1]
    )


def _glob(path: str) -> str:
    """A path as a pattern for `--exclude`, where a name without `/` would match at any depth and
    `#` would begin a title."""
    escaped = glob.escape(path).replace("#", "[#]")
    return escaped if "/" in path.rstrip("/") else f"/{escaped}"
