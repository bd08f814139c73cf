"""What to leave out so that the document fits: the least likely needed first, largest first."""

from __future__ import annotations

import glob
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ..events import Drop, Section
from .likelihood import LARGE, ORDER, chapter_why, file_why, folder_why


@dataclass(frozen=True)
class _Unit:
    """A folder, a file or a chapter: the files or sections that it takes are `first` to
    `last`, counted in the list of sections."""

    name: str
    why: str | None
    tokens: int
    pattern: str  # for --exclude
    first: int
    last: int

    def overlaps(self, other: _Unit) -> bool:
        return self.first <= other.last and other.first <= self.last


Tail = Callable[[str, int], Drop | None]
"""The step that frees so many tokens at the end of a file, if it can be cut there."""


def propose(
    sections: Sequence[Section], excess: int, tail: Tail = lambda path, tokens: None
) -> tuple[Drop, ...]:
    """Steps that together free at least `excess` tokens; none if that cannot be done.

    What its name says is hardly needed goes first (`likelihood.ORDER`), the largest first;
    then the smallest file, folder or chapter that suffices, else the largest; and where only
    one file is left, its end.  `sections` are those of `DocumentReady`.
    """
    if excess <= 0:
        return ()
    units = _units(sections)
    files = [section for section in sections if section.level == 0]
    everything = sum(section.tokens for section in files)
    chosen: list[_Unit] = []
    freed = 0

    def take(candidates: Iterable[_Unit]) -> None:
        nonlocal freed
        for unit in candidates:
            if freed >= excess:
                return
            if 0 < unit.tokens < everything - freed and not _taken(unit, chosen):
                chosen.append(unit)
                freed += unit.tokens

    for why in ORDER:
        take(sorted((u for u in units if u.why == why), key=lambda u: (-u.tokens, -u.last)))
    while freed < excess:
        most = everything - freed  # something must stay
        rest = [u for u in units if 0 < u.tokens < most and not _taken(u, chosen)]
        if enough := [u for u in rest if u.tokens >= excess - freed]:
            take([min(enough, key=lambda u: (u.tokens, -u.first))])
        elif rest:
            take([max(rest, key=lambda u: (u.tokens, u.first))])
        else:
            break
    for unit in reversed(chosen):  # what a larger step made needless
        if freed - unit.tokens >= excess:
            chosen.remove(unit)
            freed -= unit.tokens
    steps = tuple(_drop(unit, sections) for unit in chosen)
    if freed >= excess:
        return steps
    gone = {key for step in steps for key in step.keys}
    left = [file.path for file in files if file.key not in gone]
    if len(left) != 1:
        return ()
    if len(files) == 1:  # whatever chapters were chosen, its end alone is simpler
        steps, freed = (), 0
    last = tail(left[0], excess - freed)
    return () if last is None else (*steps, last)


def _taken(unit: _Unit, chosen: Iterable[_Unit]) -> bool:
    return any(unit.overlaps(other) for other in chosen)


def _units(sections: Sequence[Section]) -> list[_Unit]:
    """Files and folders if there are several; chapters that are hardly needed, and of a single
    file all chapters."""
    starts = [index for index, section in enumerate(sections) if section.level == 0]
    ends = [*(start - 1 for start in starts[1:]), len(sections) - 1]
    files = [
        _Unit(
            sections[start].path,
            file_why(sections[start].path),
            sections[start].tokens,
            _glob(sections[start].path),
            start,
            end,
        )
        for start, end in zip(starts, ends, strict=True)
    ]
    several = len(files) > 1
    units = [*files, *_folders(files)] if several else []
    for index, section in enumerate(sections):
        why = chapter_why(section.title) if section.level else None
        is_page = section.title == f"Page {section.page}"  # of a document without an outline
        if section.level and (why or not several) and not is_page:
            prefix = _glob(section.path) if several else ""
            pattern = f"{prefix}#{glob.escape(section.title)}"
            last = index
            while last + 1 < len(sections) and sections[last + 1].level > section.level:
                last += 1
            units.append(_Unit(section.title, why, section.tokens, pattern, index, last))
    return units


def _folders(files: Sequence[_Unit]) -> list[_Unit]:
    """All folders of files that stand together.  A name that says tests holds below it, too."""
    runs: dict[str, list[_Unit]] = {}
    for file in files:
        steps = file.name.split("/")
        for depth in range(1, len(steps)):
            runs.setdefault("/".join(steps[:depth]) + "/", []).append(file)
    return [
        _Unit(
            path,
            folder_why(path),
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
    return Drop(unit.name, unit.why or LARGE, unit.tokens, flag, keys if level == 0 else keys[:1])


def _glob(path: str) -> str:
    """As `--exclude` takes it: a name without `/` would match at any depth, and `#` would
    begin a title."""
    escaped = glob.escape(path).replace("#", "[#]")
    return escaped if "/" in path.rstrip("/") else f"/{escaped}"
