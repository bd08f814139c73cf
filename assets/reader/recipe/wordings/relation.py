"""A relation between a key and a value: how it is stated, and how it is asked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Relation:
    """`key` and `value` are kinds of words (see `names`).

    Statements are whole sentences with `{key}` and `{value}`, each once.  Questions are clauses
    that begin in lower case, have no question mark and hold `{key}` once: "who founded {key}";
    they fit "{Question}?" and "Do you know {question}?" alike as far as people mind.  Follow-ups
    are the same with a pronoun or "there" in place of the key.
    """

    key: str  # "place", "person", "thing", "firm", "project"
    value: str  # "person", "place", "number", "year", "date", "money", "colour", "word", "code"
    statements: tuple[str, ...]
    questions: tuple[str, ...]
    follow_ups: tuple[str, ...]
