"""Where the document has a quotation."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from ..documents import DocumentSet, Part
from ..events import Citation
from .folding import Folded, fold
from .quotes import find_quotes

_ELLIPSIS = re.compile(r"\s*(?:\[\s*(?:\.{3,}|\u2026)\s*\]|\.{3,}|\u2026)\s*")
_END_MARKS = " \t\n.,;:"
_OUTER = " \t\n\"'\u201c\u201d\u2018\u2019*_"
_CJK = "\u2e80"  # from here on scripts set no blanks between words


@dataclass(frozen=True)
class _File:
    """All parts of one file, joined by line ends, so that a quotation may span pages."""

    path: str
    parts: tuple[Part, ...]
    text: str
    part_starts: tuple[int, ...]  # offsets into `text`

    @cached_property
    def folded(self) -> Folded:
        return fold(self.text)

    def find(self, wording: str) -> int | None:
        """The offset of these very characters."""
        return _first(self.text, wording, 0, lambda at: not self._cuts(at, at + len(wording)))

    def find_folded(self, pieces: Sequence[str]) -> int | None:
        """The offset of the first of these folded pieces, if all follow one another."""
        begin: int | None = None
        after = 0
        for piece in pieces:
            at = _first(self.folded.text, piece, after, partial(self._is_whole, len(piece)))
            if at is None:
                return None
            begin = at if begin is None else begin
            after = at + len(piece)
        return None if begin is None else self.folded.original(begin)

    def _is_whole(self, length: int, at: int) -> bool:
        """Judged on the original, where hyphens still part words."""
        end = self.folded.original(at + length - 1) + 1
        return not self._cuts(self.folded.original(at), end)

    def _cuts(self, start: int, end: int) -> bool:
        """Whether the stretch begins or ends inside a word or number."""
        return self._glued(start) or self._glued(end)

    def _glued(self, at: int) -> bool:
        if not 0 < at < len(self.text):
            return False
        left, right = self.text[at - 1], self.text[at]
        return left.isalnum() and right.isalnum() and left < _CJK and right < _CJK

    def citation(self, quote: str, offset: int) -> Citation:
        index = bisect_right(self.part_starts, offset) - 1
        start, part = self.part_starts[index], self.parts[index]
        line = part.line + self.text.count("\n", start, offset)
        return Citation(quote, self.path, part.page, line, verified=True)


@dataclass(frozen=True)
class CitationFinder:
    """Searches quotations in what was opened.  The index is built at the first search."""

    documents: DocumentSet

    def cite(self, answer: str) -> tuple[Citation, ...]:
        """A citation for each quotation of an answer, in its order.

        Each is searched word for word, then folded (`folding`), then without quotation marks
        or a full stop of the answer's own around it, and at last in the pieces that an
        ellipsis leaves, in order and in one file.  Files that the answer names come first.
        """
        quotes = find_quotes(answer)
        if not quotes:
            return ()
        files = sorted(self._files, key=lambda file: file.path not in answer)
        return tuple(_cite(quote, files) for quote in quotes)

    @cached_property
    def _files(self) -> tuple[_File, ...]:
        parts_of: dict[str, list[Part]] = {}
        for part in self.documents.parts:
            parts_of.setdefault(part.path, []).append(part)
        return tuple(_join(path, parts) for path, parts in parts_of.items())


def _join(path: str, parts: Sequence[Part]) -> _File:
    texts: list[str] = []
    starts: list[int] = []
    length = 0
    for part in parts:
        text = part.text if part.text.endswith("\n") else f"{part.text}\n"
        starts.append(length)
        texts.append(text)
        length += len(text)
    return _File(path, tuple(parts), "".join(texts), tuple(starts))


def _cite(quote: str, files: Sequence[_File]) -> Citation:
    for wording in _wordings(quote):
        for find in (_exactly, _folded):
            for file in files:
                offset = find(file, wording)
                if offset is not None:
                    return file.citation(quote, offset)
    if _ELLIPSIS.search(quote):
        pieces = [needle for piece in _ELLIPSIS.split(quote) if (needle := _needle(piece))]
        for file in files:
            offset = file.find_folded(pieces)
            if offset is not None:
                return file.citation(quote, offset)
    return Citation(quote, "", None, 0, verified=False)


def _wordings(quote: str) -> Iterator[str]:
    """The quotation as it stands, then without what an answer may have put around it."""
    seen: set[str] = set()
    for wording in (quote.strip("\n"), quote.strip(_OUTER), quote.strip(_OUTER + _END_MARKS)):
        if wording.strip() and wording not in seen:
            seen.add(wording)
            yield wording


def _exactly(file: _File, wording: str) -> int | None:
    return file.find(wording)


def _folded(file: _File, wording: str) -> int | None:
    return file.find_folded([_needle(wording)])


def _needle(text: str) -> str:
    """Folded.  Dashes at the ends go: how they fold depends on what stands beside them."""
    return fold(text).text.strip(" -")


def _first(text: str, needle: str, start: int, accept: Callable[[int], bool]) -> int | None:
    """The first accepted occurrence."""
    at = text.find(needle, start) if needle else -1
    while at >= 0:
        if accept(at):
            return at
        at = text.find(needle, at + 1)
    return None
