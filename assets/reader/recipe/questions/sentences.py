"""The prose sentences of one context, indexed by their words, for the makers of questions."""

from __future__ import annotations

import re
from functools import cached_property

from corpus import WORD
from questions import books
from wordings.paraphrase import STOP_WORDS

SHORTEST, LONGEST = 40, 360  # characters of a sentence that is quoted
WINDOW = 6000  # where the next sentence is looked for

IS_PATTERN = re.compile(
    r"(The |An |A )?((?:[\w’'`-]+ ){0,3}?[\w’'`-]+) (is|are|was|were|means|refers to) "
    r"(?:an?|the|one|any|all|used|called|defined|known|made|to|that|what|not|simply)\b"
)


def plain(word: str) -> str:
    """Without case and the endings of possessives: the form in the index."""
    word = word.lower().strip("’'-")
    return word[:-2] if word.endswith(("’s", "'s")) else word


class Prose:
    """The prose sentences of one context, with an index from words to sentences."""

    def __init__(self, sentences: list[str], idf: dict[str, float], text: str) -> None:
        """`text` is the whole context, in which sentences and neighbours are looked up."""
        self.all = sentences
        self.idf = idf
        self.text = " ".join(text.split())
        self.lines = text.split("\n")
        self.starts = self._starts()
        self.given: set[str] = set()
        self.usable = [i for i in range(len(sentences)) if self.quotable(i)]
        self.where: dict[str, list[int]] = {}
        where = self.where
        for i, sentence in enumerate(sentences):
            for word in {plain(w) for w in WORD.findall(sentence)}:
                where.setdefault(word, []).append(i)

    def _starts(self) -> list[int]:
        """Where each sentence stands in the text; -1 where a page marker cuts it.

        The sentences come in order, so each is looked for a little behind the last one, and
        only after several misses in the whole text.
        """
        starts, last, misses = [], 0, 0
        for sentence in self.all:
            reach = last + len(sentence) + (WINDOW if len(sentence) > 24 else 200)
            at = self.text.find(sentence, last, reach)
            misses = 0 if at >= 0 else misses + 1
            if misses % 8 == 7 and len(sentence) > 24:
                at = self.text.find(sentence)
            if at >= 0:
                last = at + len(sentence)
            starts.append(at)
        return starts

    @cached_property
    def names(self) -> list[str]:
        """Names inside sentences that are not common words as well."""
        return books.names("\n".join(self.all), self.text_words)

    @cached_property
    def text_words(self) -> frozenset[str]:
        """All words of the text, as they are spelt, listings and planted facts included."""
        return frozenset(WORD.findall(self.text))

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        return frozenset(map(plain, self.text_words))

    @cached_property
    def definitions(self) -> list[int]:
        return [i for i in self.usable if IS_PATTERN.match(self.all[i])]

    @cached_property
    def speeches(self) -> list[books.Speech]:
        return books.speeches(self.all, self.usable)

    @cached_property
    def headings(self) -> list[books.Heading]:
        short = [s for s in self.all if len(s) <= 90]
        found = books.headings(dict.fromkeys([*short, *(line.strip() for line in self.lines)]))
        return [h for h in found if h.line in self.text]

    def quotable(self, i: int) -> bool:
        fits = self.starts[i] >= 0 and SHORTEST <= len(self.all[i]) <= LONGEST
        return fits and "|" not in self.all[i]  # which parts the columns of tables

    def inside(self, at: int, i: int) -> bool:
        return self.starts[i] <= at < self.starts[i] + len(self.all[i])

    def once(self, passage: str) -> bool:
        at = self.text.find(passage)
        return at >= 0 and self.text.find(passage, at + 1) < 0

    def adjacent(self, i: int) -> bool:
        """Whether sentence `i + 1` comes straight after `i` in the text."""
        if i + 1 >= len(self.all) or self.starts[i] < 0:
            return False
        return self.text.startswith(f" {self.all[i + 1]}", self.starts[i] + len(self.all[i]))

    def holding(self, words: list[str]) -> set[int]:
        """The sentences that have all the words."""
        lists = sorted((self.where.get(plain(w), ()) for w in words), key=len)
        found = set(lists[0]) if lists else set()
        return found.intersection(*lists[1:]) if found else found

    def count(self, word: str) -> int:
        return len(self.where.get(plain(word), ()))

    def rare(self, word: str) -> bool:
        return self.count(word) <= max(3, len(self.all) // 400)

    def mentions(self, name: str) -> list[int]:
        places = self.where.get(plain(name.split()[-1]), ())
        return [i for i in places if name in self.all[i]]

    def absent(self, word: str) -> bool:
        return plain(word) not in self.vocabulary

    def content(self, i: int) -> list[str]:
        """The words of sentence `i` that mean something, in its spelling and order."""
        return content_of(self.all[i])


def content_of(sentence: str) -> list[str]:
    words = (w.strip("’'-") for w in WORD.findall(sentence))
    words = (w[:-2] if w.endswith(("’s", "'s")) else w for w in words)
    return list(dict.fromkeys(w for w in words if len(w) > 2 and w.lower() not in STOP_WORDS))
