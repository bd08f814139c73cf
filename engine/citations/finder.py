"""Finds quotations in the document."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from sa_chat.protocol.values import Citation

from ..documents import DocumentSet, Part
from .folding import Folded, fold
from .quotes import Quote, find_quotes, is_significant, without_cut_word

_ELLIPSIS = re.compile(r"\[\s*(?:\.{3,}|\u2026)\s*\]|\.{3,}|\u2026")
_END_MARKS = " \t\n.,;:"
_OUTER = " \t\n\"'\u201c\u201d\u2018\u2019*_"
_MARKERS = re.compile(  # Markdown emphasis, code and nested block quotes, not inside words
    r"(?m:^(?:[ \t]*>)+[ \t]?)"
    r"|(?<![\w*`~])(?:[*_`]+|~~)(?=\S)|(?<=\S)(?:[*_`]+|~~)(?![\w*`~])"
)
_GAP = 500  # most folded characters that an ellipsis may replace
_CJK = "\u2e80"  # from here on, scripts have no spaces between words

_Span = tuple[int, int]  # half-open range of offsets


@dataclass(frozen=True)
class _File:
    """All parts of one file, joined by line ends, so that quotations can span pages."""

    path: str
    parts: tuple[Part, ...]
    text: str
    part_starts: tuple[int, ...]  # offsets into `text`

    @cached_property
    def folded(self) -> Folded:
        return fold(self.text)

    def find(self, wording: str) -> _Span | None:
        """The first exact occurrence of a wording, on word boundaries."""
        whole = partial(self._is_whole, len(wording))
        at = next(_places(self.text, wording, whole), None)
        return None if at is None else (at, at + len(wording))

    def find_folded(self, pieces: Sequence[str]) -> _Span | None:
        """The span of these folded pieces, if each follows the previous one with at most `_GAP`
        characters between them."""
        first, *others = pieces
        chains: Iterable[_Span] = ((at, at + len(first)) for at in self._folded(first))
        for piece in others:
            chains = list(self._continued(chains, piece))
            if not chains:
                return None
        found = next(iter(chains), None)
        return None if found is None else self._unfolded(*found)

    def _continued(self, chains: Iterable[_Span], piece: str) -> Iterator[_Span]:
        """Those of `chains` (sorted by their ends) that `piece` continues, extended by it."""
        coming = iter(chains)
        upcoming = next(coming, None)
        nearest: _Span | None = None
        for at in self._folded(piece):
            while upcoming is not None and upcoming[1] <= at:
                nearest, upcoming = upcoming, next(coming, None)
            if nearest is not None and at - nearest[1] <= _GAP:
                yield nearest[0], at + len(piece)

    def _folded(self, piece: str) -> Iterator[int]:
        return _places(self.folded.text, piece, partial(self._is_whole_folded, len(piece)))

    def _is_whole(self, length: int, at: int) -> bool:
        return not self._cuts(at, at + length)

    def _is_whole_folded(self, length: int, at: int) -> bool:
        """Whether the occurrence is on word boundaries of the original text, which still has its
        hyphens."""
        return not self._cuts(*self._unfolded(at, at + length))

    def _unfolded(self, begin: int, end: int) -> _Span:
        """The original span of a non-empty folded span."""
        return self.folded.original(begin), self.folded.original(end - 1) + 1

    def _cuts(self, start: int, end: int) -> bool:
        """Whether a span begins or ends inside a word or number."""
        return self._glued(start) or self._glued(end)

    def _glued(self, at: int) -> bool:
        if not 0 < at < len(self.text):
            return False
        left, right = self.text[at - 1], self.text[at]
        return left.isalnum() and right.isalnum() and left < _CJK and right < _CJK

    def citation(self, quote: str, begin: int, end: int) -> Citation:
        """The verified citation of a quotation found at a span of `text`."""
        index = bisect_right(self.part_starts, begin) - 1
        start, part = self.part_starts[index], self.parts[index]
        line = part.line + self.text.count("\n", start, begin)
        return Citation(quote, self.path, part.page, line, True, self.text[begin:end])


@dataclass(frozen=True)
class CitationFinder:
    """Searches for quotations in opened documents.  The index is built on first use."""

    documents: DocumentSet

    def cite(self, answer: str, finished: bool = True) -> tuple[Citation, ...]:
        """A citation for each quotation in an answer, in order.

        Each quotation is searched verbatim, then folded (`folding`), then without surrounding
        quotation marks or a full stop that the answer added, then as the pieces around its
        ellipses, in order, close together and in one file; and finally all of this without
        Markdown markers.  Files that the answer names are searched first.  Of an answer that was
        stopped (`finished` false) only complete words are considered.
        """
        quotes = find_quotes(answer if finished else without_cut_word(answer))
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


def _cite(quote: Quote, files: Sequence[_File]) -> Citation:
    plain = quote.text if quote.code else _MARKERS.sub("", quote.text)
    for text in dict.fromkeys((quote.text, plain)):
        found = _search(text, files)
        if found is not None:
            file, span = found
            return file.citation(quote.text, *span)
    return Citation(quote.text, "", None, 0, verified=False)


def _search(text: str, files: Sequence[_File]) -> tuple[_File, _Span] | None:
    for wording in _wordings(text):
        for find in (_exactly, _folded):
            for file in files:
                span = find(file, wording)
                if span is not None:
                    return file, span
    pieces = [piece for piece in _ELLIPSIS.split(text) if _needle(piece)]
    if pieces != [text] and pieces and all(map(is_significant, pieces)):
        needles = [_needle(piece) for piece in pieces]
        for file in files:
            span = file.find_folded(needles)
            if span is not None:
                return file, span
    return None


def _wordings(text: str) -> list[str]:
    """A quotation as given, then without what an answer may have put around it."""
    wordings = (text.strip("\n"), text.strip(_OUTER), text.strip(_OUTER + _END_MARKS))
    return [wording for wording in dict.fromkeys(wordings) if is_significant(wording)]


def _exactly(file: _File, wording: str) -> _Span | None:
    return file.find(wording)


def _folded(file: _File, wording: str) -> _Span | None:
    return file.find_folded([_needle(wording)])


def _needle(text: str) -> str:
    """The folded text to search for, without dashes at its ends, as their folding depends on the
    context."""
    return fold(text).text.strip(" -")


def _places(text: str, needle: str, accept: Callable[[int], bool]) -> Iterator[int]:
    """The offsets of accepted occurrences, in order."""
    at = text.find(needle) if needle else -1
    while at >= 0:
        if accept(at):
            yield at
        at = text.find(needle, at + 1)
