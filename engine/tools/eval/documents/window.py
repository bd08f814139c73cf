"""Cuts a window of requested length out of real prose."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from ..prose import sentences_of
from ..sizing import TOLERANCE, TokenCounter, largest
from ..trial import NotEnough, Question

FILE = "book.txt"
_CHARACTERS = 12  # more than the average token of prose has in any language


@dataclass(frozen=True)
class Sentence:
    """A sentence, or the text between two, with its paragraph in the document."""

    text: str
    paragraph: int
    planted: bool = False  # an invented fact


def read_around(paragraphs: Sequence[str], length: int, rng: random.Random) -> list[Sentence]:
    """The sentences from a random paragraph on, cyclically: all of them, or safely more than
    `length` tokens.  Raises `NotEnough` if there are no paragraphs."""
    if not paragraphs:
        raise NotEnough("The documents have no prose.")
    start = rng.randrange(len(paragraphs))
    found: list[Sentence] = []
    characters = 0
    for number, paragraph in enumerate((*paragraphs[start:], *paragraphs[:start])):
        if characters > _CHARACTERS * length:
            break
        characters += len(paragraph)
        found += (Sentence(text, number) for text in sentences_of(paragraph))
    return found


def starts_of(sentences: Sequence[Sentence]) -> list[int]:
    """The offset of each sentence in their `text_of`."""
    lengths = (len(_joint(sentences, place)) + len(s.text) for place, s in enumerate(sentences))
    ends = accumulate(lengths)
    return [end - len(sentence.text) for end, sentence in zip(ends, sentences, strict=True)]


def text_of(sentences: Sequence[Sentence]) -> str:
    """The text: each paragraph on a line, with blank lines between them."""
    return "".join(_joint(sentences, place) + s.text for place, s in enumerate(sentences))


def files_of(sentences: Sequence[Sentence]) -> tuple[tuple[str, str], ...]:
    """The sentences as `Trial.files`."""
    return ((FILE, text_of(sentences) + "\n"),)


@dataclass(frozen=True)
class Fitting:
    """Cuts and fills documents to `length` tokens."""

    length: int
    counter: TokenCounter

    def tokens(self, sentences: Sequence[Sentence], questions: Sequence[Question]) -> int:
        """`Trial.tokens` of these sentences and questions."""
        return self.counter.count(files_of(sentences), questions)

    def cut(
        self, sentences: Sequence[Sentence], questions: Sequence[Question], guess: int | None = None
    ) -> int:
        """The number of leading sentences that fit; `guess` is an estimate of it, if known."""

        def measure(size: int) -> int:
            return self.tokens(sentences[:size], questions)

        return largest(int, measure, self.length, most=len(sentences), guess=guess)

    def fill(
        self,
        sentences: Sequence[Sentence],
        spare: Sequence[Sentence],
        questions: Sequence[Question],
    ) -> list[Sentence]:
        """The sentences, followed by those of `spare` that still fit, until 1 % is reached.

        Raises `NotEnough` if none of them is short enough.
        """
        filled = list(sentences)
        tokens = self.tokens(filled, questions)
        for sentence in spare:
            if tokens >= self.length * (1 - TOLERANCE):
                break
            more = self.tokens([*filled, sentence], questions)
            if more <= self.length:
                filled.append(sentence)
                tokens = more
        if tokens < self.length * (1 - TOLERANCE):
            raise NotEnough(
                f"No sentence is short enough to come within {TOLERANCE:.0%} of "
                f"{self.length:,} tokens."
            )
        return filled


def _joint(sentences: Sequence[Sentence], place: int) -> str:
    """The separator before a sentence."""
    if place == 0:
        return ""
    return " " if sentences[place].paragraph == sentences[place - 1].paragraph else "\n\n"
