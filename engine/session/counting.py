"""Documents in the model's own tokens: what there is, whether it fits, what would have to go."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter

import numpy as np

from sa_chat.protocol.config import OpenOptions
from sa_chat.protocol.events import DocumentCounted, DocumentReady, DocumentSize, DocumentText
from sa_chat.protocol.values import Drop

from ..budget import propose
from ..documents import DocumentSet
from ..documents.choosing import drop
from ..documents.pages import ranges_of
from ..tokens import Tokenizer, tokenize_documents
from ..tokens.prompt import TokenizedPrompt

TEXT_CHARS = 1 << 20  # of an event
_FITTING_ROUNDS = 4  # a cut may move the count of its neighbours by a token or two

Progress = Callable[[float], None]


@dataclass(frozen=True)
class CountedDocument:
    """Documents as tokens, and the room that there is for them."""

    prompt: TokenizedPrompt
    paths: tuple[str, ...]
    context_tokens: int
    reserve_tokens: int
    dropped_tokens: int = 0

    @property
    def documents(self) -> DocumentSet:
        return self.prompt.documents

    @property
    def size(self) -> DocumentSize:
        """Sizes and sections, from which the events are made."""
        return DocumentSize(
            title=self.documents.title,
            paths=self.paths,
            sections=self.prompt.sections,
            left_out=self.documents.left_out,
            prompt_tokens=len(self.prompt.ids),
            context_tokens=self.context_tokens,
            reserve_tokens=self.reserve_tokens,
            dropped_tokens=self.dropped_tokens,
        )

    @property
    def excess_tokens(self) -> int:
        """Too many for the context; 0 or less if the document fits."""
        return self.size.excess_tokens

    def proposal(self) -> tuple[Drop, ...]:
        """Steps by which it would fit; empty if it fits, or if nothing can be proposed."""
        return propose(self.prompt.sections, self.excess_tokens, self._tail)

    def event(self, proposal: tuple[Drop, ...] = ()) -> DocumentCounted:
        """For a document that is not read (yet)."""
        return DocumentCounted(**vars(self.size), proposal=proposal)

    def ready(self) -> DocumentReady:
        """For a document that fits."""
        return DocumentReady(**vars(self.size))

    def texts(self) -> Iterator[DocumentText]:
        """What the model reads: part by part, in events of bounded size."""
        cut = [stretch for said in self._said() for stretch in _cut(said)]
        for stretch in cut:
            yield replace(stretch, last=stretch is cut[-1])

    def _said(self) -> Iterator[DocumentText]:
        """Each part behind its markers.  A line end that a marker needs ends the text before."""
        said: DocumentText | None = None
        for about, pieces in groupby(self.documents.pieces(), attrgetter("about")):
            part, head, text = self.documents.parts[about], "", ""
            for piece in pieces:
                if piece.part is None:
                    head += piece.text
                else:
                    text = piece.text
            if said is not None:
                ends = head.startswith("\n")
                yield replace(said, text=said.text + "\n") if ends else said
                head = head.removeprefix("\n")
            said = DocumentText(text, False, part.path, part.page, part.line, head)
        if said is not None:
            yield said

    def _tail(self, path: str, tokens: int) -> Drop | None:
        """The end of a file, from a page or a line on; None if nothing would be left of it."""
        prompt, parts = self.prompt, self.documents.parts
        pieces = [i for i, p in enumerate(prompt.pieces) if i and parts[p.about].path == path]
        starts = [*prompt.piece_starts.tolist(), len(prompt.ids)]
        end = starts[pieces[-1] + 1]
        at = next(i for i in reversed(pieces) if starts[i] <= max(end - tokens, starts[pieces[0]]))
        index = prompt.pieces[at].about
        part = parts[index]
        if part.position:
            at = next(i for i in pieces if prompt.pieces[i].about == index)  # its marker
            kept = [p.position for p in parts[:index] if p.path == path]
            if not kept:
                return None
            only = all(other.path == path for other in parts)
            key = f"{path}#pages {part.position}-"
            flag = f"--pages {ranges_of(kept)}" if only else f"--exclude {shlex.quote(key)}"
            last = parts[prompt.pieces[pieces[-1]].about]
            name = f"pages {part.page} to {last.page}"
            return Drop(name, "the end", end - starts[at], flag, (key,))
        offsets = prompt.starts[at]
        inside = min(max(end - tokens - starts[at], 0), len(offsets) - 1)
        line_start = part.text.rfind("\n", 0, int(offsets[inside])) + 1
        first_text = next(i for i in pieces if prompt.pieces[i].part is not None)
        if at < first_text or (at == first_text and line_start == 0):
            return None
        line = part.line + part.text.count("\n", 0, line_start)
        freed = end - starts[at] - int(np.searchsorted(offsets, line_start))
        key = f"{path}#lines {line}-"
        name = f"{path} from line {line:,} on"
        return Drop(name, "the end", freed, f"--exclude {shlex.quote(key)}", (key,))


def _cut(said: DocumentText) -> Iterator[DocumentText]:
    line, head = said.line, said.head
    for start in range(0, len(said.text) or 1, TEXT_CHARS):
        text = said.text[start : start + TEXT_CHARS]
        yield replace(said, text=text, line=line, head=head)
        line, head = line + text.count("\n"), ""


def count(
    documents: DocumentSet,
    options: OpenOptions,
    tokenizer: Tokenizer,
    context_tokens: int,
    reserve_tokens: int,
    on_progress: Progress | None = None,
) -> CountedDocument:
    """All of the documents but `options.drop`.  Raises `UsageError` for a part that is not
    there."""
    prompt = tokenize_documents(documents, tokenizer, on_progress)
    counted = CountedDocument(prompt, options.paths, context_tokens, reserve_tokens)
    return without(counted, options.drop, "left out by choice", tokenizer)


def without(
    counted: CountedDocument, keys: tuple[str, ...], why: str, tokenizer: Tokenizer
) -> CountedDocument:
    """The document counted again without these parts."""
    if not keys:
        return counted
    tokens = {section.key: section.tokens for section in counted.prompt.sections}
    reasons = {key: f"{why} ({tokens[key]:,} tokens)" if key in tokens else why for key in keys}
    prompt = tokenize_documents(drop(counted.documents, reasons), tokenizer)
    prompt = replace(prompt, tokenize_s=counted.prompt.tokenize_s + prompt.tokenize_s)
    dropped = counted.dropped_tokens + len(counted.prompt.ids) - len(prompt.ids)
    return replace(counted, prompt=prompt, dropped_tokens=dropped)


def fitted(
    counted: CountedDocument, proposal: tuple[Drop, ...], tokenizer: Tokenizer
) -> CountedDocument:
    """Without what its proposal says; it may still not fit if nothing can be proposed."""
    for _ in range(_FITTING_ROUNDS):
        if not proposal:
            break
        keys = tuple(key for step in proposal for key in step.keys)
        counted = without(counted, keys, "left out to fit", tokenizer)
        proposal = counted.proposal()
    return counted
