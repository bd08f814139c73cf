"""A document set as one sequence of token ids, each with its source."""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sa_chat.protocol.values import Section

from ..documents import DocumentSet, OutlineEntry, Piece
from .base import Ids, Starts, Tokenizer
from .batches import encode_all


@dataclass(frozen=True)
class Place:
    """The source of a token."""

    path: str
    page: str | None  # printed label
    line: int  # from 1; in the file, or on the page


@dataclass(frozen=True, eq=False)
class TokenizedPrompt:
    """Head and document as ids; no question yet.  `len(ids)` is the exact prompt size."""

    ids: Ids  # [L]
    documents: DocumentSet
    pieces: tuple[Piece, ...] = field(repr=False)
    piece_starts: npt.NDArray[np.int64] = field(repr=False)  # [P] index of each first id
    starts: tuple[Starts, ...] = field(repr=False)  # for each piece the offsets of its tokens
    tokenize_s: float = 0.0

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """The outline with token counts.  Markers count towards what follows them; only head and
        title belong to no section."""
        outline = self.documents.outline
        begins = [self._begin(entry) for entry in outline]
        ends = self._ends(begins)
        return tuple(
            Section(
                title=entry.title,
                path=self.documents.parts[entry.part].path,
                level=entry.level,
                page=self.documents.parts[entry.part].page,
                line=entry.line,
                tokens=ends[index] - begins[index],
            )
            for index, entry in enumerate(outline)
        )

    def locate(self, index: int) -> Place:
        """The source of token `index`; for head and markers, that of the text that follows."""
        at = max(0, int(np.searchsorted(self.piece_starts, index, side="right")) - 1)
        piece = self.pieces[at]
        part = self.documents.parts[piece.about]
        line = part.line
        if piece.part is not None:
            offset = int(self.starts[at][index - int(self.piece_starts[at])])
            line += int(np.searchsorted(self._newlines(piece.part), offset))
        return Place(part.path, part.page, line)

    @cached_property
    def _abouts(self) -> list[int]:
        """The part of each piece except the title, non-decreasing."""
        return [piece.about for piece in self.pieces[1:]]

    @cached_property
    def _newline_cache(self) -> dict[int, npt.NDArray[np.int64]]:
        return {}

    def _newlines(self, part: int) -> npt.NDArray[np.int64]:
        """Offsets of the line ends in a part."""
        if part not in self._newline_cache:
            text = self.documents.parts[part].text.encode("utf-32-le", "surrogatepass")
            ends = np.flatnonzero(np.frombuffer(text, dtype="<u4") == ord("\n"))
            self._newline_cache[part] = ends.astype(np.int64)
        return self._newline_cache[part]

    def _begin(self, entry: OutlineEntry) -> int:
        """The token index where an entry starts, markers included."""
        part = self.documents.parts[entry.part]
        newlines = self._newlines(entry.part)
        lines_before = min(entry.line - part.line, len(newlines))
        if lines_before <= 0:
            return self._part_begin(entry.part)
        at = bisect_right(self._abouts, entry.part)  # the last piece of a part is its text
        offset = int(newlines[lines_before - 1]) + 1
        return int(self.piece_starts[at]) + int(np.searchsorted(self.starts[at], offset))

    def _part_begin(self, part: int) -> int:
        """The index of the first token of a part, its markers included."""
        at = 1 + bisect_left(self._abouts, part)
        return int(self.piece_starts[at]) if at < len(self.pieces) else len(self.ids)

    def _ends(self, begins: list[int]) -> list[int]:
        """The token index where each entry ends: at the next one of the same or a lower level."""
        ends = [len(self.ids)] * len(begins)
        following: list[int] = []  # candidates to end an earlier entry, the nearest last
        for index in reversed(range(len(begins))):
            level = self.documents.outline[index].level
            while following and self.documents.outline[following[-1]].level > level:
                following.pop()
            if following:
                ends[index] = begins[following[-1]]
            following.append(index)
        return ends


def tokenize_documents(
    documents: DocumentSet,
    tokenizer: Tokenizer,
    on_progress: Callable[[float], None] | None = None,
) -> TokenizedPrompt:
    """Encode the head of the chat format and each piece of the documents separately.

    Separate pieces keep the counts of pages and files exact and the tokenizer's work linear.
    """
    started = time.perf_counter()
    pieces = documents.pieces()
    encoded = encode_all([piece.text for piece in pieces], tokenizer, on_progress)
    rows = [np.asarray(tokenizer.chat.head, dtype=np.int32), *(ids for ids, _ in encoded)]
    return TokenizedPrompt(
        ids=np.concatenate(rows),
        documents=documents,
        pieces=tuple(pieces),
        piece_starts=np.cumsum([len(row) for row in rows[:-1]], dtype=np.int64),
        starts=tuple(starts for _, starts in encoded),
        tokenize_s=time.perf_counter() - started,
    )
