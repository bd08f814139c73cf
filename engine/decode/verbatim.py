"""Quotations that stand word for word in the document, by choosing among tokens that do.

A small reader finds the passage, and may still slip while it writes it down: a word of another
sentence, or a loop.  Here each token of a quotation is the most likely one of those that go on
with some place in the document.  What is not a quotation is chosen freely.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from torch import Tensor

_TRIED = 64  # most likely tokens, before all are
_BLANK, _LINE_END = b" ", b"\n"
_QUOTE, _FENCE = b">", b"```"


class VerbatimDocument:
    """The text that is quoted: its words, with single blanks between them."""

    def __init__(self, texts: Iterable[str], token_bytes: Callable[[int], bytes]) -> None:
        """`texts` are the document's files, out of which no quotation leads; `token_bytes` gives
        the bytes of a token, none for special ones."""
        self.words = "\n".join(f" {' '.join(text.split())} " for text in texts).encode()
        self.token_bytes = token_bytes

    def chooser(self, stop_ids: Collection[int]) -> VerbatimChoice:
        """For one answer."""
        return VerbatimChoice(self, stop_ids)


class VerbatimChoice:
    """Greedy, but for what would make a quotation that is not in the document.

    Quotations are the lines of Markdown block quotes, and the first line of each fenced code
    block.  They begin with a word of the document and end where the model ends them.
    """

    def __init__(self, document: VerbatimDocument, stop_ids: Collection[int]) -> None:
        self._document = document
        self._stop_ids = stop_ids
        self._line = b""  # what was said since the last line end
        self._code_lines: int | None = None  # of the fenced block that is open
        self._places: list[int] | None = None  # where the quotation so far stands

    def __call__(self, logits: Tensor) -> int:
        """The token to say next, from logits [vocabulary]."""
        token = self._best(logits)
        if token not in self._stop_ids:
            self._say(self._document.token_bytes(token))
        return token

    def _best(self, logits: Tensor) -> int:
        quotation = self._quotation()
        if quotation is None:
            return int(logits.argmax())
        likely = logits.topk(min(_TRIED, logits.numel())).indices.tolist()
        for token in likely:
            if self._goes_on(quotation, token):
                return int(token)
        for token in logits.argsort(descending=True).tolist():
            if self._goes_on(quotation, token):
                return int(token)
        return int(likely[0])  # a document without words

    def _quotation(self) -> bytes | None:
        """What was quoted so far, with the blank before its first word; None outside of one."""
        if self._code_lines is not None:
            inside = self._code_lines == 0 and not self._line.startswith(b"`")
            return _BLANK + self._line if inside else None
        return self._line[len(_QUOTE) :] if self._line.startswith(_QUOTE) else None

    def _goes_on(self, quotation: bytes, token: int) -> bool:
        begun = bool(quotation.strip())
        if token in self._stop_ids:
            return begun
        said = self._document.token_bytes(token)
        words, line_end, _ = said.partition(_LINE_END)
        if not words:
            return begun and bool(line_end)
        if self._places is None:
            wanted = quotation + words
            return (
                wanted.startswith(_BLANK)
                and bool(wanted.strip())
                and wanted in self._document.words
            )
        at = len(quotation)
        return any(self._document.words.startswith(words, place + at) for place in self._places)

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
        document, at = self._document.words, len(quotation)
        if self._places is None:
            self._places = _all_places(document, quotation + words)
        else:
            self._places = [p for p in self._places if document.startswith(words, p + at)]

    def _end_line(self) -> None:
        self._places = None
        if self._line.startswith(_FENCE):
            self._code_lines = None if self._code_lines is not None else 0
        elif self._code_lines is not None:
            self._code_lines += 1


def _all_places(text: bytes, wanted: bytes) -> list[int]:
    places: list[int] = []
    at = text.find(wanted)
    while at >= 0:
        places.append(at)
        at = text.find(wanted, at + 1)
    return places
