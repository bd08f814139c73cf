"""What in an answer counts as a quotation."""

from __future__ import annotations

import pytest

from sa_chat.engine.citations import find_quotes
from sa_chat.engine.citations.quotes import without_cut_word


@pytest.mark.parametrize(
    ("answer", "quotes"),
    [
        ("The value is 7.\n\n> The code for x is 7.", ["The code for x is 7."]),
        ("> one full line\n> and its end\nafter", ["one full line\nand its end"]),
        ("> the first one\n>\n> the second one", ["the first one", "the second one"]),
        ("> > the first one\n> >\n> > another one", ["> the first one", "> another one"]),
        (">no blank here\n   > indented", ["no blank here\nindented"]),
        ("`f` is defined in a.py:\n```python\ndef f(x):\n    pass\n```", ["def f(x):\n    pass"]),
        ("~~~\n> this is in code\n```\n~~~\nend", ["> this is in code\n```"]),
        ("> ```py\n> x = compute(1)\n> ```", ["x = compute(1)"]),
        ("```\nit was cut off", ["it was cut off"]),
        ('He says "it was a dark night" there.', ["it was a dark night"]),
        ("He says “it was\na dark night”.", ["it was\na dark night"]),
        ('The "sparse attention" and "a b c" are terms.', []),
        ('A 5" by 7" picture of four words', []),
        ('"open in one\n\nparagraph and closed in another"', []),
        ("> it is twice\n\ntext\n\n> it is twice", ["it is twice"]),
        ("I could not find that in the document.", []),
        (">\n> \n```\n```", []),
        ("> ...\n\n> —", []),
        ("> 22\n\n> — 22 —\n\n> The end.", []),
        ("```\nx = 1\n```\n```\npass\n```", []),
        ("> a b c\n\n> incomprehensible", ["a b c", "incomprehensible"]),
        ("> 百年孤独", ["百年孤独"]),
        ("> 百年", []),
        ("", []),
    ],
)
def test_find_quotes(answer: str, quotes: list[str]) -> None:
    assert [quote.text for quote in find_quotes(answer)] == quotes


def test_code_is_known_as_code() -> None:
    answer = "> of the document\n\n```\ndef f(x):\n    pass\n```\n\n> ```\n> def longer(x):\n> ```"
    assert [quote.code for quote in find_quotes(answer)] == [False, True, True]


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ("> The antidisestablishment", "> The "),
        ("> The keeper saw it.", "> The keeper saw it."),
        ("> The well-kno", "> The "),
        ("> a price of 3.1", "> a price of "),
        ("> The **kee", "> The "),
        ("> 百年孤", "> 百年孤"),
        ("> 百年孤\ufffd", "> 百年孤"),
        ("Th", ""),
        ("", ""),
    ],
)
def test_a_stopped_answer_without_its_cut_word(answer: str, kept: str) -> None:
    assert without_cut_word(answer) == kept
