"""Questions on prose: each is answered by just what is quoted, or by nothing."""

from __future__ import annotations

import random
from types import SimpleNamespace

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


def story(recipe: SimpleNamespace) -> SimpleNamespace:
    return recipe.sentences.Prose(STORY, {}, "\n\n".join(STORY))


def manual(recipe: SimpleNamespace) -> SimpleNamespace:
    return recipe.sentences.Prose(MANUAL, {}, "\n".join(MANUAL))


def turns(recipe: SimpleNamespace, count: int = 600) -> list[SimpleNamespace]:
    prose, rng = story(recipe), random.Random(3)
    return [turn for _ in range(count) if (turn := recipe.prose.turn_about(prose, rng))]


def test_answers_are_verbatim(recipe: SimpleNamespace) -> None:
    text = " ".join(STORY)
    found = turns(recipe)
    assert len(found) > 500
    for turn in found:
        lead, *quotes = turn.answer.split("\n\n")
        assert lead in {"The document says:", "It goes on:", "First mention:", "Last mention:"}
        assert quotes
        assert all(quote[2:] in text for quote in quotes)


def test_questions_differ(recipe: SimpleNamespace) -> None:
    found = {turn.question for turn in turns(recipe)}
    assert len(found) > 400


def test_key_words_are_in_one_sentence_only(recipe: SimpleNamespace) -> None:
    prose, rng = story(recipe), random.Random(4)
    for _ in range(300):
        turn = recipe.prose.by_key_words(prose, 6, rng)
        if turn:
            assert turn.answer.endswith(STORY[6])
    assert prose.holding(["Tobias", "workshop"]) == {1, 11}


def test_next_and_previous(recipe: SimpleNamespace) -> None:
    prose, rng = story(recipe), random.Random(5)
    after = recipe.prose.next_sentence(prose, 7, rng)
    before = recipe.prose.previous_sentence(prose, 7, rng)
    assert STORY[7] in after.question
    assert after.answer == f"It goes on:\n\n> {STORY[8]}"
    assert STORY[8] in before.question
    assert before.answer.endswith(STORY[7])


def test_no_neighbour_across_a_page_marker(recipe: SimpleNamespace) -> None:
    text = f"{MANUAL[0]}\n[page 2]\n{MANUAL[1]}"
    prose = recipe.sentences.Prose(MANUAL[:2], {}, text)
    assert recipe.prose.next_sentence(prose, 0, random.Random(1)) is None


def test_a_sentence_that_a_page_marker_cuts_is_not_quoted(recipe: SimpleNamespace) -> None:
    text = MANUAL[0].replace(" that ", "\n[page 2]\nthat ") + "\n" + MANUAL[1]
    assert recipe.sentences.Prose(MANUAL[:2], {}, text).usable == [1]


def test_who_says(recipe: SimpleNamespace) -> None:
    prose = story(recipe)
    assert [(s.speaker, s.sentence) for s in prose.speeches] == [("Amelia", 2)]
    turn = recipe.books.who_says(prose, random.Random(1))
    assert turn.answer == f"The document says:\n\n> {STORY[2]}"


def test_mentions(recipe: SimpleNamespace) -> None:
    prose, rng = story(recipe), random.Random(2)
    found = {t.answer for _ in range(200) if (t := recipe.books.mention(prose, rng))}
    assert f"First mention:\n\n> {STORY[3]}" not in found
    assert f"Last mention:\n\n> {STORY[11]}" in found


def test_all_about_a_name(recipe: SimpleNamespace) -> None:
    prose, rng = story(recipe), random.Random(2)
    found = {t.answer for _ in range(60) if (t := recipe.books.all_about(prose, rng))}
    assert f"The document says:\n\n> {STORY[7]}\n\n> {STORY[9]}" in found


def test_headings(recipe: SimpleNamespace) -> None:
    headings = recipe.books.headings
    found = headings(["CHAPTER IV. The Mail", "I went to the old house."])
    assert [(h.kind, h.number) for h in found] == [("chapter", "IV")]
    assert not headings(["CHAPTER IV. The Mail", "IV: The Mail Again"])
    assert [h.title for h in headings(STORY)] == ["The Old Orchard", "A Long Winter"]
    assert not headings(["Part 2: One Thing", "Part 2: Another Thing"])


def test_asked_as_people_ask(recipe: SimpleNamespace) -> None:
    """The question's words stand around the answer, and not all of them in it."""
    prose, rng = story(recipe), random.Random(8)
    found = [t for _ in range(4000) if (t := recipe.asked.asked(prose, rng.randrange(12), rng))]
    questions = {t.question for t in found}
    assert len(questions) > 100
    assert any("copper beetle" in q or "box" in q for q in questions)
    for turn in found:
        assert turn.answer.removeprefix("The document says:\n\n> ") in STORY
        assert len(turn.question) > 12
    beside = [t for t in found if "Lindqvist" in t.question and "Lindqvist" not in t.answer]
    assert beside, "a word of the sentence before or after"


def test_words_lead_to_one_place_or_to_none(recipe: SimpleNamespace) -> None:
    prose = story(recipe)
    assert recipe.asked.leads_to(prose, ["copper", "pillow", "tobias"]) == 6
    assert recipe.asked.leads_to(prose, ["tobias", "amelia"]) is None  # in many
    assert recipe.asked.leads_to(prose, ["copper", "oil", "silver"]) is None  # far apart
    assert recipe.asked.leads_to(prose, []) is None
    twice = ["Nobody came.", "Tobias hid the copper beetle under the pillow.", "It rained."]
    twice += ["Later Tobias took the copper beetle from the pillow again.", "And so on."]
    prose = recipe.sentences.Prose([*MANUAL * 8, *twice], {}, " ".join([*MANUAL * 8, *twice]))
    assert recipe.asked.leads_to(prose, ["copper", "beetle", "pillow", "tobias"]) is None


def test_purposes_and_verbs(recipe: SimpleNamespace) -> None:
    sentences = ["To remove a stuck job, use the purge command.", "The log has all failures."]
    prose = recipe.sentences.Prose([*MANUAL, *sentences], {}, "\n".join(MANUAL + sentences))
    made = {recipe.asked.how_to(prose, 5, random.Random(n))[0] for n in range(40)}
    assert "How do I remove a stuck job?" in made
    for known in (
        "According to the manual, you are on your own from here on.",
        "Thanks to the generous donation, we have a new roof on the barn.",
        "It is known to have been lost, it seems, in the great fire of that year.",
    ):
        prose = recipe.sentences.Prose([known], {}, known)
        assert not any(recipe.asked.how_to(prose, 0, random.Random(n)) for n in range(20))
    prose = story(recipe)
    found = {(v.base, v.there) for v in recipe.asked.verbs(prose, "He kept it and went off.")}
    assert found == {("keep", "kept"), ("go", "went")}
    assert recipe.asked.phrases(STORY[6]) == ["finest toy", "copper beetle", "pillow"]


def test_missing(recipe: SimpleNamespace) -> None:
    here, there, rng = story(recipe), manual(recipe), random.Random(6)
    found = [t for _ in range(200) if (t := recipe.absence.missing(here, there, rng))]
    assert len(found) > 150
    assert {t.answer for t in found} == {"I could not find that in the document."}
    assert len({t.question for t in found}) > 140


def test_near_miss_has_a_word_that_is_not_there(recipe: SimpleNamespace) -> None:
    here, there, rng = story(recipe), manual(recipe), random.Random(7)
    for _ in range(50):
        words = recipe.absence.foreign_words(here, there, 2, rng)
        assert all(word.lower() not in " ".join(STORY).lower().split() for word in words)


def test_little_text(recipe: SimpleNamespace) -> None:
    rng = random.Random(1)
    empty = recipe.sentences.Prose([], {}, "")
    assert recipe.prose.turn_about(empty, rng) is None
    for _ in range(50):
        recipe.absence.missing(empty, empty, rng)


def test_other_words(recipe: SimpleNamespace) -> None:
    p = recipe.paraphrase
    assert len(p.THESAURUS.split(";")) >= 250
    assert p.synonyms("went", p.ANALYSES) == ["proceeded"]
    assert "explanation" not in p.inflections("explain", {"explains", "explained"})
    assert p.inflections("explain", {"explains", "explained"}) == ["explains", "explained"]
    assert p.inflections("creation", {"create", "created"}) == ["create", "created"]
    assert p.inflected("stop", "ing") == "stopping"
    assert p.inflected("copy", "s") == "copies"
    assert all(p.slipped("beetle", random.Random(n))[0] == "b" for n in range(20))


def test_rather_early(recipe: SimpleNamespace) -> None:
    rng = random.Random(9)
    drawn = [recipe.turn.rather_early(range(10), rng) for _ in range(4000)]
    assert set(drawn) == set(range(10))
    assert 3.5 < sum(drawn) / len(drawn) < 3.85  # half 4.5, half 2.85


def test_roman_numerals(recipe: SimpleNamespace) -> None:
    known = {1: "I", 4: "IV", 9: "IX", 14: "XIV", 40: "XL", 49: "XLIX", 50: "L", 58: "LVIII"}
    assert {number: recipe.absence.roman(number) for number in known} == known
