"""Made-up facts: what answers a question about them is all that answers it."""

import random
import re

import pytest

from sa_chat.engine.tools.eval.documents.facts import RELATIONS as ASKED_BY_EVALUATION
from sa_chat.engine.tools.eval.ruler import wording

WORDS = ["table", "river", "candle", "abrasive", "orchard", "pathology", "hover", "tidy", "basin"]


def facts_of(recipe, seed, count=14):
    rng = random.Random(seed)
    made = recipe.facts.FactMaker(rng, recipe.names.Names(rng, WORDS)).make(count)
    assert len(made.all) == count
    made.settle("  ".join(fact.statement for fact in made.all))
    return made


@pytest.fixture(scope="module")
def asked(recipe):
    """(facts, turns of one question and its follow-ups), of many documents."""
    return [
        (made, made.turns())
        for made in (facts_of(recipe, seed) for seed in range(60))
        for _ in "abcde"
    ]


def quotes_of(answer):
    return re.findall(r"(?m)^> (.+)$", answer)


def test_there_are_hundreds_of_forms(recipe):
    relations = recipe.facts.TRAINED
    assert len(relations) > 100
    assert sum(len(r.statements) for r in relations) > 700
    assert sum(len(r.questions) for r in relations) > 500


def test_forms_hold_their_key_and_value_once(recipe):
    for relation in (*recipe.facts.TRAINED, *recipe.facts.HELD_OUT):
        for statement in relation.statements:
            assert statement.count("{key}") == statement.count("{value}") == 1, statement
            assert statement.endswith("."), statement
        for question in relation.questions:
            assert question.count("{key}") == 1, question
            assert not question.endswith("?"), question
        assert not any("{" in follow_up for follow_up in relation.follow_ups)
        assert relation.follow_ups


def test_held_out_forms_are_not_trained(recipe):
    trained, held_out = recipe.facts.TRAINED, recipe.facts.HELD_OUT
    for kind in ("statements", "questions"):
        one, other = (
            {form.lower() for r in rs for form in getattr(r, kind)} for rs in (trained, held_out)
        )
        assert one
        assert other
        assert one.isdisjoint(other)


def test_no_form_is_one_of_the_evaluation(recipe):
    own = {f.lower() for r in recipe.facts.TRAINED for f in (*r.statements, *r.questions)}
    own |= {form.lower() for form in recipe.labels.STATEMENTS + recipe.labels.QUESTIONS}
    nouns = ("harbour master", "lighthouse", "rowing match", "ferry", "sheep", "tiles")
    assert not [form for form in own if any(noun in form for noun in nouns)]
    theirs = {f.lower() for r in ASKED_BY_EVALUATION for f in (*r.statements, r.question)}
    assert own.isdisjoint(theirs)


def test_needles_are_worded_as_ruler_words_them(recipe):
    labels = recipe.labels
    own = labels.SPECIAL.format(label="number", key="a-b", value="7")
    assert own == wording.NEEDLE.format(kind="numbers", key="a-b", value="7")
    one = labels.SPECIAL_QUESTION.format(label="uuid", keys="a-b")
    assert one == wording.NEEDLE_QUESTION.format(kind="uuid", query="a-b")
    several = labels.SPECIAL_QUESTIONS.format(label="number", keys="a-b, and c-d")
    assert several == wording.NEEDLES_QUESTION.format(kind="numbers", query="a-b, and c-d")


def test_answers_quote_what_is_planted(recipe, asked):
    kinds = set()
    for made, turns in asked:
        statements = {fact.statement for fact in made.all}
        for turn in turns:
            quotes = quotes_of(turn.answer)
            kinds.add(min(len(quotes), 3))
            assert set(quotes) <= statements
            assert len(set(quotes)) == len(quotes)
            assert bool(quotes) == (turn.answer != recipe.turn.NOT_FOUND)
    assert kinds == {0, 1, 2, 3}


def test_all_values_of_a_key_are_quoted(recipe, asked):
    several = 0
    for made, turns in asked:
        by_statement = {fact.statement: fact for fact in made.all}
        for turn in turns:
            quoted = [by_statement[quote] for quote in quotes_of(turn.answer)]
            for fact in quoted:
                alike = [
                    f
                    for f in made.all
                    if f.key.lower() == fact.key.lower()
                    and (f.relation, f.label) == (fact.relation, fact.label)
                ]
                several += len(alike) > 1
                assert all(f in quoted for f in alike), turn
    assert several > 50


def test_follow_ups_stay_with_the_key(recipe, asked):
    pairs = 0
    for made, turns in asked:
        if len(turns) == 2:
            first, second = (
                {f.key.lower() for f in made.all if f.statement in quotes_of(turn.answer)}
                for turn in turns
            )
            assert first & second
            assert not any(key in turns[1].question.lower().split() for key in second)
            pairs += 1
    assert pairs > 10


def test_refused_questions_are_near_misses(recipe):
    near = 0
    for seed in range(40):
        made = facts_of(recipe, seed)
        for _ in range(10):
            turn = made.missing()
            assert turn.answer == recipe.turn.NOT_FOUND
            near += any(key in turn.question.lower() for key in made.by_key)
    assert near > 10


def test_a_statement_that_is_not_in_the_document_is_not_asked(recipe):
    rng = random.Random(1)
    made = recipe.facts.FactMaker(rng, recipe.names.Names(rng, WORDS)).make(8)
    kept = [fact.statement for fact in made.all[2:5]]
    made.settle(" and ".join(reversed(kept)))
    assert [fact.statement for fact in made.all] == kept[::-1]
    for _ in range(30):
        for turn in made.turns():
            assert set(quotes_of(turn.answer)) <= set(kept)
