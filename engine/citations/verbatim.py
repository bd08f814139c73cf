"""Quotations that stand word for word in the document, by choosing among tokens that do.

A small reader finds the passage, and may still slip while it writes it down: a word of another
sentence, or a loop.  Here each token of a quotation is the most likely one of those that go on
with some place in the document, and so is the path behind a quoted line of code, among the files
that have the line.  What is neither is chosen freely.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from itertools import accumulate

from torch import Tensor

_GOES_ON = re.compile(r"\w\n\w|\d\n[.,]\d|\d[.,]\n\d")  # the line end is where it is cut
_TRIED = 64  # most likely tokens, before all are
_BLANK, _LINE_END = b" ", b"\n"
_QUOTE, _FENCE, _IN = b">", b"```", b"in"


class VerbatimDocument:
    """The text that is quoted: its words, with single blanks between them."""

    def __init__(
        self, files: Iterable[tuple[str, str]], token_bytes: Callable[[int], bytes]
    ) -> None:
        """`files` are (path, text), out of which no quotation leads; `token_bytes` gives the
        bytes of a token, none for special ones."""
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
        """Of the files that these offsets into `words` lie in."""
        return frozenset(self._paths[bisect_right(self._ends, place)] for place in places)

    def is_whole(self, end: int) -> bool:
        """Whether neither a word nor a number goes on over this offset into `words`."""
        if self.words[end : end + 1] >= b"\x80" and self.words[end] < 0xC0:
            return False  # inside of a character
        before = self.words[max(0, end - 8) : end].decode(errors="ignore")[-2:]
        after = self.words[end : end + 8].decode(errors="ignore")[:2]
        return _GOES_ON.search(f"{before}\n{after}") is None

    def ends_line(self, end: int) -> bool:
        """Whether a line of a file ends at this offset into `words`."""
        return end in self._line_ends

    def chooser(self, stop_ids: Collection[int]) -> VerbatimChoice:
        """For one answer."""
        return VerbatimChoice(self, stop_ids)


class VerbatimChoice:
    """Greedy, but for what would make a quotation that is not in the document.

    Quotations are the lines of Markdown block quotes, and the first line of each fenced code
    block.  They begin with a word of the document and end where the model ends them, behind a
    whole word; no block quote of an answer begins where an earlier one begins.  A line "in ..."
    right behind a code block names a file that has the block's first line; one that has its
    words, if none has it as a line.
    """

    def __init__(self, document: VerbatimDocument, stop_ids: Collection[int]) -> None:
        self._document = document
        self._stop_ids = stop_ids
        self._line = b""  # what was said since the last line end
        self._code_lines: int | None = None  # of the fenced block that is open
        self._places: list[int] | None = None  # where the quotation so far stands
        self._told: set[int] = set()  # where earlier block quotes begin
        self._code_places: list[int] = []  # of the first line of the last fenced block
        self._named: frozenset[bytes] = frozenset()  # "in PATH", for the line behind that block

    def __call__(self, logits: Tensor) -> int:
        """The token to say next, from logits [vocabulary]."""
        token = self._best(logits)
        if token not in self._stop_ids:
            self._say(self._document.token_bytes(token))
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
        return int(likely[0])  # a document without words

    def _rule(self) -> Callable[[int], bool] | None:
        """Which tokens may come next; None if all may."""
        if len(self._line) >= len(_IN) and any(n.startswith(self._line) for n in self._named):
            return self._names
        quotation = self._quotation()
        return None if quotation is None else partial(self._goes_on, quotation)

    def _names(self, token: int) -> bool:
        """Whether the line still names one of the files, and does not end before that."""
        if token in self._stop_ids:
            return self._line in self._named
        said = self._document.token_bytes(token)
        words, line_end, _ = said.partition(_LINE_END)
        line = self._line + words
        if line_end:
            return line in self._named
        return bool(said) and any(named.startswith(line) for named in self._named)

    def _quotation(self) -> bytes | None:
        """What was quoted so far, with the blank before its first word; None outside of one."""
        if self._code_lines is not None:
            inside = self._code_lines == 0 and not self._line.startswith(b"`")
            return _BLANK + self._line if inside else None
        return self._line[len(_QUOTE) :] if self._line.startswith(_QUOTE) else None

    def _goes_on(self, quotation: bytes, token: int) -> bool:
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
        """After a whole word, that is."""
        if not self._places:  # not begun, or the document had no words
            return bool(quotation.strip())
        return any(self._document.is_whole(place + len(quotation)) for place in self._places)

    def _following(self, quotation: bytes, words: bytes) -> Iterator[int]:
        """The places of the quotation that `words` come next at."""
        if self._places is None:
            wanted = quotation + words
            begins = wanted.startswith(_BLANK) and wanted.strip()
            return self._new_places(wanted) if begins else iter(())
        document, at = self._document.words, len(quotation)
        return (place for place in self._places if document.startswith(words, place + at))

    def _say(self, said: bytes) -> None:
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
        """Where the document has it, without what was told before."""
        told = self._told if self._code_lines is None else frozenset()
        return (place for place in _all_places(self._document.words, wanted) if place not in told)

    def _end_line(self) -> None:
        self._named = frozenset()
        ends = {place: place + len(self._quotation() or b"") for place in self._places or ()}
        whole = [place for place, end in ends.items() if self._document.is_whole(end)]
        if self._code_lines is None:
            self._told.update(whole)
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
    """Where the lines end in the words of a text that begin at `start`, with a blank."""
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
