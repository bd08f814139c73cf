"""Chapters, lines and pages in and out; what stays keeps its place."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sa_chat.engine.documents import DocumentSet, OutlineEntry, Part
from sa_chat.engine.documents.choosing import choose, drop
from sa_chat.protocol.errors import DroppedPartsError, UsageError

BOOK = "Preface\np1\nOne\na\nb\nOne point one\nc\nTwo\nd\nIndex\ne\n"


def book() -> DocumentSet:
    """Chapters of a text, and a file beside it."""
    outline = (
        OutlineEntry("book.txt", 0, 0, 1),
        OutlineEntry("Preface", 1, 0, 1),
        OutlineEntry("One", 1, 0, 3),
        OutlineEntry("One point one", 2, 0, 6),
        OutlineEntry("Two", 1, 0, 8),
        OutlineEntry("Index", 1, 0, 10),
        OutlineEntry("b/other.txt", 0, 1, 1),
        OutlineEntry("Index", 1, 1, 2),
    )
    parts = (Part("book.txt", None, BOOK), Part("b/other.txt", None, "x\nIndex\ny"))
    return DocumentSet("set", parts, outline, (), 0.0)


def pages() -> DocumentSet:
    labels = enumerate("iv123", start=1)
    parts = tuple(Part("a.pdf", label, f"text {label}", 1, at) for at, label in labels)
    outline = (OutlineEntry("a.pdf", 0, 0, 1), OutlineEntry("Body", 1, 2, 1))
    return DocumentSet("a.pdf", parts, outline, (), 0.0)


def texts(documents: DocumentSet) -> list[tuple[str, int, str]]:
    return [(part.path, part.line, part.text) for part in documents.parts]


def entries(documents: DocumentSet) -> list[tuple[str, str, int]]:
    return [(e.title, documents.parts[e.part].path, e.line) for e in documents.outline]


def reasons(documents: DocumentSet) -> list[tuple[str, str]]:
    return [(item.path, item.reason) for item in documents.left_out]


def test_a_chapter_goes_with_all_below_it() -> None:
    left = choose(book(), exclude=("book.txt#One",))
    assert texts(left) == [
        ("book.txt", 1, "Preface\np1\n"),
        ("book.txt", 8, "Two\nd\nIndex\ne\n"),
        ("b/other.txt", 1, "x\nIndex\ny"),
    ]
    assert entries(left) == [
        ("book.txt", "book.txt", 1),
        ("Preface", "book.txt", 1),
        ("Two", "book.txt", 8),
        ("Index", "book.txt", 10),
        ("b/other.txt", "b/other.txt", 1),
        ("Index", "b/other.txt", 2),
    ]
    assert reasons(left) == [("book.txt", "One: excluded")]


def test_titles_are_globs_in_any_case_and_of_all_files() -> None:
    left = choose(book(), exclude=("#index",))
    assert [text for _, _, text in texts(left)] == [BOOK[: BOOK.index("Index")], "x\n"]
    left = choose(book(), exclude=("#One*",))
    assert "c\n" not in left.text()
    left = choose(book(), exclude=("b/*#*",))
    assert left.text().endswith("x\n")


def test_only_the_included_chapters_stay_and_other_files_are_untouched() -> None:
    left = choose(book(), include=("book.txt#Two", "book.txt#Preface"))
    assert texts(left) == [
        ("book.txt", 1, "Preface\np1\n"),
        ("book.txt", 8, "Two\nd\n"),
        ("b/other.txt", 1, "x\nIndex\ny"),
    ]
    assert {reason for _, reason in reasons(left)} == {"One: not included", "Index: not included"}


def test_lines_and_pages() -> None:
    left = choose(book(), exclude=("book.txt#lines 3-7", "book.txt#lines 10-"))
    assert [t for t in texts(left) if t[0] == "book.txt"] == [
        ("book.txt", 1, "Preface\np1\n"),
        ("book.txt", 8, "Two\nd\n"),
    ]
    assert reasons(left)[0] == ("book.txt", "One: excluded")  # lines 3-7 are that chapter
    left = choose(book(), include=("book.txt#lines 2",))
    assert texts(left)[0] == ("book.txt", 2, "p1\n")
    assert entries(left)[0] == ("book.txt", "book.txt", 2)
    left = choose(pages(), exclude=("#pages 2-3",))
    assert [part.page for part in left.parts] == ["i", "2", "3"]
    assert entries(left) == [("a.pdf", "a.pdf", 1), ("Body", "a.pdf", 1)]
    assert left.parts[left.outline[1].part].page == "2"
    assert reasons(left) == [("a.pdf", "page v to page 1: excluded")]


@pytest.mark.parametrize(
    ("documents", "pattern"),
    [
        (book(), "#Nowhere"),
        (book(), "missing.txt#One"),
        (book(), "book.txt#lines 0-2"),
        (book(), "book.txt#lines 5-2"),
        (book(), "book.txt#lines 12-"),
        (book(), "book.txt#lines 100-200"),
        (book(), "book.txt#lines " + "9" * 5000),
        (book(), "book.txt#pages 1-2"),
        (pages(), "#lines 1-2"),
        (pages(), "#pages 6-"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_a_pattern_that_names_nothing_is_an_error(documents: DocumentSet, pattern: str) -> None:
    with pytest.raises(UsageError) as raised:
        choose(documents, exclude=(pattern,))
    assert raised.value.hint


def test_a_range_beyond_the_end_is_told_as_far_as_there_are_lines() -> None:
    left = choose(book(), exclude=("book.txt#lines 11-100",))
    assert reasons(left) == [("book.txt", "lines 11-11: excluded")]
    left = choose(book(), include=("book.txt#lines 2-100",))
    assert reasons(left) == [("book.txt", "lines 1-1: not included")]


def test_chapters_that_begin_on_one_line() -> None:
    """The first of them has no line of its own: it cannot go alone, and stays with its line."""
    documents = pages()
    outline = (*documents.outline, OutlineEntry("Last", 1, 2, 1), OutlineEntry("End", 1, 4, 1))
    documents = replace(documents, outline=outline)
    with pytest.raises(UsageError, match="Nothing in the document matches '#Body'"):
        choose(documents, exclude=("#Body",))
    left = choose(documents, exclude=("#End",))
    assert [title for title, _, _ in entries(left)] == ["a.pdf", "Body", "Last"]
    left = choose(documents, exclude=("#Last",))
    assert [title for title, _, _ in entries(left)] == ["a.pdf", "End"]


def test_ten_thousand_chapters_take_no_time() -> None:
    count = 10_000
    text = "".join(f"{number}\n" for number in range(1, count + 1))
    outline = (
        OutlineEntry("a.txt", 0, 0, 1),
        *(OutlineEntry(f"{'even' if n % 2 else 'odd'} {n}", 1, 0, n) for n in range(1, count + 1)),
    )
    documents = DocumentSet("a", (Part("a.txt", None, text),), outline, (), 0.0)
    began = time.process_time()
    left = choose(documents, exclude=("#even*",))
    assert len(left.parts) == len(left.left_out) == count // 2
    assert len(choose(documents, include=("#even*",)).outline) == count // 2 + 1
    assert time.process_time() - began < 5.0


def test_something_must_stay() -> None:
    with pytest.raises(DroppedPartsError, match="Nothing of the document would be left"):
        drop(book(), {"book.txt": "why", "b/other.txt": "why"})


def test_keys_name_one_section_each() -> None:
    keys = [book().key(entry) for entry in book().outline]
    assert len(set(keys)) == len(keys)
    left = drop(book(), {keys[5]: "out (7 tokens)"})
    assert reasons(left) == [("book.txt", "Index: out (7 tokens)")]
    assert "Index\ny" in left.text()
    left = drop(book(), {keys[6]: "out"})
    assert reasons(left) == [("b/other.txt", "out")]
    assert [part.path for part in left.parts] == ["book.txt"]
    with pytest.raises(DroppedPartsError, match=r"no part 'book\.txt#Two@:9'"):
        drop(book(), {"book.txt#Two@:9": "out"})


@given(st.sets(st.integers(0, 7), max_size=5))
def test_every_line_that_stays_keeps_its_number(out: set[int]) -> None:
    """Lines are compared one by one with the ranges that the dropped entries had."""
    documents = book()
    outline = documents.outline
    gone: set[tuple[int, int]] = set()
    for index in out:
        entry = outline[index]
        later = [e for e in outline[index + 1 :] if e.level <= entry.level]
        end = (later[0].part, later[0].line) if later else (2, 1)
        for number, part in enumerate(documents.parts):
            for line in range(1, part.text.rstrip("\n").count("\n") + 2):
                if (entry.part, entry.line) <= (number, line) < end:
                    gone.add((number, line))
    expected = {
        (part.path, line): text
        for number, part in enumerate(documents.parts)
        for line, text in enumerate(part.text.rstrip("\n").split("\n"), start=1)
        if (number, line) not in gone
    }
    reasons = {documents.key(outline[index]): "out" for index in out}
    if not expected:
        with pytest.raises(DroppedPartsError):
            drop(documents, reasons)
        return
    left = drop(documents, reasons)
    found = {
        (part.path, part.line + offset): text
        for part in left.parts
        for offset, text in enumerate(part.text.rstrip("\n").split("\n"))
    }
    assert found == expected
    for entry in left.outline:
        part = left.parts[entry.part]
        assert part.line <= entry.line <= part.line + part.text.rstrip("\n").count("\n")
    assert sorted(left.outline, key=lambda e: (e.part, e.line)) == list(left.outline)
