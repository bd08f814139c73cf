"""Questions about Python files: every answer stands in the files, and nothing else answers."""

from __future__ import annotations

import random
import re

import pytest

FIRST = '''"""Reading and writing of parcels, as the depot wants to have them."""

import json
import os.path
from shop.prices import discount_of, PriceList
from shop.far import (
    Hidden,
    discount_of as reduced,
)

PARCEL_LIMIT = 40
SIZES = {
    "small": 1,
}
doubled = 1
doubled = 2


class ParcelReader(Base):
    """Reads parcels from a stream of bytes, one after the other."""

    timeout_seconds: float = 2.5
    colour: str

    def read_parcel(self, stream, count=1):
        """
        Give the next parcel of the stream.

        def example_only():
        """
        # A broken label means that the whole parcel goes back to the sender.
        result = stream.read(count)
        if not result:
            raise EmptyStream("nothing left")
        return result

    def close(self):
        pass


def weigh_parcel(
    parcel,
    scale=None,
):
    r"""Weigh a parcel with \\ the given scale."""
    local_only = 3
    return local_only
'''
SECOND = '''import json
from shop.first import ParcelReader


def send_letter(letter): return letter


class LetterBox:
    def close(self, hard=False):
        text = """
def not_a_function():
"""
        return PriceList(text)


async def collect_letters(box, *, limit: int = 4) -> list[str]:
    """Collect all letters
    of a box."""
    # The
'''
FILES = [("shop/first.py", FIRST), ("shop/second.py", SECOND)]


@pytest.fixture
def code(recipe):
    return recipe.code.Code(FILES)


def names(places) -> set[str]:
    return {place.name for place in places}


def test_names_defined_once_are_found_and_no_others(code):
    assert names(code.defined) == {
        "PARCEL_LIMIT",
        "SIZES",
        "ParcelReader",
        "read_parcel",
        "weigh_parcel",
        "send_letter",
        "LetterBox",
        "collect_letters",
    }
    assert [[(p.path, p.line) for p in places] for places in code.several] == [
        [("shop/first.py", "doubled = 1"), ("shop/first.py", "doubled = 2")],
        [("shop/first.py", "def close(self):"), ("shop/second.py", "def close(self, hard=False):")],
    ]


def test_signatures_stand_on_one_line(code):
    assert names(code.signatures) == {
        "ParcelReader",
        "read_parcel",
        "send_letter",
        "collect_letters",
    }


def test_docstrings_are_first_lines_as_they_stand(code):
    assert {p.name: p.doc for p in code.documented} == {
        "ParcelReader": "Reads parcels from a stream of bytes, one after the other.",
        "read_parcel": "Give the next parcel of the stream.",
        "weigh_parcel": "Weigh a parcel with \\ the given scale.",
        "collect_letters": "Collect all letters",
    }


def test_imports_leave_out_names_bound_on_other_lines(code):
    imports = dict(code.imports)
    assert imports["json"] == [("shop/first.py", "import json"), ("shop/second.py", "import json")]
    assert imports["shop.prices"] == [
        ("shop/first.py", "from shop.prices import discount_of, PriceList")
    ]
    assert imports["os.path"] == [("shop/first.py", "import os.path")]
    assert len(imports["shop"]) == 3
    assert imports.keys().isdisjoint({"Hidden", "reduced", "discount_of"})


def test_an_import_over_lines_with_backslashes_hides_its_names(recipe):
    text = "from a.b import first_one, \\\n    other_one, \\\n    third_one\nother_one = 1\n"
    code = recipe.code.Code([("x.py", text)])
    assert {name for name, _ in code.imports} == {"a.b"}
    assert names(code.settings) == {"other_one"}


def test_settings_have_their_whole_value_on_the_line(code):
    assert names(code.settings) == {"PARCEL_LIMIT", "timeout_seconds"}


def test_sentences_stand_in_the_files(code):
    assert code.sentences() == [
        "Reading and writing of parcels, as the depot wants to have them.",
        "Reads parcels from a stream of bytes, one after the other.",
        "A broken label means that the whole parcel goes back to the sender.",
    ]


def test_every_answer_is_a_quotation(code):
    rng = random.Random(1)
    texts = dict(FILES)
    leads = set()
    for _ in range(3000):
        turn = code.turn(rng)
        assert not re.search(r"[\0\1{}]", turn.question)
        if turn.answer.startswith("The document says:"):
            quote = turn.answer.split("> ", 1)[1]
            assert any(quote in line for text in texts.values() for line in text.split("\n"))
            leads.add("says")
            continue
        lead, *blocks = turn.answer.split("\n\n")
        assert lead == "The code says:"
        assert 1 <= len(blocks) <= 4
        for block in blocks:
            line, path = re.fullmatch(r"```python\n(.*)\n```\nin (\S+)", block).groups()
            assert line in [stood.strip() for stood in texts[path].split("\n")]
        leads.add("code")
    assert leads == {"says", "code"}


def test_missing_names_are_nowhere_or_only_imported(code):
    rng = random.Random(2)
    assert code.only_imported == ["PriceList"]
    words = {w.lower() for _, text in FILES for w in re.findall(r"\w+", text)}
    for _ in range(1000):
        turn = code.missing(rng)
        assert turn.answer == "I could not find that in the document."
        asked = re.findall(r"`(\w+)`", turn.question)
        assert all(name.lower() not in words or name == "PriceList" for name in asked)
    near = {code.near_miss(rng) for _ in range(200)} - {None}
    assert near
    assert all(code.is_absent(name) for name in near)


def test_the_evaluations_question_is_in_no_form(recipe):
    forms = [
        form
        for value in vars(recipe.code_forms).values()
        if isinstance(value, recipe.code_forms.Forms)
        for form in value.all()
    ]
    assert len(forms) == len([form for form in forms if "[" not in form and "{n}" in form])
    assert not [
        form for form in forms if re.match(r"in (which|what) file is \{n\} d", form.lower())
    ]
    defined = {*recipe.code_forms.DEFINED.all(), *recipe.code_forms.NAMED.all()}
    assert len(defined) >= 30


def test_questions_are_the_same_from_the_same_seed(recipe):
    def run() -> list[str]:
        code, rng = recipe.code.Code(FILES), random.Random(3)
        return [turn.question for _ in range(50) for turn in (code.turn(rng), code.missing(rng))]

    assert run() == run()


def test_files_that_hold_nothing_give_no_question(recipe):
    code = recipe.code.Code([("empty.py", "x\n")])
    assert code.turn(random.Random(4)) is None
    assert code.missing(random.Random(4)).question
