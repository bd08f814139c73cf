"""What in an answer counts as a quotation."""

from __future__ import annotations

import pytest

from sa_chat.engine.citations import find_quotes


@pytest.mark.parametrize(
    ("answer", "quotes"),
    [
        ("The value is 7.\n\n> The code for x is 7.", ["The code for x is 7."]),
        ("> one line\n> and its end\nafter", ["one line\nand its end"]),
        ("> first\n>\n> second", ["first", "second"]),
        (">no blank\n   > indented", ["no blank\nindented"]),
        ("`f` is defined in a.py:\n```python\ndef f(x):\n    pass\n```", ["def f(x):\n    pass"]),
        ("~~~\n> in code\n```\n~~~\nend", ["> in code\n```"]),
        ("> ```py\n> x = 1\n> ```", ["x = 1"]),
        ("```\ncut off", ["cut off"]),
        ('He says "it was a dark night" there.', ["it was a dark night"]),
        ("He says “it was\na dark night”.", ["it was\na dark night"]),
        ('The "sparse attention" and "a b c" are terms.', []),
        ('A 5" by 7" picture of four words', []),
        ('"open in one\n\nparagraph and closed in another"', []),
        ("> twice\n\ntext\n\n> twice", ["twice"]),
        ("I could not find that in the document.", []),
        (">\n> \n```\n```", []),
        ("> ...\n\n> —", []),
        ("", []),
    ],
)
def test_find_quotes(answer: str, quotes: list[str]) -> None:
    assert find_quotes(answer) == quotes
