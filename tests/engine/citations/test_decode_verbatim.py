"""Quotations that are held to the document, whatever the model would rather say."""

import random
import re
import string

import pytest
import torch

from sa_chat.engine.citations.verbatim import VerbatimDocument

WORDS = ("<stop>", ">", " ", "\n", "\n\n", ".\n\n", "```", "python", "> ", ":", ".")
CHARACTERS = tuple(string.ascii_letters + string.digits + "(),_=/äö“”")
TOKENS = (
    *WORDS,
    *CHARACTERS,
    " The",
    " cat",
    " sat",
    " dog",
    " ran",
    "The",
    "def",
    " on",
    "mat",
    "in",
    " =",
)
STOP = TOKENS.index("<stop>")
DOCUMENT = (
    ("a/tale.txt", "The cat sat on a\nmat. The dog\nran."),
    ("b/cat.py", "def  cat(x):\n    return x"),
    ("c/cat.py", "x = 5\ndef cat(x):\n    return y"),
    ("d/a\udce9.txt", "x = 55 äöä 1.5 x_y\nzwei"),
)


def token_bytes(token):
    return b"" if token == STOP else TOKENS[token].encode()


@pytest.fixture
def choose():
    return VerbatimDocument(DOCUMENT, token_bytes).chooser({STOP})


def logits_for(*wishes):
    """The first wish is the most likely one, and so on; then all others, by number."""
    logits = -torch.arange(len(TOKENS), dtype=torch.float32) - 10
    for rank, wish in enumerate(wishes):
        logits[TOKENS.index(wish)] = 10 - rank
    return logits


def said(choose, *wishes):
    return [TOKENS[choose(logits_for(*wish))] for wish in wishes]


def test_free_text_is_greedy(choose):
    assert said(choose, ["d"], [" dog"], ["\n"], ["mat"]) == ["d", " dog", "\n", "mat"]


def test_a_quotation_is_the_documents(choose):
    wishes = [[">"], ["mat", " The"], [" ran", " cat"], [" ran", " dog", " sat"], [" ran", " on"]]
    assert said(choose, *wishes) == [">", " The", " cat", " sat", " on"]


def test_it_goes_on_over_the_ends_of_lines(choose):
    assert said(choose, [">"], [" The"], [" dog"], [" cat", " ran"], [" on", ".\n\n"]) == [
        ">",
        " The",
        " dog",
        " ran",
        ".\n\n",
    ]


def test_a_quotation_begins_with_a_word(choose):
    # "at" stands inside of "cat" only; a quotation that says nothing must not end.
    assert said(choose, [">"], ["a", "\n\n", "<stop>", " cat"]) == [">", " cat"]


def test_a_quotation_ends_where_the_model_ends_it(choose):
    assert said(choose, [">"], [" The"], ["<stop>"]) == [">", " The", "<stop>"]


def test_what_comes_after_is_free_and_the_next_quotation_is_held(choose):
    first = said(choose, [">"], [" dog"], ["\n\n"], [" cat"], [" ran"], ["\n"])
    assert first == [">", " dog", "\n\n", " cat", " ran", "\n"]
    assert said(choose, [">"], [" cat"], [" ran", " sat"]) == [">", " cat", " sat"]


def test_the_first_line_of_code_is_held(choose):
    opening = said(choose, ["```"], ["python"], ["\n"])
    assert opening == ["```", "python", "\n"]
    line = [["e", "def"], [" ran", " cat"], [" ran", "("], ["y", "x"], [")"], [":"], ["\n"]]
    assert "".join(said(choose, *line)) == "def cat(x):\n"
    assert said(choose, [" ran"], ["\n"], ["```"], ["\n"]) == [" ran", "\n", "```", "\n"]
    assert said(choose, [">"], [" ran"], [" cat", "."]) == [">", " ran", "."]


def test_a_quotation_ends_with_a_whole_word(choose):
    wishes = [
        [">"],
        [" The"],
        [" cat"],
        [" "],
        ["s"],
        ["a", "<stop>"],
        ["<stop>", "\n", ".\n\n", "t"],
    ]
    assert "".join(said(choose, *wishes)) == "> The cat sat"
    assert said(choose, ["<stop>"]) == ["<stop>"]


@pytest.mark.parametrize(
    ("cut", "whole"),
    [
        *[("55", True), ("5", False), ("55 ä", False), ("55 äö", False), ("55 äöä", True)],
        *[("äöä 1", False), ("äöä 1.", False), ("äöä 1.5", True), ("1.5 x", False)],
        *[("1.5 x_", False), ("1.5 x_y", True), ("x_y zwei", True)],
    ],
)
def test_words_numbers_and_characters_are_not_cut(cut, whole):
    document = VerbatimDocument(DOCUMENT, token_bytes)
    assert document.is_whole(document.words.index(cut.encode(), 70) + len(cut.encode())) is whole


def test_no_character_is_cut():
    document = VerbatimDocument(DOCUMENT, token_bytes)
    assert not document.is_whole(document.words.index("ä".encode()) + 1)


def test_a_file_that_only_begins_the_line_alike_is_not_named(choose):
    said(choose, ["```"], ["\n"], ["x"], [" ="], [" "], ["5"], ["\n"], ["```"], ["\n"], ["in"])
    assert said(choose, [" "], ["d", "b", "c"]) == [" ", "c"]


def test_a_longer_passage_that_begins_alike_was_not_told():
    files = [("a", "cat 5 is on. cat 55 is on.")]
    choose = VerbatimDocument(files, token_bytes).chooser({STOP})
    assert "".join(said(choose, [">"], [" cat"], [" "], ["5"], ["\n"])) == "> cat 5\n"
    second = said(choose, [">"], [" cat"], [" "], ["5"], [" ", "5"], [" "])
    assert "".join(second) == "> cat 55 "


def test_no_quotation_comes_twice(choose):
    said(choose, [">"], [" The"], [" dog"], ["\n\n"], [">"])
    assert said(choose, [" The"], [" dog", " cat"], [" sat"], ["\n"]) == [
        *(" The", " cat", " sat", "\n")
    ]
    # Both places of "The" are quoted already; code may come again.
    assert said(choose, [">"], [" The", " ran"], ["\n"], ["```"], ["\n"]) == [
        *(">", " ran", "\n", "```", "\n")
    ]
    assert said(choose, ["The"], [" dog"]) == ["The", " dog"]


def test_the_file_of_code_has_its_line(choose):
    said(choose, ["```"], ["\n"], *([c] for c in ("def", " cat", "(", "x", ")", ":")), ["\n"])
    assert said(choose, ["```"], ["\n"], ["in"]) == ["```", "\n", "in"]
    # Not a/, which has no such line; and neither an end nor other words before a file is named.
    assert said(choose, ["\n", "<stop>", " dog", " "], ["a", "c"]) == [" ", "c"]
    named = said(choose, *(["\n", "<stop>", character] for character in "/cat.py"))
    assert "".join(named) == "/cat.py"
    assert said(choose, [".", "<stop>", "\n"]) == ["<stop>"]


def test_one_line_one_file(choose):
    said(choose, ["```"], ["\n"], ["x"], [" ="], ["5"], ["\n"], ["```"], ["\n"], ["in"])
    named = said(choose, *([wish] for wish in (".", "b", ".", ".", ".", "p", ".", ".", "x")))
    assert "".join(named) == " c/cat.py"
    assert said(choose, ["a", "\n"], ["in"], [" dog"]) == ["\n", "in", " dog"]


def test_other_words_behind_code_are_free(choose):
    said(choose, ["```"], ["\n"], ["def"], [" cat"], ["\n"], ["```"], ["\n"])
    assert said(choose, ["i"], ["t"], [" ran"], ["\n"], ["in"], [" dog"]) == [
        *("i", "t", " ran", "\n", "in", " dog")
    ]


def test_a_quotation_stays_in_its_file(choose):
    assert said(choose, [">"], [" ran"], ["."], [" ", "d", "\n"]) == [">", " ran", ".", " "]
    assert said(choose, ["d", "def", "\n"]) == ["\n"]


def test_a_document_without_words_does_not_hang():
    choose = VerbatimDocument((("a", " \n "),), token_bytes).chooser({STOP})
    assert said(choose, [">"], [" cat"]) == [">", " cat"]


def test_any_wishes_make_a_quotation_of_the_document():
    folded = "\n".join(f" {' '.join(text.split())} " for _, text in DOCUMENT)
    for seed in range(200):
        torch.manual_seed(seed)
        choose = VerbatimDocument(DOCUMENT, token_bytes).chooser({STOP})
        choose(logits_for(">"))
        quote, after = "", ""
        for _ in range(random.Random(seed).randint(1, 40)):
            token = TOKENS[choose(torch.randn(len(TOKENS)))]
            if token == "<stop>" or "\n" in token:
                quote += token.split("\n")[0].replace("<stop>", "")
                after = r"(?:(?<!\w)|(?!\w|[.,]\d))"  # ended by the model, so with a whole word
                break
            quote += token
        assert quote.startswith(" ")
        assert quote.strip()
        assert re.search(rf" {re.escape(quote.strip())}{after}", folded), (seed, quote)
