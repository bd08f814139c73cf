"""What is left of documents when stretches of them go."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..errors import UsageError
from ..events import LeftOut
from .model import DocumentSet, OutlineEntry, Part

_LINE = re.compile(r"[^\n]*\n|[^\n]+")  # with its end
_NAMED = 3  # chapters of one stretch

Place = tuple[int, int]  # index of a part, line in it


@dataclass(frozen=True)
class Span:
    """From a place up to another, which is not in it."""

    begin: Place
    end: Place


class Cutter:
    """Collects what goes, then makes the documents without it."""

    def __init__(self, documents: DocumentSet) -> None:
        self._documents = documents
        self._parts = documents.parts
        self._end = (len(self._parts), 1)
        self._ends = _ends(documents.outline, self._end)
        self.files = _files(self._parts)
        self._gone: list[Span] = []
        self._left_out: list[LeftOut] = []

    def span_of(self, index: int) -> Span:
        entry = self._documents.outline[index]
        return self.span((entry.part, entry.line), self._ends[index])

    def span(self, begin: Place, end: Place) -> Span:
        """Both places no earlier than the first line of their parts."""
        return Span(self._whole(begin), self._whole(end))

    def _whole(self, place: Place) -> Place:
        part, line = place
        return (part, max(line, self._parts[part].line)) if part < len(self._parts) else self._end

    def rest_of(self, path: str, spans: Sequence[Span]) -> list[Span]:
        """What of the file is in none of the spans."""
        begin, end = self.files[path]
        rest: list[Span] = []
        at = self._whole((begin, 0))
        for span in sorted(spans, key=lambda span: span.begin):
            if span.begin > at:
                rest.append(Span(at, span.begin))
            at = max(at, span.end)
        if at < self._whole((end, 0)):
            rest.append(self.span(at, (end, 0)))
        return rest

    def cut(self, span: Span, path: str, why: str, entry: OutlineEntry | None = None) -> None:
        if span.begin >= span.end:
            return  # a range beyond the end, or a chapter in another that goes as well
        self._gone.append(span)
        if entry is None or entry.level:
            why = f"{self._name(span) if entry is None else entry.title}: {why}"
        self._left_out.append(LeftOut(path, why))

    def _name(self, span: Span) -> str:
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
        gone = _merged(self._gone)
        for index, part in enumerate(self._parts):
            for piece in _kept_of(index, part, gone):
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

    def _moved(
        self, span: Span, kept: Sequence[Part], places: Sequence[Place]
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


def _merged(spans: Sequence[Span]) -> list[Span]:
    """Sorted, and none meets another."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: span.begin):
        if merged and span.begin <= merged[-1].end:
            merged[-1] = Span(merged[-1].begin, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


def _kept_of(index: int, part: Part, gone: Sequence[Span]) -> list[Part]:
    """The part, or what is left of it, each run of lines by itself."""
    first = bisect_right(gone, (index, part.line), key=lambda span: span.end)
    last = bisect_left(gone, (index + 1, 0), key=lambda span: span.begin)
    if first >= last:
        return [part]
    lines = _LINE.findall(part.text) or [""]
    out = [False] * len(lines)
    for span in gone[first:last]:
        begin = 0 if span.begin[0] < index else max(0, span.begin[1] - part.line)
        end = len(lines) if span.end[0] > index else min(span.end[1] - part.line, len(lines))
        out[begin:end] = [True] * max(0, end - begin)
    if not any(out):
        return [part]
    pieces: list[Part] = []
    start = 0
    for at in range(1, len(lines) + 1):
        if at == len(lines) or out[at] != out[start]:
            if not out[start]:
                text = "".join(lines[start:at])
                pieces.append(replace(part, text=text, line=part.line + start))
            start = at
    return pieces


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
