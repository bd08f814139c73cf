"""Made-up facts, planted into real text, and what is asked about them.

Near misses are planted on purpose: the same relation of other keys, other relations of the same
key, keys that differ in one word, several values of one key.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from questions.turn import NOT_FOUND, Turn, rather_early, roughened, says
from wordings import computing as projects
from wordings import firms, people, places, things
from wordings.labels import (
    CLOSINGS,
    FOLLOW_UPS,
    FRAMES,
    LABELS,
    LINES,
    LOWERED,
    OPENINGS,
    PAIRS,
    PLURAL_QUESTIONS,
    QUESTIONS,
    SPECIAL,
    SPECIAL_QUESTION,
    SPECIAL_QUESTIONS,
    STATEMENTS,
)
from wordings.names import Names, capitalised
from wordings.relation import Relation

BANKS = (places, people, things, firms, projects)
TRAINED = tuple(r for bank in BANKS for r in bank.RELATIONS)
MOST_QUOTES = 6
HELD_OUT = tuple(r for bank in BANKS for r in bank.HELD_OUT)


@dataclass(eq=False)
class Fact:
    """A planted statement.  `relation` is None for a labelled value."""

    key: str
    value: str
    statement: str
    label: str = ""
    relation: Relation | None = None
    special: bool = False  # RULER's own wording
    place: int = -1  # in the document, once it is known


@dataclass
class Facts:
    """What was planted into one document."""

    all: list[Fact]
    names: Names
    rng: random.Random
    relations: tuple[Relation, ...]
    by_key: dict[str, list[Fact]] = field(default_factory=dict)

    def settle(self, folded: str) -> None:
        """Keeps what stands word for word in the folded document, in its order."""
        for fact in self.all:
            fact.place = folded.find(" ".join(fact.statement.split()))
        self.all = sorted((f for f in self.all if f.place >= 0), key=lambda f: f.place)
        self.by_key = {}
        for fact in self.all:
            self.by_key.setdefault(fact.key.lower(), []).append(fact)

    def turns(self) -> list[Turn]:
        """One question, or two of which the second refers to the first."""
        rng = self.rng
        kind = rng.random()
        if not self.all or kind < 0.16:
            return [self.missing()]
        fact = rather_early(self.all, rng)
        if fact.relation is None:
            return [self._labelled(fact)]
        if kind < 0.30:
            other = rng.choice(self.all)
            if other.relation is not None and other is not fact:
                return [self._pair(fact, other)]
        turns = [self._single(fact)]
        others = [f for f in self.by_key[fact.key.lower()] if f is not fact and f.relation]
        if others and rng.random() < 0.5:
            turns.append(self._follow_up(rng.choice(others)))
        return turns

    def _clause(self, relation: Relation, key: str) -> str:
        return self.rng.choice(relation.questions).format(key=key)

    def _same(self, fact: Fact) -> list[Fact]:
        """All statements of this relation or label of this key."""
        return [
            f
            for f in self.by_key[fact.key.lower()]
            if f.relation is fact.relation and f.label == fact.label
        ]

    def _single(self, fact: Fact) -> Turn:
        assert fact.relation is not None
        clause = self._clause(fact.relation, fact.key)
        question = self.rng.choice(FRAMES).format(q=clause, Q=capitalised(clause))
        return Turn(roughened(question, self.rng), says(*(f.statement for f in self._same(fact))))

    def _pair(self, fact: Fact, other: Fact) -> Turn:
        assert fact.relation is not None
        assert other.relation is not None
        q, r = self._clause(fact.relation, fact.key), self._clause(other.relation, other.key)
        question = self.rng.choice(PAIRS).format(q=q, Q=capitalised(q), r=r)
        quotes = dict.fromkeys(f.statement for g in (fact, other) for f in self._same(g))
        return Turn(roughened(question, self.rng), says(*quotes))

    def _follow_up(self, fact: Fact) -> Turn:
        assert fact.relation is not None
        q = self.rng.choice(fact.relation.follow_ups)
        bare = q.removeprefix("and ")
        question = self.rng.choice(FOLLOW_UPS).format(q=q, Q=capitalised(q), bare=bare)
        return Turn(roughened(question, self.rng), says(*(f.statement for f in self._same(fact))))

    def _labelled(self, fact: Fact) -> Turn:
        rng = self.rng
        same = self._same(fact)
        if rng.random() < 0.4:
            return self._several_keys(fact)
        return self._about_label(fact.label, [fact.key], same, fact.special)

    def _several_keys(self, fact: Fact) -> Turn:
        """The same label of up to four keys, in the order of the question."""
        rng = self.rng
        alike = [f for f in self.all if f.label == fact.label and f.special == fact.special]
        keys = list(dict.fromkeys(f.key for f in alike))
        keys = rng.sample(keys, min(len(keys), rng.choice([2, 3, 4, 4])))
        found = [f for key in keys for f in alike if f.key == key]
        while len(found) > MOST_QUOTES and len(keys) > 1:
            found = [f for f in found if f.key != keys[-1]]
            keys.pop()
        return self._about_label(fact.label, keys, found, fact.special)

    def _about_label(self, label: str, keys: list[str], found: list[Fact], special: bool) -> Turn:
        rng = self.rng
        listed = keys[0] if len(keys) == 1 else f"{', '.join(keys[:-1])}, and {keys[-1]}"
        if special and rng.random() < 0.7:
            form = SPECIAL_QUESTION if len(found) == 1 else SPECIAL_QUESTIONS
            return Turn(form.format(label=label, keys=listed), _answer(found))
        if len(keys) > 1 or (len(found) > 1 and rng.random() < 0.7) or rng.random() < 0.05:
            form = rng.choice(PLURAL_QUESTIONS)
            question = form.format(label=label, keys=listed, Keys=capitalised(listed))
        else:
            question = rng.choice(QUESTIONS).format(
                label=label, key=keys[0], Key=capitalised(keys[0])
            )
        return Turn(roughened(question, rng), _answer(found))

    def missing(self) -> Turn:
        """Asks for a fact that is not there, rather for one that is nearly there."""
        rng = self.rng
        near = rng.choice(self.all) if self.all and rng.random() < 0.75 else None
        if near is not None and near.relation is not None:
            return self._missing_of_relation(near)
        if near is not None:
            key = self._nearby(near.key)
            return self._about_label(near.label, [key], [], near.special)
        if rng.random() < 0.35:
            special = rng.random() < 0.5
            label = "number" if special else rng.choice(LABELS)
            return self._about_label(label, [self._absent("project")], [], special)
        relation = rng.choice(self.relations)
        return self._missed(relation, self._absent(relation.key))

    def _missing_of_relation(self, near: Fact) -> Turn:
        """Another key with this relation; or, rarely, another relation of this key."""
        assert near.relation is not None
        if self.rng.random() < 0.22:
            of_key = {f.relation for f in self.by_key[near.key.lower()]}
            others = [r for r in self.relations if r.key == near.relation.key and r not in of_key]
            if others:
                return self._missed(self.rng.choice(others), near.key)
        key = self._nearby(near.key) if self.rng.random() < 0.3 else self._absent(near.relation.key)
        return self._missed(near.relation, key)

    def _missed(self, relation: Relation, key: str) -> Turn:
        clause = self._clause(relation, key)
        question = self.rng.choice(FRAMES).format(q=clause, Q=capitalised(clause))
        return Turn(roughened(question, self.rng), NOT_FOUND)

    def _absent(self, kind: str) -> str:
        while (key := self.names.draw(kind)).lower() in self.by_key:
            pass
        return key

    def _nearby(self, key: str) -> str:
        """A key that differs in one word, or else another one."""
        parts = key.replace("-", " - ").split()
        words = [i for i, part in enumerate(parts) if part.isalpha() and len(part) > 3]
        if len(words) > 1:
            at = self.rng.choice(words)
            new = self.names.plain()
            parts[at] = capitalised(new) if parts[at][0].isupper() else new
            made = " ".join(parts).replace(" - ", "-")
            if made.lower() not in self.by_key:
                return made
        return self._absent("project" if "-" in key else "place")


def _answer(found: list[Fact]) -> str:
    return says(*dict.fromkeys(f.statement for f in found)) if found else NOT_FOUND


class FactMaker:
    """Makes the facts of a document."""

    def __init__(
        self, rng: random.Random, names: Names, relations: tuple[Relation, ...] = TRAINED
    ) -> None:
        self.rng, self.names, self.relations = rng, names, relations

    def make(self, count: int) -> Facts:
        made: list[Fact] = []
        while len(made) < count:
            kind = self.rng.random()
            if kind < 0.50:
                made += self._around_a_key()
            elif kind < 0.80:
                made += self._special()
            else:
                made += self._labels()
        return Facts(made[:count], self.names, self.rng, self.relations)

    def _around_a_key(self) -> list[Fact]:
        """Up to four relations of one key, and one of them of other keys."""
        rng = self.rng
        first = rng.choice(self.relations)
        key = self.names.draw(first.key)
        alike = [r for r in self.relations if r.key == first.key and r is not first]
        chosen = [first, *rng.sample(alike, min(len(alike), rng.choice([0, 0, 1, 1, 2, 3])))]
        made = [self._stated(relation, key) for relation in chosen]
        for _ in range(rng.choice([0, 0, 1, 1, 2])):
            made.append(self._stated(first, self.names.draw(first.key)))
        return made

    def _stated(self, relation: Relation, key: str) -> Fact:
        rng = self.rng
        value = self._unlike(key, relation.value)
        statement = rng.choice(relation.statements).format(key=key, value=value)
        if rng.random() < 0.15 and statement.split()[0] in LOWERED:
            opening = rng.choice([o for o in OPENINGS if o])
            statement = opening + statement[:1].lower() + statement[1:]
        return Fact(key, value, capitalised(statement), relation=relation)

    def _unlike(self, key: str, kind: str) -> str:
        """A value that neither holds the key nor stands in it."""
        while True:
            value = self.names.draw(kind)
            if value.lower() not in key.lower() and key.lower() not in value.lower():
                return value

    def _word_key(self) -> str:
        rng = self.rng
        kind = rng.random()
        if kind < 0.55:
            return f"{self.names.plain()}-{self.names.plain()}"
        if kind < 0.7:
            return self.names.project()
        return self.names.draw(rng.choice(["place", "person", "thing", "firm"]))

    def _special(self) -> list[Fact]:
        """RULER's needles: 7-digit numbers, or uuids; one to five values of one to four keys."""
        rng = self.rng
        label, draw = ("uuid", self.names.uuid) if rng.random() < 0.3 else ("number", self._seven)
        each = rng.choice([1, 1, 1, 2, 3, 4, 4, 4, 5]) if label == "number" else 1
        keys = [self._word_key() for _ in range(rng.choice([1, 2, 4, 4] if each == 1 else [1, 2]))]
        return [
            Fact(key, value, SPECIAL.format(label=label, key=key, value=value), label, special=True)
            for key in keys
            for value in (draw() for _ in range(each))
        ]

    def _seven(self) -> str:
        return self.names.digits(7)

    def _labels(self) -> list[Fact]:
        """A label of several keys, or several labels of a key, stated alike or each otherwise."""
        rng = self.rng
        labels = rng.sample(LABELS, rng.choice([1, 1, 2]))
        keys = [self._word_key() for _ in range(rng.choice([1, 2, 3]))]
        each = rng.choice([1, 1, 1, 2, 3])
        form = rng.choice(LINES) if rng.random() < 0.3 else ""
        return [
            self._labelled(form, label, key)
            for label in labels
            for key in keys
            for _ in range(each)
        ]

    def _labelled(self, form: str, label: str, key: str) -> Fact:
        rng = self.rng
        kind = rng.choice(["code", "number", "word", "place", "person", "colour"])
        value = self._unlike(key, kind)
        if form:
            statement = form.format(
                key=key,
                label=label,
                Label=capitalised(label),
                value=value,
                label_=label.replace(" ", "_"),
            )
            return Fact(key, value, statement, label)
        fill = {"label": label, "key": key, "Key": capitalised(key), "value": value}
        statement = rng.choice(STATEMENTS).format(**fill)
        opening, closing = rng.choice(OPENINGS), rng.choice(CLOSINGS)
        if opening and statement.split()[0] in LOWERED:
            statement = opening + statement[:1].lower() + statement[1:]
        if closing and statement.endswith("."):
            statement = statement[:-1] + closing + "."
        return Fact(key, value, capitalised(statement), label)
