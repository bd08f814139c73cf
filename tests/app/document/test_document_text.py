"""The text of documents on the screen: where passages, sections and words stand in it."""

from __future__ import annotations

import sys
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sa_chat.app.document import file as document_file
from sa_chat.app.document.file import fold
from sa_chat.app.document.text import Hit, Place, Position, Span, TextIndex
from sa_chat.protocol.events import DocumentText
from sa_chat.protocol.text import clean
from sa_chat.protocol.values import Section

START = Position(0, 0, 0)


def book(*events: DocumentText) -> TextIndex:
    text = TextIndex()
    for event in events:
        text.add(event)
    return text


def pages(*texts: str, path: str = "book.pdf") -> list[DocumentText]:
    """As the engine tells them: the marker of an empty page is in the head of the next."""
    said: list[DocumentText] = []
    head, line_open = "A title\n", False
    for number, text in enumerate(texts, 1):
        head += "\n" * line_open + f"[page {number}]\n"
        line_open = False
        if text:
            said.append(DocumentText(text, False, path, str(number), 1, head))
            head, line_open = "", not text.endswith("\n")
    return said


def shown(text: TextIndex, span: Span) -> str:
    """The characters of a span, without markers."""
    rows: list[str] = []
    for index in range(span.begin.leaf, span.end.leaf + 1):
        leaf = text.leaves[index]
        stretch = span.within(index, leaf)
        assert stretch is not None
        (first_row, first), (last_row, last) = stretch
        for row, line in enumerate(leaf.text.split("\n")):
            if first_row <= row <= last_row and not leaf.is_marker(row):
                end = last if row == last_row else len(line)
                rows.append(line[first if row == first_row else 0 : end])
    return "\n".join(rows)


def located(text: TextIndex, passage: str, page: str | None, line: int, path: str) -> str:
    span = text.locate(path, page, line, passage)
    assert span is not None
    return shown(text, span)


def test_all_that_is_said_is_shown() -> None:
    events = [
        *pages("one\n", "", "three", "four\n"),
        DocumentText("def f():\n    pass\n", True, "f.py", None, 1, "=== f.py ===\n"),
    ]
    text = book(*events)
    assert text.complete
    assert [leaf.path for leaf in text.leaves] == ["book.pdf", "f.py"]
    whole = "".join(leaf.file.text[leaf.start : leaf.end] for leaf in text.leaves)
    assert whole == "".join(event.head + event.text for event in events)
    assert (
        text.leaves[0].text == "A title\n[page 1]\none\n[page 2]\n[page 3]\nthree\n[page 4]\nfour"
    )
    assert [row for row in range(8) if text.leaves[0].is_marker(row)] == [0, 1, 3, 4, 6]
    assert not TextIndex().leaves
    assert TextIndex().locate("f.py", None, 1, "pass") is None


def test_a_passage_is_found_from_its_place_on_and_then_elsewhere() -> None:
    text = book(*pages("the wheel\nthe wheel\n", "no\nthe wheel\n", "end\n"))
    first = text.locate("book.pdf", "1", 2, "the wheel")
    assert first == Span(Position(0, 3, 0), Position(0, 3, 9))
    assert text.locate("book.pdf", "2", 1, "the wheel") == Span(
        Position(0, 6, 0), Position(0, 6, 9)
    )
    assert text.locate("book.pdf", "3", 1, "wheel\nthe") == Span(
        Position(0, 2, 4), Position(0, 3, 3)
    )
    assert text.locate("book.pdf", "99", 1, "the wheel") is not None
    assert text.locate("other.pdf", "1", 1, "the wheel") is None


@pytest.mark.parametrize(
    "passage", ["The wheel", "the  wheel", "the\nwheel", "wheel.", "", " \n", "[page 2]", "A title"]
)
def test_only_the_very_characters_count(passage: str) -> None:
    text = book(*pages("one the wheel\n\nend\n", "two\n"))
    assert text.locate("book.pdf", "1", 1, passage) is None


def test_blank_lines_count_but_not_between_pages() -> None:
    text = book(*pages("one\n\ntwo", "three\n", "", "four"))
    assert text.locate("book.pdf", "1", 1, "one\ntwo") is None
    assert located(text, "one\n\ntwo", "1", 1, "book.pdf") == "one\n\ntwo"
    assert located(text, "two\nthree\n\nfour", "1", 3, "book.pdf") == "two\nthree\nfour"


def test_control_characters_and_direction_marks_move_nothing() -> None:
    dirty = "a \x1b[31mred\x1b[0m\u202e word\x00,\r\nand \u200eone\x07 more\n"
    text = book(DocumentText(dirty, True, "a.txt", None, 1, "T\x1b]0;x\x07itle\n"))
    assert text.leaves[0].text == "Title\na red word,\nand one more"
    passage = "\x1b[31mred\x1b[0m\u202e word\x00,\r\nand \u200eone"
    assert text.locate("a.txt", None, 1, passage) == Span(Position(0, 1, 2), Position(0, 2, 7))


def test_a_sequence_that_is_cut_between_stretches_is_none_of_the_text() -> None:
    text = book(
        DocumentText("red \x1b[3", False, "a.txt", None, 1, "T\n"),
        DocumentText("1mwords\nmore", False, "a.txt", None, 1),
        DocumentText(" and\nmore", True, "a.txt", None, 2),
    )
    assert text.leaves[0].text == "T\nred words\nmore and\nmore"
    assert text.place(0, 3) == Place("a.txt", None, 3)


def test_line_numbers_are_those_of_the_file() -> None:
    text = book(
        DocumentText("one\x0ctwo\nthree\r\nfour\u2028five\nsix\n", False, "a.txt", None, 1, "T\n"),
        DocumentText("nine\nten\n", True, "a.txt", None, 9),
    )
    rows = text.leaves[0].text.split("\n")
    assert rows == ["T", "one", "two", "three", "four", "five", "six", "nine", "ten"]
    lines = [text.place(0, row).line for row in range(len(rows))]
    assert lines == [1, 1, 1, 2, 3, 3, 4, 9, 10]
    for line, row in ((1, 1), (2, 3), (3, 4), (4, 6), (9, 7), (10, 8)):
        section = Section("x", "a.txt", 1, None, line, 1)
        span = text.locate_section(section)
        assert span is not None
        assert span.begin == Position(0, row, 0)
        assert span.end == Position(0, row, len(rows[row]))


def test_where_sections_begin() -> None:
    text = book(
        *pages("One\nx\n", "", "y\nTwo\n"),
        DocumentText("Three\n", False, "book.pdf", "1", 1, "[page 1]\n"),
        DocumentText("pass\n", True, "a.py", None, 1, "=== a.py ===\n"),
    )

    def row(*section: object) -> Position | None:
        span = text.locate_section(Section(*section, 1))  # type: ignore[arg-type]
        return span and span.begin

    assert row("book", "book.pdf", 0, "1", 1) == START
    assert row("One", "book.pdf", 1, "1", 1) == Position(0, 2, 0)
    assert row("Page 2", "book.pdf", 1, "2", 1) == Position(0, 4, 0)
    assert row("Two", "book.pdf", 1, "3", 2) == Position(0, 7, 0)
    assert row("Three", "book.pdf", 1, "1", 1) == Position(0, 9, 0)
    assert row("a", "a.py", 0, None, 1) == Position(1, 0, 0)
    assert row("Four", "book.pdf", 1, "4", 1) is None
    assert row("b", "b.py", 0, None, 1) is None


def test_places_of_markers_are_those_that_they_announce() -> None:
    text = book(*pages("one\n", "two\n"))
    assert [text.place(0, row) for row in (0, 1, 2, 3)] == [
        Place("book.pdf", "1", 1),
        Place("book.pdf", "1", 1),
        Place("book.pdf", "1", 1),
        Place("book.pdf", "2", 1),
    ]


def test_long_files_are_cut_at_line_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_file, "LEAF_CHARS", 40)
    lines = "".join(f"line {number} of many\n" for number in range(20))
    text = book(DocumentText(lines, True, "a.txt", None, 1, "T\n"))
    assert len(text.leaves) > 8
    assert all(len(leaf.text) <= 40 for leaf in text.leaves)
    assert "\n".join(leaf.text for leaf in text.leaves) + "\n" == "T\n" + lines
    assert [(leaf.number, leaf.total) for leaf in text.leaves][:2] == [
        (1, len(text.leaves)),
        (2, len(text.leaves)),
    ]
    for index, leaf in enumerate(text.leaves):
        for row, line in enumerate(leaf.text.split("\n")):
            if line != "T":
                assert line == f"line {text.place(index, row).line - 1} of many"
    passage = "\n".join(f"line {number} of many" for number in range(3, 12))
    assert located(text, passage, None, 4, "a.txt") == passage


@pytest.mark.parametrize("line", ["word " * 60, "x" * 300])
def test_a_line_longer_than_a_leaf_is_cut_in_itself(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_file, "LEAF_CHARS", 40)
    text = book(DocumentText(f"{line}\nend", True, "a.txt", None, 1))
    assert "".join(leaf.file.text[leaf.start : leaf.end] for leaf in text.leaves) == f"{line}\nend"
    assert all(0 < len(leaf.text) <= 40 for leaf in text.leaves)
    assert text.place(len(text.leaves) - 2, 0) == Place("a.txt", None, 1)


def test_folding_keeps_every_place() -> None:
    assert [c for c in map(chr, range(sys.maxunicode + 1)) if len(fold(c)) != 1] == []


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("ISTANBUL", "İstanbul"),
        ("istanbul", "İstanbul"),
        ("STRAẞE", "Straße"),
        ("straße in", "Straße in"),
        ("ὀδυσσεύς", "ὈΔΥΣΣΕΎΣ"),
        ("  tale   OF ", "tale of"),
        ("of the", "of\n\tthe"),
        ("the\u00a0wheel", "the wheel"),
        ("end of page", "end of\npage"),
        ("a.c", "a.c"),
    ],
)
def test_words_are_found_in_any_case_and_with_any_blanks(words: str, found: str) -> None:
    text = book(
        *pages(
            "The İstanbul and the Straße in it, ὈΔΥΣΣΕΎΣ, tale of\n\tthe wheel abc a.c\nend of",
            "page two\n",
        )
    )
    hit = text.search(words, START)
    assert hit is not None
    assert shown(text, hit.span) == found


def test_a_sharp_s_is_not_two() -> None:
    assert book(*pages("Straße")).search("strasse", START) is None


def test_search_goes_round_both_ways_and_counts() -> None:
    text = book(
        *pages("Kim and kim\n", "KIM\n"),
        DocumentText("kim = 1\n", True, "a.py", None, 1, "=== a.py\n"),
    )
    at, forwards = START, []
    for _ in range(5):
        hit = text.search("kim", at)
        assert isinstance(hit, Hit)
        forwards.append((hit.span.begin, hit.number, hit.total))
        at = hit.span.begin
    assert forwards == [
        (Position(0, 2, 0), 1, 4),
        (Position(0, 2, 8), 2, 4),
        (Position(0, 4, 0), 3, 4),
        (Position(1, 1, 0), 4, 4),
        (Position(0, 2, 0), 1, 4),
    ]
    backwards = []
    for _ in range(4):
        hit = text.search("kim", at, -1)
        assert hit is not None
        backwards.append(hit.number)
        at = hit.span.begin
    assert backwards == [4, 3, 2, 1]
    here = Position(0, 2, 8)
    numbers = [text.search("kim", here, 1, here=h) for h in (False, True)]
    assert [hit and hit.number for hit in numbers] == [3, 2]
    assert text.count("kim") == 4
    assert text.count("nobody") == text.count(" ") == 0
    assert text.search("", START) is None
    assert TextIndex().search("kim", START) is None


def test_markers_are_no_words_of_the_document() -> None:
    text = book(*pages("one\n", "two\n"))
    assert text.search("page 2", START) is None
    hit = text.search("one two", START)
    assert hit is not None
    assert shown(text, hit.span) == "one\ntwo"


def test_what_is_said_later_is_searched_too() -> None:
    text = book(DocumentText("one\n", False, "a.txt"))
    assert text.count("two") == 0
    text.add(DocumentText("two\n", True, "a.txt", None, 2))
    assert text.count("two") == 1
    assert text.place(0, 1).line == 2


TEXTS = st.text(
    st.one_of(
        st.sampled_from("ab \n\n\t\x1b[m;\x0c\r\u202e\u200eß"),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=5), st.data())
def test_any_passage_is_found_where_it_stands(texts: list[str], data: st.DataObject) -> None:
    """Joined as the engine joins pages; whole lines, since sequences may begin in a passage."""
    texts = [text.replace("\r", "") for text in texts]
    joined = "".join(text if text.endswith("\n") else f"{text}\n" for text in texts)
    starts = [0, *(at + 1 for at, char in enumerate(joined) if char == "\n")]
    begin, end = sorted(data.draw(st.tuples(st.sampled_from(starts), st.sampled_from(starts))))
    passage = joined[begin:end].strip("\n")
    wanted = clean(passage).strip("\n")
    assume(wanted.strip())
    text = book(*pages(*texts))
    span = text.locate("book.pdf", "1", 1, passage)
    assert span is not None
    found = shown(text, span)
    assert [line for line in found.split("\n") if line] == [
        line for line in wanted.split("\n") if line
    ]
    assert not any(unicodedata.category(char) == "Cc" and char not in "\n\t" for char in found)


@settings(max_examples=200, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=4), st.integers(5, 60))
def test_leaves_hold_every_row_once(texts: list[str], size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document_file, "LEAF_CHARS", size)
        text = book(*pages(*texts))
        for file in text.files:
            cuts = [*file.cuts, len(file.text)]
            assert all(0 < end - start <= size for start, end in pairwise(cuts))
            assert len(file.words) == len(file.folded) == len(file.text)
