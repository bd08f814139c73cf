"""Constrained decoding: quotations that occur verbatim in the document.

A small reader finds a passage but may still slip while copying it: a word of another sentence, or
a loop.  Here each token of a quotation is the most likely one among those that continue some
passage of the document.  The same holds for the path after a quoted line of code, among the files
that contain the line.  All other tokens are unconstrained.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from itertools import accumulate

from torch import Tensor

from ..tokens.base import TokenBytes

_GOES_ON = re.compile(r"\w\n\w|\d\n[.,]\d|\d[.,]\n\d")  # the line end marks the cut
_TRIED = 64  # most likely tokens to try before all others
_BLANK, _LINE_END = b" ", b"\n"
_QUOTE, _FENCE, _IN = b">", b"```", b"in"


class VerbatimDocument:
    """The text to quote from: its words, separated by single spaces."""

    def __init__(self, files: Iterable[tuple[str, str]], token_bytes: TokenBytes) -> None:
        """Index the documents.

        Args:
            files: (path, text); no quotation extends beyond a file.
            token_bytes: as of `Tokenizer`.
        """
        files = tuple(files)
        self.words = "\n".join(f" {' '.join(text.split())} " for _, text in files).encode()
        self.token_bytes = token_bytes
        self._paths = tuple(path.encode("utf-8", "replace") for path, _ in files)
        lengths = [len(text) + 1 for text in self.words.split(b"\n")]
        self._ends = tuple(accumulate(lengths))
        starts = (end - length for end, length in zip(self._ends, lengths, strict=True))
        self._line_ends = frozenset(
            end
            for start, (_, text) in zip(starts, files, strict=False)
            for end in _line_ends(start, text)
        )

    def paths_of(self, places: Iterable[int]) -> frozenset[bytes]:
        """The paths of the files that contain these offsets into `words`."""
        return frozenset(self._paths[bisect_right(self._ends, place)] for place in places)

    def is_whole(self, end: int) -> bool:
        """Whether no word or number continues across this offset into `words`."""
        if self.words[end : end + 1] >= b"\x80" and self.words[end] < 0xC0:
            return False  # inside a character
        before = self.words[max(0, end - 8) : end].decode(errors="ignore")[-2:]
        after = self.words[end : end + 8].decode(errors="ignore")[:2]
        return _GOES_ON.search(f"{before}\n{after}") is None

    def ends_line(self, end: int) -> bool:
        """Whether a line of a file ends at this offset into `words`."""
        return end in self._line_ends

    def chooser(self, stop_ids: Collection[int]) -> VerbatimChoice:
        """The token choice for one answer."""
        return VerbatimChoice(self, stop_ids)


class VerbatimChoice:
    """Greedy decoding that rules out quotations which are not in the document.

    Quotations are the lines of Markdown block quotes and the first line of each fenced code block.
    They begin with a word of the document and end where the model ends them, after a whole word;
    no block quote of an answer begins where an earlier one began.  A line "in ..." directly after
    a code block names a file that contains the first line of the block, or its words if no file
    has it as a line.
    """

    def __init__(self, document: VerbatimDocument, stop_ids: Collection[int]) -> None:
        self._document = document
        self._stop_ids = stop_ids
        self._line = b""  # output since the last line end
        self._code_lines: int | None = None  # lines of the open fenced block
        self._places: list[int] | None = None  # where the quotation so far occurs
        self._quoted: set[int] = set()  # where earlier block quotes begin
        self._code_places: list[int] = []  # of the first line of the last fenced block
        self._named: frozenset[bytes] = frozenset()  # "in PATH", for the line after that block

    def __call__(self, logits: Tensor) -> int:
        """The next token, from logits [vocabulary]."""
        token = self._best(logits)
        if token not in self._stop_ids:
            self._append(self._document.token_bytes(token))
        return token

    def _best(self, logits: Tensor) -> int:
        allowed = self._rule()
        if allowed is None:
            return int(logits.argmax())
        likely = logits.topk(min(_TRIED, logits.numel())).indices.tolist()
        for token in likely:
            if allowed(token):
                return int(token)
        for token in logits.argsort(descending=True).tolist():
            if allowed(token):
                return int(token)
        return int(likely[0])  # the document has no words

    def _rule(self) -> Callable[[int], bool] | None:
        """A predicate for the tokens that may come next; None if all may."""
        if len(self._line) >= len(_IN) and any(n.startswith(self._line) for n in self._named):
            return self._names
        quotation = self._quotation()
        return None if quotation is None else partial(self._continues, quotation)

    def _names(self, token: int) -> bool:
        """Whether with this token the line still names one of the files and does not end early."""
        if token in self._stop_ids:
            return self._line in self._named
        said = self._document.token_bytes(token)
        words, line_end, _ = said.partition(_LINE_END)
        line = self._line + words
        if line_end:
            return line in self._named
        return bool(said) and any(named.startswith(line) for named in self._named)

    def _quotation(self) -> bytes | None:
        """The quotation so far, with the space before its first word; None outside quotations."""
        if self._code_lines is not None:
            inside = self._code_lines == 0 and not self._line.startswith(b"`")
            return _BLANK + self._line if inside else None
        return self._line[len(_QUOTE) :] if self._line.startswith(_QUOTE) else None

    def _continues(self, quotation: bytes, token: int) -> bool:
        """Whether a token continues the quotation with words of the document, or may end it."""
        if token in self._stop_ids:
            return self._may_end(quotation)
        said = self._document.token_bytes(token)
        words, line_end, _ = said.partition(_LINE_END)
        if not words:
            return bool(line_end) and self._may_end(quotation)
        places = self._following(quotation, words)
        if not line_end:
            return next(places, None) is not None
        length = len(quotation) + len(words)
        return any(self._document.is_whole(place + length) for place in places)

    def _may_end(self, quotation: bytes) -> bool:
        """Whether the quotation may end here, which is after a whole word."""
        if not self._places:  # not begun, or the document has no words
            return bool(quotation.strip())
        return any(self._document.is_whole(place + len(quotation)) for place in self._places)

    def _following(self, quotation: bytes, words: bytes) -> Iterator[int]:
        """The places of the quotation where `words` follow."""
        if self._places is None:
            wanted = quotation + words
            begins = wanted.startswith(_BLANK) and wanted.strip()
            return self._new_places(wanted) if begins else iter(())
        document, at = self._document.words, len(quotation)
        return (place for place in self._places if document.startswith(words, place + at))

    def _append(self, said: bytes) -> None:
        """Update the state with the bytes of the chosen token."""
        before = self._quotation()
        words, *others = said.split(_LINE_END)
        if before is not None and words:
            self._narrow(before, words)
        self._line += words
        for following in others:
            self._end_line()
            self._line = following

    def _narrow(self, quotation: bytes, words: bytes) -> None:
        self._places = list(self._following(quotation, words))

    def _new_places(self, wanted: bytes) -> Iterator[int]:
        """Where the document has these words, except where an earlier block quote begins."""
        quoted = self._quoted if self._code_lines is None else frozenset()
        return (p for p in _all_places(self._document.words, wanted) if p not in quoted)

    def _end_line(self) -> None:
        self._named = frozenset()
        ends = {place: place + len(self._quotation() or b"") for place in self._places or ()}
        whole = [place for place, end in ends.items() if self._document.is_whole(end)]
        if self._code_lines is None:
            self._quoted.update(whole)
        if self._line.startswith(_FENCE):
            if self._code_lines is None:
                self._code_lines, self._code_places = 0, []
            else:
                self._code_lines = None
                paths = self._document.paths_of(self._code_places)
                self._named = frozenset(_IN + _BLANK + path for path in paths)
        elif self._code_lines is not None:
            if self._code_lines == 0:
                lines = [place for place in whole if self._document.ends_line(ends[place])]
                self._code_places = lines or whole
            self._code_lines += 1
        self._places = None


def _line_ends(start: int, text: str) -> Iterator[int]:
    """The offsets at which the lines of a text end, where its words begin at `start` with a
    space."""
    at = start
    for line in text.split("\n"):
        if words := " ".join(line.split()):
            at += 1 + len(words.encode())
            yield at


def _all_places(text: bytes, wanted: bytes) -> Iterator[int]:
    at = text.find(wanted)
    while at >= 0:
        yield at
        at = text.find(wanted, at + 1)
