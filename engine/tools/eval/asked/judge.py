"""Judges answers in a model's own words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ....citations.quotes import find_quotes
from ..prose import sentences_of
from ..scoring import refused
from .words import content_words, numbers, word_f1

LEAST_WORDS = 0.5  # share of the expected content words
LEAST_QUOTE_F1 = 0.6  # of a quoted sentence with the expected one


@dataclass(frozen=True)
class Verdict:
    """What an answer has of the expected one."""

    word_recall: float  # share of the expected content words that are not in the question
    numbers_found: bool  # all the expected numbers that are not in the question
    quote_f1: float  # of the sentence, of those in the answer, that is most like the expected one

    @property
    def right(self) -> bool:
        """Whether the words and numbers say the expected, or the expected sentence is quoted."""
        said = self.word_recall >= LEAST_WORDS and self.numbers_found
        return said or self.quote_f1 >= LEAST_QUOTE_F1


def judge(
    answer: str, question: str, expected: str, sentence: str, quotes: Iterable[str] = ()
) -> Verdict:
    """Judge an answer by the content words and numbers of the expected answer, and by the sentence
    of the document that has it.

    A refusal has none of the words.

    Args:
        quotes: the answer's verified quotations; those marked in its text, and its own sentences,
            count as well.
    """
    words, wanted = key_words(expected, question), numbers(expected) - numbers(question)
    found = set() if refused(answer) else content_words(answer)
    share = len(words & found) / len(words) if words else float(bool(wanted and found))
    return Verdict(
        word_recall=share,
        numbers_found=wanted <= numbers(answer),
        quote_f1=max((word_f1(text, sentence) for text in _stated(answer, quotes)), default=0.0),
    )


def key_words(expected: str, question: str) -> set[str]:
    """The content words of the expected answer that the question does not give away."""
    return content_words(expected) - content_words(question)


def _stated(answer: str, quotes: Iterable[str]) -> Iterable[str]:
    """Whole quotations, and every single sentence of them and of the answer."""
    quoted = [*quotes, *(quote.text for quote in find_quotes(answer))]
    yield from quoted
    for text in (*quoted, *answer.replace(">", " ").split("\n\n")):
        yield from sentences_of(" ".join(text.split()))
