"""Questions on prose: each is answered by just what is quoted, or by nothing."""

from __future__ import annotations

import importlib
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

RECIPE = Path(__file__).parents[2] / "assets" / "reader" / "recipe"
PACKAGES = ("questions", "wordings")
STORY = [
    "I: The Old Orchard",
    "The old clockmaker Tobias Wendel opened his dusty workshop before the sun was up.",
    "“I have never seen such a curious spring,” said Amelia, and she turned it over twice.",
    "Nobody in the street remembered when Tobias had last mended a grandfather clock.",
    "The workshop was a narrow room that smelt of oil and of forgotten winters.",
    "Every Sunday the neighbours brought pears, and Tobias paid them with small brass toys.",
    "Amelia kept the finest toy, a copper beetle, in a box under her pillow.",
    "Yesterday a stranger from Lindqvist asked for the beetle and offered silver.",
    "She refused the silver at once, for she had promised to guard the beetle.",
    "The stranger went back to Lindqvist and was never heard of again.",
    "II: A Long Winter",
    "In the end old Tobias gave the workshop to Amelia and travelled to the mountains.",
]
MANUAL = [
    "A scheduler is a program that starts other programs at fixed intervals.",
    "The configuration of the scheduler lives in a single plain-text file.",
    "Administrators can restart the daemon after they edit the configuration.",
    "Each entry names an interval, a command and the account that runs the command.",
    "The log records every failure together with its exit status and its duration.",
]


@pytest.fixture(scope="module")
def made() -> Iterator[SimpleNamespace]:
    """The modules; they do not stay importable."""

    def drop() -> dict[str, object]:
        names = [m for m in sys.modules if m.split(".")[0] in (*PACKAGES, "corpus")]
        return {name: sys.modules.pop(name) for name in names}

    hidden = drop()
    sys.path.insert(0, str(RECIPE))
    try:
        yield SimpleNamespace(
            prose=importlib.import_module("questions.prose"),
            books=importlib.import_module("questions.books"),
            paraphrase=importlib.import_module("wordings.paraphrase"),
        )
    finally:
        sys.path.remove(str(RECIPE))
        drop()
        sys.modules.update(hidden)  # type: ignore[arg-type]


def story(made: SimpleNamespace) -> SimpleNamespace:
    return made.prose.Prose(STORY, {}, "\n\n".join(STORY))


def manual(made: SimpleNamespace) -> SimpleNamespace:
    return made.prose.Prose(MANUAL, {}, "\n".join(MANUAL))


def turns(made: SimpleNamespace, count: int = 600) -> list[SimpleNamespace]:
    prose, rng = story(made), random.Random(3)
    return [turn for _ in range(count) if (turn := prose.turn(rng))]


def test_answers_are_verbatim(made: SimpleNamespace) -> None:
    text = " ".join(STORY)
    found = turns(made)
    assert len(found) > 500
    for turn in found:
        lead, *quotes = turn.answer.split("\n\n")
        assert lead in {"The document says:", "It goes on:", "First mention:", "Last mention:"}
        assert quotes
        assert all(quote[2:] in text for quote in quotes)


def test_questions_differ(made: SimpleNamespace) -> None:
    found = {turn.question for turn in turns(made)}
    assert len(found) > 400


def test_key_words_are_in_one_sentence_only(made: SimpleNamespace) -> None:
    prose, rng = story(made), random.Random(4)
    for _ in range(300):
        turn = made.prose.by_key_words(prose, 6, rng)
        if turn:
            assert turn.answer.endswith(STORY[6])
    assert prose.holding(["Tobias", "workshop"]) == {1, 11}


def test_next_and_previous(made: SimpleNamespace) -> None:
    prose, rng = story(made), random.Random(5)
    after = made.prose.next_sentence(prose, 7, rng)
    before = made.prose.previous_sentence(prose, 7, rng)
    assert STORY[7] in after.question
    assert after.answer == f"It goes on:\n\n> {STORY[8]}"
    assert STORY[8] in before.question
    assert before.answer.endswith(STORY[7])


def test_no_neighbour_across_a_page_marker(made: SimpleNamespace) -> None:
    text = f"{MANUAL[0]}\n[page 2]\n{MANUAL[1]}"
    prose = made.prose.Prose(MANUAL[:2], {}, text)
    assert made.prose.next_sentence(prose, 0, random.Random(1)) is None


def test_a_sentence_that_a_page_marker_cuts_is_not_quoted(made: SimpleNamespace) -> None:
    text = MANUAL[0].replace(" that ", "\n[page 2]\nthat ") + "\n" + MANUAL[1]
    assert made.prose.Prose(MANUAL[:2], {}, text).usable == [1]


def test_who_says(made: SimpleNamespace) -> None:
    prose = story(made)
    assert [(s.speaker, s.sentence) for s in prose.speeches] == [("Amelia", 2)]
    turn = made.books.who_says(prose, random.Random(1))
    assert turn.answer == f"The document says:\n\n> {STORY[2]}"


def test_mentions(made: SimpleNamespace) -> None:
    prose, rng = story(made), random.Random(2)
    found = {t.answer for _ in range(200) if (t := made.books.mention(prose, rng))}
    assert f"First mention:\n\n> {STORY[3]}" not in found
    assert f"Last mention:\n\n> {STORY[11]}" in found


def test_all_about_a_name(made: SimpleNamespace) -> None:
    prose, rng = story(made), random.Random(2)
    found = {t.answer for _ in range(60) if (t := made.books.all_about(prose, rng))}
    assert f"The document says:\n\n> {STORY[7]}\n\n> {STORY[9]}" in found


def test_headings(made: SimpleNamespace) -> None:
    headings = made.books.headings
    found = headings(["CHAPTER IV. The Mail", "I went to the old house."])
    assert [(h.kind, h.number) for h in found] == [("chapter", "IV")]
    assert not headings(["CHAPTER IV. The Mail", "IV: The Mail Again"])
    assert [h.title for h in headings(STORY)] == ["The Old Orchard", "A Long Winter"]
    assert not headings(["Part 2: One Thing", "Part 2: Another Thing"])


def test_missing(made: SimpleNamespace) -> None:
    here, there, rng = story(made), manual(made), random.Random(6)
    found = [t for _ in range(200) if (t := here.missing(rng, there))]
    assert len(found) > 150
    assert {t.answer for t in found} == {"I could not find that in the document."}
    assert len({t.question for t in found}) > 140


def test_near_miss_has_a_word_that_is_not_there(made: SimpleNamespace) -> None:
    here, there, rng = story(made), manual(made), random.Random(7)
    for _ in range(50):
        words = made.prose.foreign_words(here, there, 2, rng)
        assert all(word.lower() not in " ".join(STORY).lower().split() for word in words)


def test_little_text(made: SimpleNamespace) -> None:
    rng = random.Random(1)
    empty = made.prose.Prose([], {}, "")
    assert empty.turn(rng) is None
    for _ in range(50):
        empty.missing(rng, empty)


def test_other_words(made: SimpleNamespace) -> None:
    p = made.paraphrase
    assert len(p.THESAURUS.split(";")) >= 250
    assert p.synonyms("went", p.ANALYSES) == ["proceeded"]
    assert "explanation" not in p.inflections("explain", {"explains", "explained"})
    assert p.inflections("explain", {"explains", "explained"}) == ["explains", "explained"]
    assert p.inflections("creation", {"create", "created"}) == ["create", "created"]
    assert p.inflected("stop", "ing") == "stopping"
    assert p.inflected("copy", "s") == "copies"
    assert all(p.slipped("beetle", random.Random(n))[0] == "b" for n in range(20))
