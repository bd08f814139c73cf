"""Cleaning of page texts: what goes, what is joined, and what stays."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sa_chat.engine.documents.cleaning import Page, clean_pages


def clean(*texts: str) -> list[str]:
    return clean_pages([Page(text, str(n), n) for n, text in enumerate(texts, start=1)])


def test_ligatures_and_controls() -> None:
    assert clean("e\ufb03cient \ufb02ow\x01s\tof\x07 so\u00adft") == ["efficient flows\tof soft\n"]


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("an exam-\nple of it", "an example\nof it\n"),
        ("an exam\ufffeple of it", "an example\nof it\n"),
        ("exam\u00ad\nple, more", "example,\nmore\n"),
        ("a well-\nknown one, well-known", "a well-known\none, well-known\n"),
        ("the known well. A well-\nknown one", "the known well. A well-known\none\n"),
        ("first-\nand second-hand", "first-\nand second-hand\n"),
        ("Half-\nInstalled", "Half-\nInstalled\n"),
        ("a dash -\nand more", "a dash -\nand more\n"),
        ("see UTF-\n8 and UTF-8", "see UTF-8\nand UTF-8\n"),
    ],
)
def test_divided_words(text: str, cleaned: str) -> None:
    assert clean(text) == [cleaned]


def test_the_first_running_head_stays_and_page_numbers_go() -> None:
    pages = clean(*(f"The Running Head\nbody {'abcdef'[n - 1]}\n{n}" for n in range(1, 7)))
    assert pages == ["The Running Head\nbody a\n", *(f"body {c}\n" for c in "bcdef")]


@pytest.mark.parametrize(
    "page",
    [
        "Chapter {n}\nwords of {c}",
        "Chapter\nwords of {c}",
        "return value;\n{c}\n}}",
        "a verse of {c}\nQuoth the raven: nevermore.",
        "{c} 17\n{c} 18",
    ],
)
def test_bodies_stay(page: str) -> None:
    texts = [page.format(n=n, c="abcdef"[n - 1]) for n in range(1, 7)]
    assert clean(*texts) == [f"{text}\n" for text in texts]


def test_a_table_head_on_a_few_pages_stays() -> None:
    texts = [f"body of {c}" for c in "abcdefgh"] + [f"Name Size Date\n{c}" for c in "xyz"]
    assert clean(*texts) == [f"{text}\n" for text in texts]


VERSE = "Mine eyes have seen the coming {c}\nHe is trampling out the vintage {c}\n"


@pytest.mark.parametrize(
    "page",
    [
        # Verse, and at its edge a line that is written as a sentence.
        VERSE + "Glory glory hallelujah",
        "His truth is marching on\nGlory glory hallelujah\n" + VERSE * 2,
        # A line that as many times stands within the pages.
        "start {c}\n{c}\n{c}\nGlory Glory Hallelujah\n{c}\n{c}\n{c}\nGlory Glory Hallelujah",
    ],
)
@pytest.mark.parametrize("numbered", [False, True])
def test_refrains_stay(page: str, numbered: bool) -> None:
    texts = [page.format(c=c) for c in "abcdefgh"]
    printed = [f"{text}\n{n}" if numbered else text for n, text in enumerate(texts, start=1)]
    assert clean(*printed) == [f"{text.rstrip()}\n" for text in texts]


@pytest.mark.parametrize("head", ["Songs of the Republic", "SONGS", "Songs of the Republic {n}"])
def test_running_heads_of_verse_go(head: str) -> None:
    texts = [f"{head}\n{VERSE}{n}".format(n=n, c="abcdefgh"[n - 1]) for n in range(1, 9)]
    pages = clean(*texts)
    kept = head.startswith("SONGS")  # a single word may be a chapter's
    assert sum(page.casefold().startswith("songs") for page in pages) == (8 if kept else 1)
    assert not any(re.search(r"\n\d\n$", page) for page in pages)


def test_years_that_head_the_pages_are_no_page_numbers() -> None:
    texts = [f"{1990 + n}\nwhat happened, {'abcdef'[n]}" for n in range(6)]
    assert clean(*texts) == [f"{text}\n" for text in texts]


def test_numbers_without_end_are_text() -> None:
    assert clean("9" * 5000, "x", "y") == ["9" * 5000 + "\n", "x\n", "y\n"]


@pytest.mark.timeout(30)
@pytest.mark.parametrize(("run", "end"), [("a", ""), ("a", " -"), ("a-", " -"), ("b-\n", "")])
def test_runs_without_blanks_take_linear_time(run: str, end: str) -> None:
    text = run * 100_000 + end
    (page,) = clean(text)
    assert re.sub(r"[\s-]", "", page) == re.sub(r"[\s-]", "", text)


_TEXTS = st.lists(
    st.lists(st.sampled_from(["some", "exam-", "ple", "well-", "known", "x1", "end."]))
    .map(" ".join)
    .flatmap(lambda line: st.lists(st.just(line), max_size=4).map("\n".join)),
    max_size=5,
)


@given(_TEXTS)
def test_no_letter_is_lost_where_there_are_no_heads(texts: list[str]) -> None:
    numbered = [f"start {'abcde'[n]}.\n{text}\nend." for n, text in enumerate(texts)]
    before, after = "".join(numbered), "".join(clean(*numbered))
    assert re.sub(r"[\s-]", "", after) == re.sub(r"[\s-]", "", before)


@given(st.lists(st.text(), max_size=5))
def test_any_text_keeps_its_pages(texts: list[str]) -> None:
    pages = clean(*texts)
    assert len(pages) == len(texts)
    assert not re.search("[\x00-\x08\x0b-\x1f\ufb00-\ufb06\ufffe]", "".join(pages))
