"""Questions about real text that are answered by one of its sentences."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ..function_words import COMMON_WORDS
from ..prose import is_whole
from .window import Sentence

QUOTE_WORDS = (8, 40)  # least and most words of a sentence to be quoted
NEXT_WORDS = (6, 40)  # of a sentence and its successor
KEY_WORDS = 3

_WORD = re.compile(r"[^\W\d_]+")
_CONTENT = re.compile(r"(?<![\w’'])[^\W\d_]{4,}(?![\w’'])")


@dataclass(frozen=True)
class Passage:
    """A sentence that answers a question; `place` is its index in the document."""

    place: int
    question: str
    expected: str


class Passages:
    """The questions that a document allows.  Rarity and uniqueness refer to all its sentences."""

    def __init__(self, sentences: Sequence[Sentence]) -> None:
        self._sentences = sentences
        self._holding: dict[str, set[int]] = defaultdict(set)  # word in lower case -> places
        for place, sentence in enumerate(sentences):
            for word in _WORD.findall(sentence.text.lower()):
                self._holding[word].add(place)

    def quotes(self) -> list[Passage]:
        """Questions for sentences that are identified by their three rarest content words."""
        found = []
        for place, sentence in enumerate(self._sentences):
            if _is_askable(sentence, QUOTE_WORDS) and (words := self._key_words(place)):
                first, second, third = words
                question = f"Quote the sentence with the words {first}, {second} and {third}."
                found.append(Passage(place, question, sentence.text))
        return found

    def continuations(self) -> list[Passage]:
        """Questions for sentences that follow a unique sentence in the same paragraph."""
        found = []
        for place in range(1, len(self._sentences)):
            before, after = self._sentences[place - 1], self._sentences[place]
            if (
                before.paragraph == after.paragraph
                and '"' not in before.text
                and _is_askable(after, NEXT_WORDS)
                and _is_askable(before, NEXT_WORDS)
                and self._is_unique(place - 1)
            ):
                question = f'Which sentence comes directly after this one: "{before.text}"?'
                found.append(Passage(place, question, after.text))
        return found

    def _key_words(self, place: int) -> list[str]:
        """The three rarest content words of a sentence, as spelled there and in its order; none if
        it has fewer, or another sentence contains them all.  Among equally rare words the longer
        ones are taken."""
        spelled: dict[str, str] = {}
        for word in _CONTENT.findall(self._sentences[place].text):
            if word.lower() not in COMMON_WORDS:
                spelled.setdefault(word.lower(), word)
        by_rarity = sorted(spelled, key=lambda word: (len(self._holding[word]), -len(word)))
        rarest = by_rarity[:KEY_WORDS]
        if len(rarest) < KEY_WORDS:
            return []
        if set.intersection(*(self._holding[word] for word in rarest)) != {place}:
            return []
        return [spelled[word] for word in spelled if word in rarest]

    def _is_unique(self, place: int) -> bool:
        """Whether this sentence occurs nowhere else, not even as part of another one."""
        text = self._sentences[place].text
        words = _WORD.findall(text.lower())
        fewest = min((self._holding[word] for word in words), key=len)
        return all(other == place or text not in self._sentences[other].text for other in fewest)


def _is_askable(sentence: Sentence, words: tuple[int, int]) -> bool:
    return (
        not sentence.planted
        and words[0] <= len(sentence.text.split()) <= words[1]
        and is_whole(sentence.text)
    )
