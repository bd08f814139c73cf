"""When an answer goes in circles, and when it only seems to."""

import random

import pytest

from sa_chat.engine.runtime.repetition import RepetitionGuard


def end_of(tokens):
    """After how many tokens the guard speaks, and how many it keeps; None where it never does."""
    guard = RepetitionGuard()
    for count, token in enumerate(tokens, 1):
        kept = guard.feed(token)
        if kept is not None:
            return count, kept
    return None


def slowly(tokens):
    """The same by its definition."""
    for count in range(1, len(tokens) + 1):
        for period in range(1, min(512, count) + 1):
            equal = 0
            while equal + period < count and (
                tokens[count - 1 - equal] == tokens[count - 1 - equal - period]
            ):
                equal += 1
            if equal + period >= max(96, 3 * period):
                return count, count - equal
    return None


@pytest.mark.parametrize("period", [1, 2, 7, 31, 32, 33, 60, 170])
def test_a_passage_again_and_again_ends_the_answer(period):
    beginning = list(range(1000, 1050))
    passage = list(range(period))
    ended = end_of(beginning + 200 * passage)
    assert ended == (50 + max(96, 3 * period), 50 + period)


@pytest.mark.parametrize("seed", range(20))
def test_it_is_what_the_definition_says(seed):
    rng = random.Random(seed)
    passage = [rng.randrange(3) for _ in range(rng.randrange(1, 40))]
    noise = [rng.randrange(3) for _ in range(rng.randrange(60))]
    tokens = noise + (240 // len(passage)) * passage
    if rng.random() < 0.5:
        tokens[rng.randrange(len(tokens))] = 9
    assert end_of(tokens) == slowly(tokens)


def test_what_repeats_itself_a_little_goes_on():
    rows = [token for row in range(60) for token in (1, 2, 2, 2, 2, 1, 100 + row, 3)]  # a table
    assert end_of(rows) is None
    assert end_of(95 * [7]) is None  # a rule
    twice = [*range(400), *range(400)]
    assert end_of(twice) is None
    rng = random.Random(0)
    assert end_of([rng.randrange(50) for _ in range(2000)]) is None
