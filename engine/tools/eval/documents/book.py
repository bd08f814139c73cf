"""Trials on a window of real prose with invented facts planted far apart in it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..sizing import TokenCounter
from ..sources import Sources
from ..trial import NotEnough, Question, Trial
from .facts import RELATIONS, Fact, Inventor
from .passages import Passages
from .planting import check_far, plant
from .spread import PER_DOCUMENT, spread
from .window import Fitting, Sentence, files_of, read_around, starts_of, text_of

_ANSWER_TOKENS = 192  # enough for a sentence
_STARTS = 8  # attempts
_SPARE = 64  # sentences after the window, used to fill it up
_PROBE = (Question("quote", 0, "?", (), "sentence", answer_tokens=_ANSWER_TOKENS),)


@dataclass(frozen=True)
class _Asked:
    question: Question  # without its depth, which is not yet known
    places: tuple[int, ...]  # indices of the sentences needed; the first one defines the depth


def book_trial(
    length: int, index: int, rng: random.Random, counter: TokenCounter, sources: Sources
) -> Trial:
    """Document `index` of the tasks quote, continue, absent, fact and recall_far.

    The prose is read cyclically from a random paragraph until `length` tokens are reached within
    1 %; the last paragraph may end after any of its sentences, followed by single sentences from
    shortly after.  Raises `NotEnough` if there is less prose, or too little to ask about at all
    attempted starts.
    """
    seed = rng.getrandbits(64)
    for attempt in range(_STARTS):
        try:
            return _from_one_start(
                length, index, random.Random(f"{seed}/{attempt}"), counter, sources
            )
        except NotEnough as error:
            reason = error
    raise reason


def _from_one_start(
    length: int, index: int, rng: random.Random, counter: TokenCounter, sources: Sources
) -> Trial:
    prose = read_around(sources.paragraphs, length, rng)
    inventor = Inventor(rng, text_of(prose))
    relations = rng.sample(RELATIONS, 2 * PER_DOCUMENT)
    facts = [inventor.fact(relation) for relation in relations]
    missing = [inventor.fact(relation) for relation in rng.sample(relations, PER_DOCUMENT)]

    fitting = Fitting(length, counter)
    statements = [Sentence(fact.statement, -1, planted=True) for fact in facts]
    size = fitting.cut([*statements, *prose], _PROBE) - len(facts)
    if size == len(prose):
        tokens = fitting.tokens(prose, _PROBE) - counter.reserve_tokens(_PROBE)
        raise NotEnough(
            f"The documents have about {round(tokens, -2):,} tokens of prose; {length:,} were "
            "asked for."
        )
    prose = prose[: size + _SPARE]
    while size > 0:  # each round asks about less of the prose
        document, places = plant(facts, prose, size, rng)
        asked = [
            *_about_passages(document, size + len(facts), index, rng),
            *_about_facts(facts, places, missing, index),
        ]
        questions = [item.question for item in asked]
        cut = fitting.cut(document, questions, guess=size)
        if cut > max(max(item.places, default=0) for item in asked):
            document = fitting.fill(document[:cut], document[cut:], questions)
            check_far(document, places)
            return Trial(
                key=f"book/{length}/{index}",
                length=length,
                tokens=fitting.tokens(document, questions),
                files=files_of(document),
                questions=_with_depths(asked, document),
            )
        size = cut - len(facts)
    raise NotEnough(f"{length:,} tokens are too short for what is asked of a document.")


def _about_passages(
    document: Sequence[Sentence], size: int, index: int, rng: random.Random
) -> list[_Asked]:
    """Questions about the first `size` sentences, unambiguous in the whole document."""
    passages = Passages(document)
    found = []
    for task, candidates in (("quote", passages.quotes()), ("continue", passages.continuations())):
        inside = [passage for passage in candidates if passage.place < size]
        if len(inside) < PER_DOCUMENT:
            raise NotEnough("The documents have too few whole sentences to ask for.")
        places = [passage.place for passage in inside]
        for j, chosen in enumerate(spread(places, size, rng)):
            passage = inside[chosen]
            question = Question(
                task,
                index * PER_DOCUMENT + j,
                passage.question,
                (passage.expected,),
                "sentence",
                answer_tokens=_ANSWER_TOKENS,
            )
            found.append(_Asked(question, (passage.place,)))
    return found


def _about_facts(
    facts: Sequence[Fact], places: Sequence[int], missing: Sequence[Fact], index: int
) -> list[_Asked]:
    """Questions about single facts, alternately from the beginning and the end, about pairs of
    facts, and about missing facts.  `places` are those of `facts`."""
    found = []
    for j in range(PER_DOCUMENT):
        number = index * PER_DOCUMENT + j
        first, second = facts[2 * j : 2 * j + 2]
        at = 2 * j + j % 2
        one = Question(
            "fact",
            number,
            f"{_capitalised(facts[at].question)}?",
            (facts[at].value,),
            "all",
            answer_tokens=_ANSWER_TOKENS,
        )
        pair = Question(
            "recall_far",
            number,
            f"{_capitalised(first.question)}, and {second.question}?",
            (first.value, second.value),
            "both",
            answer_tokens=_ANSWER_TOKENS,
        )
        none = Question(
            "absent",
            number,
            f"{_capitalised(missing[j].question)}?",
            (),
            "refusal",
            answer_tokens=_ANSWER_TOKENS,
        )
        found += [
            _Asked(one, (places[at],)),
            _Asked(pair, tuple(places[2 * j : 2 * j + 2])),
            _Asked(none, ()),
        ]
    return found


def _with_depths(asked: Sequence[_Asked], document: Sequence[Sentence]) -> tuple[Question, ...]:
    starts, total = starts_of(document), len(text_of(document))
    return tuple(
        replace(item.question, depth=100 * starts[item.places[0]] / total if item.places else None)
        for item in asked
    )


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
