"""Parts of documents that are taken out or in: chapters by title, ranges of lines and pages.

What is taken out is listed in `left_out`; nothing goes without it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from operator import attrgetter

from ..errors import UsageError
from ..events import LeftOut
from .globs import matches, split_pattern
from .model import DocumentSet, OutlineEntry, Part

_LINE = re.compile(r"[^\n]*\n|[^\n]+")  # with its end
_RANGE = re.compile(r"(lines|pages) (\d+)(?:-(\d*))?")
_NAMED = 3  # chapters of one stretch
_HINT = "Write it as --exclude 'book.epub#Index', '#Appendix*' or 'log.txt#lines 5000-'."

Place = tuple[int, int]  # index of a part, line in it


@dataclass(frozen=True)
class _Span:
    """From a place up to another, which is not in it."""

    begin: Place
    end: Place


def choose(
    documents: DocumentSet, include: Iterable[str] = (), exclude: Iterable[str] = ()
) -> DocumentSet:
    """Apply the patterns that have a `#`: `GLOB#TITLE`, where TITLE is a glob on the titles of
    chapters in any case, or `lines 10-20` or `pages 3-`.

    Of files that an include pattern names only what such patterns name stays.  Raises
    `UsageError` for a pattern that finds nothing.
    """
    cutter = _Cutter(documents)
    kept: dict[str, list[_Span]] = {}
    for pattern in _with_titles(include):
        for path, spans in cutter.find(pattern).items():
            kept.setdefault(path, []).extend(spans)
    for path, spans in kept.items():
        for span in cutter.rest_of(path, spans):
            cutter.cut(span, path, "not included")
    for pattern in _with_titles(exclude):
        for path, spans in cutter.find(pattern).items():
            for span in spans:
                cutter.cut(span, path, "excluded")
    return cutter.result()


def drop(documents: DocumentSet, reasons: Mapping[str, str]) -> DocumentSet:
    """Without the sections of these keys (`Section.key`, or `PATH#lines 10-`, `PATH#pages 3-`),
    each for its reason.

    Raises `UsageError` if there is no such section, or if nothing would be left.
    """
    cutter = _Cutter(documents)
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
        cutter.cut(cutter.range_of(path, match), path, why)
    return cutter.result()


def _with_titles(patterns: Iterable[str]) -> list[str]:
    return [pattern for pattern in patterns if split_pattern(pattern)[1] is not None]


class _Cutter:
    """Collects what goes, then makes the documents without it."""

    def __init__(self, documents: DocumentSet) -> None:
        self._documents = documents
        self._parts = documents.parts
        self._end = (len(self._parts), 1)
        self._ends = _ends(documents.outline, self._end)
        self.files = _files(self._parts)
        self._gone: list[_Span] = []
        self._left_out: list[LeftOut] = []

    def span_of(self, index: int) -> _Span:
        entry = self._documents.outline[index]
        return self._span((entry.part, entry.line), self._ends[index])

    def _span(self, begin: Place, end: Place) -> _Span:
        """Both places no earlier than the first line of their parts."""
        return _Span(self._whole(begin), self._whole(end))

    def _whole(self, place: Place) -> Place:
        part, line = place
        return (part, max(line, self._parts[part].line)) if part < len(self._parts) else self._end

    def find(self, pattern: str) -> dict[str, list[_Span]]:
        """The spans that a pattern names, by file.  Raises `UsageError` if there are none."""
        path_glob, title_glob = split_pattern(pattern)
        assert title_glob is not None
        paths = [p for p in self.files if not path_glob or matches(path_glob, p)]
        match = _RANGE.fullmatch(title_glob.strip())
        found: dict[str, list[_Span]] = {}
        if match is not None:
            ranges = {path: self.range_of(path, match) for path in paths}
            found = {path: [span] for path, span in ranges.items() if span.begin < span.end}
        else:
            wanted = title_glob.casefold()
            for index, entry in enumerate(self._documents.outline):
                path = self._parts[entry.part].path
                if entry.level and path in paths and fnmatchcase(entry.title.casefold(), wanted):
                    found.setdefault(path, []).append(self.span_of(index))
        if not found:
            raise UsageError(f"Nothing in the document is named by {pattern!r}.", _HINT)
        return found

    def range_of(self, path: str, match: re.Match[str]) -> _Span:
        """Of `lines 10-20`, `lines 7` or `pages 3-` in a file."""
        first = int(match[2])
        last = first if match[3] is None else int(match[3]) if match[3] else None
        begin, end = self.files[path]
        if first < 1 or (last is not None and last < first):
            raise UsageError(f"{match[0]!r} is no range of {match[1]}.", _HINT)
        paged = self._parts[begin].position > 0
        if paged != (match[1] == "pages"):
            has = "pages" if paged else "lines"
            raise UsageError(f"{path} has {has}, not {match[1]}.", _HINT)
        if paged:
            positions = [part.position for part in self._parts[begin:end]]
            stop = end if last is None else begin + bisect_left(positions, last + 1)
            return self._span((begin + bisect_left(positions, first), 0), (stop, 0))
        # A file without pages has one part, or more where something was cut out already.
        stop_at = (end, 0) if last is None else self._at_line(begin, end, last + 1)
        return self._span(self._at_line(begin, end, first), stop_at)

    def _at_line(self, begin: int, end: int, line: int) -> Place:
        part = max(
            begin, bisect_left(self._parts, line + 1, begin, end, key=attrgetter("line")) - 1
        )
        return (part, line)

    def rest_of(self, path: str, spans: Sequence[_Span]) -> list[_Span]:
        """What of the file is in none of the spans."""
        begin, end = self.files[path]
        rest: list[_Span] = []
        at = self._whole((begin, 0))
        for span in sorted(spans, key=lambda span: span.begin):
            if span.begin > at:
                rest.append(_Span(at, span.begin))
            at = max(at, span.end)
        if at < self._whole((end, 0)):
            rest.append(self._span(at, (end, 0)))
        return rest

    def cut(self, span: _Span, path: str, why: str, entry: OutlineEntry | None = None) -> None:
        if span.begin >= span.end:
            return  # a range beyond the end, or a chapter in another that goes as well
        whole = entry is not None and entry.level == 0
        self._gone.append(span)
        self._left_out.append(LeftOut(path, why if whole else f"{self._name(span)}: {why}"))

    def _name(self, span: _Span) -> str:
        """The chapters in it, else its lines or pages."""
        chapters: list[str] = []
        end = span.begin
        for index, entry in enumerate(self._documents.outline):
            inside = self.span_of(index)
            if entry.level and end <= inside.begin and inside.end <= span.end:
                chapters.append(entry.title)
                end = inside.end
        if chapters:
            more = f" and {len(chapters) - _NAMED} more" if len(chapters) > _NAMED else ""
            return ", ".join(chapters[:_NAMED]) + more
        (part, line), (stop, stop_line) = span.begin, span.end
        last = stop if stop < len(self._parts) and stop_line > self._parts[stop].line else stop - 1
        pages = self._parts[part].page, self._parts[last].page
        if pages[0] is not None:
            return f"page {pages[0]}" if part == last else f"page {pages[0]} to page {pages[1]}"
        return f"lines {line}-{stop_line - 1 if last == stop else _last_line(self._parts[last])}"

    def result(self) -> DocumentSet:
        """Raises `UsageError` if nothing is left."""
        if not self._left_out:
            return self._documents
        kept: list[Part] = []
        places: list[Place] = []  # of each kept part, among the old parts
        for index, part in enumerate(self._parts):
            for piece in self._kept_of(index, part):
                kept.append(piece)
                places.append((index, piece.line))
        if not any(part.text.strip() for part in kept):
            raise UsageError(
                "Nothing of the document would be left.", "Leave less out, or include more."
            )
        outline: list[OutlineEntry] = []
        for index, entry in enumerate(self._documents.outline):
            moved = self._moved(self.span_of(index), kept, places)
            if moved is not None:
                outline.append(replace(entry, part=moved[0], line=moved[1]))
        return replace(
            self._documents,
            parts=tuple(kept),
            outline=tuple(outline),
            left_out=(*self._documents.left_out, *self._left_out),
        )

    def _kept_of(self, index: int, part: Part) -> list[Part]:
        """The part, or what is left of it, each run of lines by itself."""
        spans = [s for s in self._gone if s.begin < (index + 1, 0) and s.end > (index, part.line)]
        if not spans:
            return [part]
        lines = _LINE.findall(part.text) or [""]
        gone = [False] * len(lines)
        for span in spans:
            first = 0 if span.begin[0] < index else max(0, span.begin[1] - part.line)
            last = len(lines) if span.end[0] > index else span.end[1] - part.line
            gone[first:last] = [True] * max(0, min(last, len(lines)) - first)
        if not any(gone):
            return [part]
        pieces: list[Part] = []
        start = 0
        for at in range(1, len(lines) + 1):
            if at == len(lines) or gone[at] != gone[start]:
                if not gone[start]:
                    text = "".join(lines[start:at])
                    pieces.append(replace(part, text=text, line=part.line + start))
                start = at
        return pieces

    def _moved(
        self, span: _Span, kept: Sequence[Part], places: Sequence[Place]
    ) -> tuple[int, int] | None:
        """The first place of a span that is still there, among the new parts."""
        # The last kept piece that begins at or before the span, and those after it.
        at = max(0, bisect_left(places, (span.begin[0], span.begin[1] + 1)) - 1)
        for index in range(at, len(kept)):
            old, line = places[index]
            first = max((old, line), span.begin) if old == span.begin[0] else (old, line)
            if (old, line) >= span.end:
                return None
            if old < span.begin[0] or first[1] > _last_line(kept[index]):
                continue
            return (index, first[1]) if first < span.end else None
        return None


def _ends(outline: Sequence[OutlineEntry], end: Place) -> list[Place]:
    """Where each entry ends: at the next of its level or a lower one."""
    ends = [end] * len(outline)
    open_entries: list[int] = []
    for index, entry in enumerate(outline):
        while open_entries and outline[open_entries[-1]].level >= entry.level:
            ends[open_entries.pop()] = (entry.part, entry.line)
        open_entries.append(index)
    return ends


def _files(parts: Sequence[Part]) -> dict[str, tuple[int, int]]:
    """Each file's parts: the index of its first, and one beyond its last."""
    files: dict[str, tuple[int, int]] = {}
    for index, part in enumerate(parts):
        files[part.path] = (files.get(part.path, (index, 0))[0], index + 1)
    return files


def _last_line(part: Part) -> int:
    text = part.text.removesuffix("\n")
    return part.line + text.count("\n")
