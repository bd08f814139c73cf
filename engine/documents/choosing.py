"""Selects parts of documents: chapters by title, ranges of lines and pages.

Everything that is removed is listed in `left_out`.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from operator import attrgetter

from sa_chat.protocol.errors import DroppedPartsError, UsageError

from .cutting import Cutter, Place, Span
from .globs import matches, split_pattern
from .model import DocumentSet

_RANGE = re.compile(r"(lines|pages) (\d{1,9})(?:-(\d{0,9}))?")
_HINT = "Write it as --exclude 'book.epub#Index', '#Appendix*' or 'log.txt#lines 5000-'."


def choose(
    documents: DocumentSet, include: Iterable[str] = (), exclude: Iterable[str] = ()
) -> DocumentSet:
    """Apply the patterns that contain a `#`: `GLOB#TITLE`, where TITLE is a case-insensitive glob
    on chapter titles, or a range such as `lines 10-20` or `pages 3-`.

    A file named by such an include pattern keeps only what these patterns select.  Raises
    `UsageError` for a pattern that matches nothing.
    """
    cutter = Cutter(documents)
    kept: dict[str, list[Span]] = {}
    for pattern in _with_titles(include):
        for path, spans in _find(documents, cutter, pattern).items():
            kept.setdefault(path, []).extend(spans)
    for path, spans in kept.items():
        for span in cutter.rest_of(path, spans):
            cutter.cut(span, path, "not included")
    for pattern in _with_titles(exclude):
        for path, spans in _find(documents, cutter, pattern).items():
            for span in spans:
                cutter.cut(span, path, "excluded")
    return cutter.result()


def drop(documents: DocumentSet, reasons: Mapping[str, str]) -> DocumentSet:
    """The documents without the sections that have these keys (`Section.key`, or
    `PATH#lines 10-`, `PATH#pages 3-`), each removed for its reason.

    Raises `DroppedPartsError` if there is no such section, or if nothing would be left.
    """
    try:
        return _without(documents, reasons)
    except UsageError as error:
        raise DroppedPartsError(error.message, error.hint) from error


def _without(documents: DocumentSet, reasons: Mapping[str, str]) -> DocumentSet:
    cutter = Cutter(documents)
    by_key = {documents.key(entry): index for index, entry in enumerate(documents.outline)}
    for key, why in reasons.items():
        if key in by_key:
            index = by_key[key]
            entry = documents.outline[index]
            cutter.cut(cutter.span_of(index), documents.parts[entry.part].path, why, entry)
            continue
        path, _, title = key.rpartition("#")
        match = _RANGE.fullmatch(title)
        if match is None or path not in cutter.files:
            raise UsageError(
                f"The document has no part {key!r} to leave out.",
                "It has changed since it was counted; open it again.",
            )
        cutter.cut(_range_of(documents, cutter, path, match), path, why)
    return cutter.result()


def _with_titles(patterns: Iterable[str]) -> list[str]:
    return [pattern for pattern in patterns if split_pattern(pattern)[1] is not None]


def _find(documents: DocumentSet, cutter: Cutter, pattern: str) -> dict[str, list[Span]]:
    """The spans that a pattern matches, by file.  Raises `UsageError` if there are none."""
    path_glob, title_glob = split_pattern(pattern)
    assert title_glob is not None
    paths = {path for path in cutter.files if not path_glob or matches(path_glob, path)}
    match = _RANGE.fullmatch(title_glob.strip())
    found: dict[str, list[Span]] = {}
    if match is not None:
        ranges = {path: _range_of(documents, cutter, path, match) for path in paths}
        found = {path: [span] for path, span in ranges.items() if span.begin < span.end}
    else:
        wanted = title_glob.casefold()
        for index, entry in enumerate(documents.outline):
            path = documents.parts[entry.part].path
            span = cutter.span_of(index)
            named = entry.level and path in paths and fnmatchcase(entry.title.casefold(), wanted)
            if named and span.begin < span.end:
                found.setdefault(path, []).append(span)
    if not found:
        raise UsageError(f"Nothing in the document matches {pattern!r}.", _HINT)
    return found


def _range_of(documents: DocumentSet, cutter: Cutter, path: str, match: re.Match[str]) -> Span:
    """The span of `lines 10-20`, `lines 7` or `pages 3-` in a file."""
    first = int(match[2])
    last = first if match[3] is None else int(match[3]) if match[3] else None
    if first < 1 or (last is not None and last < first):
        raise UsageError(f"{match[0]!r} is not a valid range of {match[1]}.", _HINT)
    begin, end = cutter.files[path]
    parts = documents.parts[begin:end]
    paged = parts[-1].position > 0  # the first part may lie before the first numbered page
    if paged != (match[1] == "pages"):
        raise UsageError(f"{path} has {'pages' if paged else 'lines'}, not {match[1]}.", _HINT)
    if paged:
        positions = [part.position for part in parts]
        stop = end if last is None else begin + bisect_left(positions, last + 1)
        return cutter.span((begin + bisect_left(positions, first), 0), (stop, 0))

    def place(line: int) -> Place:
        """A file without pages has one part, or several where something was already removed."""
        before = bisect_left(parts, line + 1, key=attrgetter("line")) - 1
        return (begin + max(0, before), line)

    return cutter.span(place(first), (end, 0) if last is None else place(last + 1))
