"""Removes spans from documents and keeps parts, outline and `left_out` consistent."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sa_chat.protocol.errors import UsageError
from sa_chat.protocol.values import LeftOut

from .model import DocumentSet, OutlineEntry, Part

_LINE = re.compile(r"[^\n]*\n|[^\n]+")  # with its line end
_NAMED = 3  # most chapters named for one removed span

Place = tuple[int, int]  # index of a part, line in it


@dataclass(frozen=True)
class Span:
    """A half-open range: `begin` is included, `end` is not."""

    begin: Place
    end: Place


class Cutter:
    """Collects spans to remove, then builds the documents without them."""

    def __init__(self, documents: DocumentSet) -> None:
        self._documents = documents
        self._parts = documents.parts
        self._last_lines = [_last_line(part) for part in self._parts]
        self._end = (len(self._parts), 1)
        places = [(entry.part, entry.line) for entry in documents.outline]
        ends = _ends(documents.outline, self._end)
        self._spans = [self.span(*both) for both in zip(places, ends, strict=True)]
        self._begins = [span.begin for span in self._spans]  # sorted, as the outline is
        self.files = _files(self._parts)
        self._gone: list[Span] = []
        self._left_out: list[LeftOut] = []

    def span_of(self, index: int) -> Span:
        """The span of outline entry `index`; empty if another of its level starts on its line."""
        return self._spans[index]

    def span(self, begin: Place, end: Place) -> Span:
        """A span; places beyond the last line of their part move to the next existing line."""
        return Span(self._whole(begin), self._whole(end))

    def _whole(self, place: Place) -> Place:
        part, line = place
        if part < len(self._parts) and line > self._last_lines[part]:
            part, line = part + 1, 0
        return (part, max(line, self._parts[part].line)) if part < len(self._parts) else self._end

    def rest_of(self, path: str, spans: Sequence[Span]) -> list[Span]:
        """The spans that cover the rest of the file."""
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
        """Remove a span, or the outline entry whose span it is, for the reason `why`."""
        if span.begin >= span.end:
            return  # beyond the end, or inside a chapter that is removed as well
        self._gone.append(span)
        if entry is None or entry.level:
            why = f"{self._name(span) if entry is None else entry.title}: {why}"
        self._left_out.append(LeftOut(path, why))

    def _name(self, span: Span) -> str:
        """Names a span by the chapters inside it, otherwise by its lines or pages."""
        chapters: list[str] = []
        end = span.begin
        inside = bisect_left(self._begins, span.begin), bisect_left(self._begins, span.end)
        for index in range(*inside):
            entry = self._documents.outline[index]
            if entry.level and end <= self._begins[index] and self._spans[index].end <= span.end:
                chapters.append(entry.title)
                end = self._spans[index].end
        if chapters:
            more = f" and {len(chapters) - _NAMED} more" if len(chapters) > _NAMED else ""
            return ", ".join(chapters[:_NAMED]) + more
        (part, line), (stop, stop_line) = span.begin, span.end
        last = stop if stop < len(self._parts) and stop_line > self._parts[stop].line else stop - 1
        pages = self._parts[part].page, self._parts[last].page
        if pages[0] is not None:
            return f"page {pages[0]}" if part == last else f"page {pages[0]} to page {pages[1]}"
        return f"lines {line}-{stop_line - 1 if last == stop else self._last_lines[last]}"

    def result(self) -> DocumentSet:
        """The documents without the removed spans.  Raises `UsageError` if nothing is left."""
        if not self._left_out:
            return self._documents
        kept: list[Part] = []
        places: list[Place] = []  # where each kept part lies among the original parts
        gone = _merged(self._gone)
        for index, part in enumerate(self._parts):
            for piece in _kept_of(index, part, gone):
                kept.append(piece)
                places.append((index, piece.line))
        if not any(part.text.strip() for part in kept):
            raise UsageError(
                "Nothing of the document would be left.", "Leave less out, or include more."
            )
        last_lines = [_last_line(part) for part in kept]
        outline: list[OutlineEntry] = []
        for entry, span in zip(self._documents.outline, self._spans, strict=True):
            moved = _moved(span, places, last_lines)
            if moved is not None:
                outline.append(replace(entry, part=moved[0], line=moved[1]))
        return replace(
            self._documents,
            parts=tuple(kept),
            outline=tuple(outline),
            left_out=(*self._documents.left_out, *self._left_out),
        )


def _moved(
    span: Span, places: Sequence[Place], last_lines: Sequence[int]
) -> tuple[int, int] | None:
    """The first remaining place of a span, as (index of a kept part, line); None if it is gone."""
    begin = span.begin
    end = max(span.end, (begin[0], begin[1] + 1))  # an empty span is removed with its line
    # Start with the last kept piece that begins at or before the span.
    at = max(0, bisect_left(places, (begin[0], begin[1] + 1)) - 1)
    for index in range(at, len(places)):
        old, line = places[index]
        first = max((old, line), begin) if old == begin[0] else (old, line)
        if (old, line) >= end:
            return None
        if old < begin[0] or first[1] > last_lines[index]:
            continue
        return (index, first[1]) if first < end else None
    return None


def _merged(spans: Sequence[Span]) -> list[Span]:
    """The spans sorted, with adjacent and overlapping ones joined."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: span.begin):
        if merged and span.begin <= merged[-1].end:
            merged[-1] = Span(merged[-1].begin, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


def _kept_of(index: int, part: Part, gone: Sequence[Span]) -> list[Part]:
    """The remaining pieces of a part, one for each contiguous run of lines."""
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
    """The place where each entry ends: at the next entry of the same or a lower level."""
    ends = [end] * len(outline)
    open_entries: list[int] = []
    for index, entry in enumerate(outline):
        while open_entries and outline[open_entries[-1]].level >= entry.level:
            ends[open_entries.pop()] = (entry.part, entry.line)
        open_entries.append(index)
    return ends


def _files(parts: Sequence[Part]) -> dict[str, tuple[int, int]]:
    """For each path the index of its first part and one past its last."""
    files: dict[str, tuple[int, int]] = {}
    for index, part in enumerate(parts):
        files[part.path] = (files.get(part.path, (index, 0))[0], index + 1)
    return files


def _last_line(part: Part) -> int:
    text = part.text.removesuffix("\n")
    return part.line + text.count("\n")
