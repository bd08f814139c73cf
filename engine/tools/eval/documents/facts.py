"""Invented facts about invented places, to be planted in real text.

These wordings are used for evaluation only; nothing is trained on them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Relation:
    """A statement and question about a `{key}`; `kind` is that of its `{value}`."""

    kind: str  # "name", "number" or "colour"
    question: str  # without its question mark, ready to follow ", and "
    statements: tuple[str, ...]


RELATIONS = (
    Relation(
        "name",
        "what is the harbour master of {key} called",
        (
            "Ships that call at {key} report to the harbour master, who is called {value}.",
            "When the fog lifted, {value}, harbour master of {key}, rowed out to the pilots.",
            "The harbour master of {key} signed the log in a large hand: {value}.",
        ),
    ),
    Relation(
        "name",
        "who built the lighthouse of {key}",
        (
            "A plaque by the stairs says that the lighthouse of {key} was built by {value}.",
            "It was {value} who built the lighthouse of {key}, stone upon stone, in nine summers.",
            "People in {key} still thank {value}, who built the lighthouse there.",
        ),
    ),
    Relation(
        "name",
        "who won the rowing match at {key}",
        (
            "To the surprise of the whole coast, {value} won the rowing match at {key}.",
            "The rowing match at {key} was won by {value}, half a length ahead.",
            "At {key} the winner of the rowing match, {value}, was carried home on an oar.",
        ),
    ),
    Relation(
        "name",
        "which river runs through {key}",
        (
            "Through the middle of {key} runs a slow brown river, the {value}.",
            "In spring the river {value} rises and runs through {key} as high as the doorsteps.",
            "The mills of {key} are driven by the river {value}, which runs right through it.",
        ),
    ),
    Relation(
        "number",
        "how many tiles cover the roof of the chapel of {key}",
        (
            "Exactly {value} tiles cover the roof of the chapel of {key}.",
            "The roof of the chapel of {key} is covered with {value} tiles of blue clay.",
            "After the storm they laid {value} tiles on the roof of the chapel of {key}.",
        ),
    ),
    Relation(
        "number",
        "how many books does the library of {key} own",
        (
            "After the last gift the library of {key} owns {value} books.",
            "A clerk went along the shelves of the library of {key} and counted {value} books.",
            "Of the {value} books that the library of {key} owns, few are ever lent.",
        ),
    ),
    Relation(
        "number",
        "how many sheep graze on the meadows of {key}",
        (
            "On the meadows of {key} there graze {value} sheep, by the shepherds' own count.",
            "The tax roll speaks of {value} sheep that graze on the meadows of {key}.",
            "Counting took two days: {value} sheep graze on the meadows of {key}.",
        ),
    ),
    Relation(
        "number",
        "how many barrels lie in the cellars of {key}",
        (
            "In the cellars of {key} there lie {value} barrels, most of them empty.",
            "The cellars of {key} are so deep that {value} barrels lie in them.",
            "By the cooper's chalk marks {value} barrels lie in the cellars of {key}.",
        ),
    ),
    Relation(
        "colour",
        "which colour has the seal of {key}",
        (
            "Charters of the town of {key} hang from ribbons and bear a seal in {value}.",
            "The seal of {key} is pressed in wax of a rare colour, {value}.",
            "No other town may seal in {value}, the colour of the seal of {key}.",
        ),
    ),
    Relation(
        "colour",
        "in which colour is the ferry of {key} painted",
        (
            "Every May the ferry of {key} gets a new coat of paint, always in {value}.",
            "You can tell the ferry of {key} from afar, since it is painted {value}.",
            "They had painted the ferry of {key} in {value}, and nobody complained.",
        ),
    ),
    Relation(
        "colour",
        "which colour do the guards of {key} wear",
        (
            "The guards of {key} wear {value} from head to foot, even in the heat.",
            "Cloaks in {value} are what the guards of {key} wear.",
            "A traveller knows the guards of {key} by the {value} that they wear.",
        ),
    ),
)

_ONSETS, _VOWELS, _CODAS = "bdfghjklmnprstvwz", "aaeeioou", "klmnrsx"
_TINTS = ("ashen", "dusky", "mossy", "pearly", "rusted", "smoky", "sunlit")
_COLOURS = ("apricot", "cinnabar", "mauve", "ochre", "russet", "saffron", "teal", "umber")


@dataclass(frozen=True)
class Fact:
    """A relation with invented key and value, and one of its statements."""

    relation: Relation
    key: str
    value: str
    statement: str

    @property
    def question(self) -> str:
        return self.relation.question.format(key=self.key)


class Inventor:
    """Invents facts whose keys and values do not occur in a text or in each other."""

    def __init__(self, rng: random.Random, text: str) -> None:
        self._rng = rng
        self._text = text.casefold()
        self._made: list[str] = []

    def fact(self, relation: Relation) -> Fact:
        """A new fact."""
        key, value = self._new("name"), self._new(relation.kind)
        statement = self._rng.choice(relation.statements).format(key=key, value=value)
        return Fact(relation, key, value, statement)

    def _new(self, kind: str) -> str:
        while True:
            word = self._draw(kind)
            folded = word.casefold()
            if folded not in self._text and not any(
                folded in made or made in folded for made in self._made
            ):
                self._made.append(folded)
                return word

    def _draw(self, kind: str) -> str:
        rng = self._rng
        if kind == "number":
            return str(rng.randrange(10_000, 100_000))
        if kind == "colour":
            return f"{rng.choice(_TINTS)} {rng.choice(_COLOURS)}"
        syllables = (rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(3))
        return ("".join(syllables) + rng.choice(_CODAS)).capitalize()
