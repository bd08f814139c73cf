"""Scores of answers, by hand-made examples and by the published rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sa_chat.engine.tokens.chat import REFUSAL
from sa_chat.engine.tools.eval.scoring import RULES, refused

TEXTS = st.text(st.sampled_from("abAB12-\n\t\x0b é"), max_size=12)
EXPECTED = st.lists(TEXTS.filter(str.strip), min_size=1, max_size=5).map(tuple)


def published(prediction: str, references: tuple[str, ...]) -> float:
    """The score of arXiv 2404.06654: the share of references in the prediction."""
    for code in range(32):
        prediction = prediction.replace(chr(code), "\n")
    found = [
        1.0 if reference.lower() in prediction.strip().lower() else 0.0 for reference in references
    ]
    return sum(found) / len(found)


@given(words=st.lists(TEXTS, max_size=8), expected=EXPECTED)
def test_all_is_the_published_rule(words: list[str], expected: tuple[str, ...]) -> None:
    for answer in ("".join(words), " ".join([*words, expected[0].upper()])):
        assert RULES["all"](answer, expected) == pytest.approx(published(answer, expected))


@pytest.mark.parametrize(
    ("rule", "answer", "expected", "score"),
    [
        ("all", "They are 1234567, 7654321.", ("1234567", "7654321", "1111111", "2222222"), 0.5),
        ("all", "the words: AARDVARK and cat", ("aardvark", "Cat"), 1.0),
        ("all", "none", ("1234567",), 0.0),
        ("both", "Ada met CHARLES in 1833.", ("ada", "Charles"), 1.0),
        ("both", "Ada met him in 1833.", ("ada", "Charles"), 0.0),
        (
            "sentence",
            '> It was "dark"\n> and cold - very.',
            ("It was “dark” and\ncold — very.",),
            1.0,
        ),
        ("sentence", "The book says: It rained  all day.", ("No.", "It rained all day."), 1.0),
        ("sentence", "It rained all night.", ("It rained all day.",), 0.0),
        ("path", "It is in `engine/base.py`.", ("engine/base.py",), 1.0),
        ("path", "See sa-chat/engine/base.py:12", ("engine/base.py",), 1.0),
        ("path", "In engine/base.pyi", ("engine/base.py",), 0.0),
        ("path", "In engine/database.py", ("base.py",), 0.0),
        ("path", "In engine/base.py.", ("engine/other.py", "engine/base.py"), 1.0),
        ("refusal", REFUSAL, (), 1.0),
        ("refusal", "The king died in 1066.", (), 0.0),
    ],
)
def test_examples(rule: str, answer: str, expected: tuple[str, ...], score: float) -> None:
    assert RULES[rule](answer, expected) == score


@pytest.mark.parametrize(
    "answer",
    [
        REFUSAL,
        "Sorry. I could not find that in the document",
        "I couldn’t find any mention of the harbour master in the text.",
        "I cannot answer this question.",
        "This information cannot be found in the document.",
        "I was unable to locate that information.",
        "The document does not mention a harbour master.",
        "The provided text of the book doesn't say who he was.",
        "The name of his horse is not mentioned.",
        "The year isn't specified.",
        "Not mentioned.",
        "That is not in the document.",
        "The price is not given in this text.",
        "There is no information about the price.",
        "The book contains no mention of him.",
        "There is nothing about it in the document.",
    ],
)
def test_refusals(answer: str) -> None:
    assert refused(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "The harbour master was Edmund Hale.",
        "He could not find his horse, and walked.",
        "The Moon does not have an atmosphere.",
        "She was not given the letter.",
        "There was no answer, so he knocked again.",
        "It is defined in engine/base.py.",
        f"{REFUSAL}\n> But this stands there.",
        f"{REFUSAL}\n```\nx = 1\n```",
        REFUSAL + " And so on and on." * 20,
    ],
)
def test_answers_are_no_refusals(answer: str) -> None:
    assert not refused(answer)
