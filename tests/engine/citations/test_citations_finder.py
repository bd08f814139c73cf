"""Quotations found in the document: exactly, folded, across pages, in pieces; or not."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sa_chat.engine.citations import CitationFinder
from sa_chat.engine.citations.folding import fold
from sa_chat.engine.documents import DocumentSet, Part
from sa_chat.protocol.values import Citation

BOOK = CitationFinder(
    DocumentSet(
        "Book",
        (
            Part(
                "b.pdf", "iv", "Preface\nIt was a dark and\nstormy night—he said—in the exam-\nple."
            ),
            Part(
                "b.pdf", "1", "The sen\u00ad\ntence “goes on” from a well-known page, and it\u2019s"
            ),
            Part("b.pdf", "2", ""),
            Part(
                "b.pdf",
                "3",
                "finished\u00a0here. The first \ufb01x costs -5 or 3\u20134 of 57 points…",
            ),
        ),
        (),
        (),
        0.0,
    )
)
CODE = CitationFinder(
    DocumentSet(
        "code",
        (
            Part("a.py", None, "class A:\n    def run(self) -> None:\n        pass\n"),
            Part(
                "b/c.py", None, "x = 1\n\n\nclass B:\n    def run(self) -> None:\n        stop()\n"
            ),
        ),
        (),
        (),
        0.0,
    )
)


@pytest.mark.parametrize(
    ("quote", "page", "line"),
    [
        ("Preface\n> It was", "iv", 1),
        ("It was a dark and\n> stormy night", "iv", 2),
        ("It was a dark and stormy night", "iv", 2),
        ("stormy night -- he said - in the example.", "iv", 3),
        ("stormy night—he said", "iv", 3),
        ("—he said—in the", "iv", 3),
        ("the exam- ple", "iv", 3),
        ('The sentence "goes on" from', "1", 1),
        ("sentence 'goes on' from", None, 0),
        ("on” from a well-known page", "1", 2),
        ("from a wellknown page", "1", 2),
        ("and it's finished here.", "1", 2),
        ("The first fix costs", "3", 1),
        ("fix costs -5 or 3-4", "3", 1),
        ("fix costs 5 or", None, 0),
        ("costs -5 or 34 of", None, 0),
        ("of 57 points...", "3", 1),
        ("or 3-4 of 5", None, 0),
        ("8 of 57 points", None, 0),
        ("7 points finished", None, 0),
        ("it was a dark and", None, 0),
        ("It was ... stormy night", None, 0),
        ("It was a ... stormy night", "iv", 2),
        ("............ 57", None, 0),
        ("It was a dark … the exam-ple [...] finished here.", "iv", 2),
        ("...stormy night...", "iv", 3),
        ("finished here ... It was a dark", None, 0),
        ('"It was a dark and stormy night."', "iv", 2),
        ("The first fix costs.", "3", 1),
        ("**It was a dark**", "iv", 2),
        ("It was a **dark** and *stormy* `night`", "iv", 2),
        ("It was a **dark ... he** said — in", "iv", 2),
        ("It was __a *dark*__ and **stormy night", "iv", 2),
        ("> It was a dark\n> > and stormy night", "iv", 2),
        ("It was a*dark", None, 0),
        ("nothing like this", None, 0),
    ],
)
def test_places(quote: str, page: str | None, line: int) -> None:
    (citation,) = BOOK.cite(f"Text.\n\n> {quote}\n")
    assert (citation.page, citation.line, citation.verified) == (page, line, line > 0)
    assert citation.path == ("b.pdf" if line else "")
    assert citation.quote == quote.replace("\n> ", "\n")


@pytest.mark.parametrize(
    ("quote", "passage"),
    [
        ("It was a dark and stormy night", "It was a dark and\nstormy night"),
        ("Preface\n> It was", "Preface\nIt was"),
        ("stormy night -- he said - in the example.", "stormy night—he said—in the exam-\nple."),
        ('The sentence "goes on" from', "The sen\u00ad\ntence “goes on” from"),
        ("and it's finished here.", "and it\u2019s\n\nfinished\u00a0here."),
        ("The first fix costs", "The first \ufb01x costs"),
        ("costs -5 or 3-4", "costs -5 or 3\u20134"),
        ("of 57 points...", "of 57 points…"),
        ("It was a ... stormy night", "It was a dark and\nstormy night"),
        (
            "in the example [...] from a well-known page",
            "in the exam-\nple.\nThe sen\u00ad\ntence “goes on” from a well-known page",
        ),
        ("...stormy night...", "stormy night"),
        ('"It was a dark and stormy night."', "It was a dark and\nstormy night"),
        ("It was a **dark** and *stormy* `night`", "It was a dark and\nstormy night"),
        ("It was a **dark ... he** said — in", "It was a dark and\nstormy night—he said—in"),
        ("nothing like this", ""),
    ],
)
def test_the_passage_is_in_the_document_s_own_words(quote: str, passage: str) -> None:
    text = "\n".join(part.text for part in BOOK.documents.parts)
    assert passage in text
    (citation,) = BOOK.cite(f"> {quote}\n")
    assert citation.passage == passage
    assert citation.verified == bool(passage)


def test_code_is_cited_in_the_file_that_the_answer_names() -> None:
    block = "```python\n    def run(self) -> None:\n```"
    assert CODE.cite(block)[0].path == "a.py"
    (citation,) = CODE.cite(f"`run` is defined in b/c.py:\n{block}")
    assert citation == Citation(
        "    def run(self) -> None:", "b/c.py", None, 5, True, "    def run(self) -> None:"
    )


def test_a_quotation_does_not_span_files() -> None:
    (citation,) = CODE.cite("> pass x = 1")
    assert not citation.verified
    (citation,) = CODE.cite("> class A: ... class B:")
    assert not citation.verified


def test_several_quotations_in_order() -> None:
    answer = '> Preface It was\n\nand "it was never said at all" and\n\n> finished here.'
    assert [c.verified for c in BOOK.cite(answer)] == [True, False, True]
    assert BOOK.cite("No quotation.") == ()


def finder_of(text: str) -> CitationFinder:
    return CitationFinder(DocumentSet("T", (Part("t.txt", None, text),), (), (), 0.0))


def test_an_ellipsis_does_not_join_what_is_far_apart() -> None:
    filler = "Nothing of note.\n"
    far = "The old keeper\n" + 2_000 * filler + "never saw land\n"
    answer = "> The old keeper … never saw land"
    assert not finder_of(far).cite(answer)[0].verified
    (citation,) = finder_of(f"{far}{20 * filler}The old keeper\nnever saw land").cite(answer)
    assert (citation.verified, citation.line) == (True, 2023)
    assert finder_of("The old keeper" + "." * 500 + "never saw land").cite(answer)[0].verified
    assert not finder_of("The old keeper" + "." * 501 + "never saw land").cite(answer)[0].verified


def test_each_piece_may_follow_any_place_of_the_one_before() -> None:
    text = "one two three" + "." * 400 + "four five six" + "." * 300 + "four five six"
    text += "." * 400 + "seven eight nine"
    (citation,) = finder_of(text).cite("> one two three … four five six … seven eight nine")
    assert not citation.verified
    (citation,) = finder_of("one two three" + text[13 + 300 :]).cite(
        "> one two three … four five six … seven eight nine"
    )
    assert citation.verified


def test_short_pieces_around_an_ellipsis_prove_nothing() -> None:
    finder = finder_of("The keeper rang the bell and never saw the ship again.")
    assert not finder.cite("> The ... again and so on")[0].verified
    assert not finder.cite("> The keeper … never saw")[0].verified
    assert finder.cite("> The keeper rang … never saw the ship")[0].verified


def test_many_pieces_are_followed() -> None:
    text = " and then ".join(f"the piece number {n}" for n in range(2_000))
    assert finder_of(text).cite("> " + text.replace(" and then ", " … "))[0].verified


def test_markers_are_markers_in_prose_only() -> None:
    finder = finder_of("def run(args, rest):\n    pass")
    assert finder.cite("> def run(*args, rest):")[0].verified
    assert not finder.cite("```\ndef run(*args, rest):\n```")[0].verified
    assert not finder.cite("> def r*un(args, rest):")[0].verified


def test_a_stopped_answer_is_held_to_its_whole_words() -> None:
    finder = finder_of("The house was full of antidisestablishmentarians.")
    stopped = "> The house was full of antidisestablishment"
    assert [c.verified for c in finder.cite(stopped)] == [False]
    (citation,) = finder.cite(stopped, finished=False)
    assert (citation.quote, citation.verified) == ("The house was full of", True)
    assert finder.cite("> The hou", finished=False) == ()
    assert [c.verified for c in finder.cite("> No house was full of x", finished=False)] == [False]


TEXT = st.text("ab5 \n-\u00ad\u2014\u200b\ufb01\u2026\u201c\u2019\u00a0é", max_size=40)


@settings(max_examples=300, deadline=None)
@given(TEXT)
def test_folding_leads_back_and_is_stable(text: str) -> None:
    folded = fold(text)
    origins = [folded.original(i) for i in range(len(folded.text))]
    assert origins == sorted(origins)
    assert all(0 <= origin < len(text) for origin in origins)
    for char, origin in zip(folded.text, origins, strict=True):
        if char.isalnum() and text[origin] != "\ufb01":
            assert text[origin] == char
    kept = [i for i, char in enumerate(text) if char.isalnum()]
    assert [o for o in dict.fromkeys(origins) if text[o].isalnum()] == kept
    assert fold(folded.text).text == folded.text


WORDS = st.lists(
    st.sampled_from(["one", "two-three", "it\u2019s", "“four”", "ﬁve", "6"]), min_size=4
)
GAPS = st.sampled_from([" ", "\n", "  \n ", "\u00a0", " \u200b"])


@settings(max_examples=100, deadline=None)
@given(WORDS, st.data())
def test_a_quotation_is_found_at_its_exact_place(words: list[str], data: st.DataObject) -> None:
    before = "".join(f"line {n}\n" for n in range(data.draw(st.integers(0, 5))))
    text = before + "START" + "".join(data.draw(GAPS) + word for word in words) + "\nEND"
    quote = " ".join(["START", *words]).replace("\u2019", "'").replace("ﬁ", "fi")
    quote = quote.replace("“", '"').replace("”", '"')
    finder = CitationFinder(DocumentSet("T", (Part("t", None, text),), (), (), 0.0))
    (citation,) = finder.cite(f"> {quote}")
    assert citation.verified
    assert citation.line == 1 + before.count("\n")
    assert citation.passage == text[len(before) : -len("\nEND")]


def test_a_long_quotation_in_a_long_text() -> None:
    rng = random.Random(7)
    words = ["".join(rng.choices("abcdefghij", k=rng.randint(2, 8))) for _ in range(5000)]
    text = "".join(rng.choice(words) + rng.choice("    \n-") for _ in range(100_000))
    finder = CitationFinder(DocumentSet("T", (Part("t", None, text),), (), (), 0.0))
    target = text[300_000 : text.index("\n", 300_400)].split(maxsplit=1)[1]
    quote = " ".join(target.split())
    found, absent = finder.cite(f"> {quote}\n\n> {quote} with an invented end\n")
    assert found.verified
    assert not absent.verified
