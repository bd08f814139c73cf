"""Text, Markdown and source files: decoding, outline, the model's text."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pdfs import write_pdf

from sa_chat.engine.documents import DocumentSet, Part, open_documents
from sa_chat.engine.documents.decoding import NotText, decode
from sa_chat.engine.documents.readers.headings import markdown_headings, underlined_headings
from sa_chat.protocol.config import OpenOptions
from sa_chat.protocol.errors import DocumentError, UsageError


def read(*paths: Path, **options: object) -> DocumentSet:
    return open_documents(OpenOptions(tuple(map(str, paths)), **options))  # type: ignore[arg-type]


def test_a_text_file_is_one_part_with_its_words_unchanged(tmp_path: Path) -> None:
    file = tmp_path / "tale.txt"
    file.write_bytes(b"One  line\r\n\r\n  Another\xe2\x80\xa6\rend")
    documents = read(file)
    assert documents.title == "tale"
    assert documents.parts == (Part("tale.txt", None, "One  line\n\n  Another…\nend"),)
    assert documents.text() == "tale\nOne  line\n\n  Another…\nend"
    assert [(entry.title, entry.level) for entry in documents.outline] == [("tale", 0)]
    assert documents.parse_s > 0


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("né “x”".encode(), "né “x”"),
        (b"\xef\xbb\xbfhello", "hello"),
        ("né 日".encode("utf-16"), "né 日"),
        (b"\xfe\xff" + "né 日".encode("utf-16-be"), "né 日"),
        ("né".encode("utf-32"), "né"),
        (b"caf\xe9 \x93quoted\x94", "café “quoted”"),
        (b"a hole \x81 and \xe9" + b" word" * 40, "a hole \x81 and é" + " word" * 40),
        (b"form\x0cfeed \x1b[1mansi", "form\x0cfeed \x1b[1mansi"),
    ],
)
def test_encodings(data: bytes, text: str) -> None:
    assert decode(data) == text


@pytest.mark.parametrize(
    "data", [b"a\x00b", b"\xff\xfe\x00", bytes(range(1, 32)), b"\x7fELF\x02\x01\x01\x03"]
)
def test_binary_is_not_text(data: bytes) -> None:
    with pytest.raises(NotText):
        decode(data)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_utf8_comes_back_unchanged(text: str) -> None:
    assert decode(("x" + text).encode()) == "x" + text


def test_several_files_have_markers_and_open_lines_are_closed(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1")
    (tmp_path / "b.md").write_text("# Top\ntext\n")
    documents = read(tmp_path / "a.py", tmp_path / "b.md")
    assert documents.title == "a.py, b.md"
    assert documents.text() == ("a.py, b.md\n=== a.py ===\nx = 1\n=== b.md ===\n# Top\ntext\n")
    pieces = documents.pieces()
    assert [(p.part, p.about) for p in pieces] == [(None, 0), (None, 0), (0, 0), (None, 1), (1, 1)]


def test_the_same_file_given_twice_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1")
    assert len(read(tmp_path / "a.py", tmp_path).parts) == 1


def test_a_name_that_is_no_text_makes_a_title_that_is(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"bo\xffk\n\x1b[31m.txt")
    path.write_text("Call me Ishmael.")
    documents = open_documents(OpenOptions((str(path),)))
    assert documents.text().encode()
    assert "\x1b" not in documents.title
    assert "\n" not in documents.title


def test_files_of_one_name_are_shown_by_their_paths(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.txt").write_text(name)
    documents = read(tmp_path / "one/x.txt", tmp_path / "two/x.txt")
    assert len({part.path for part in documents.parts}) == 2


def test_markdown_headings() -> None:
    text = (
        "# One #\n\n```py\n# no heading\n```\n~~~\n```\n# nor this\n~~~\nTwo\n===\n\nThree\n---\n"
        "#hashtag\n- item\n---\n\n---\n### *Four*\nlong paragraph\nends here\n---\n"
    )
    found = [(h.title, h.level, h.line) for h in markdown_headings(text.split("\n"))]
    assert found == [("One", 1, 1), ("Three", 2, 13), ("*Four*", 3, 20)]


def test_underlined_headings_have_levels_by_first_use() -> None:
    text = (
        "=====\nTitle\n=====\n\nPart\n====\ntext\n\nSub\n---\n\nPart 2\n======\n\n"
        "short\n--\n\na b\nc d\n===\n"
    )
    found = [(h.title, h.level, h.line) for h in underlined_headings(text.split("\n"))]
    assert found == [("Title", 1, 1), ("Part", 2, 5), ("Sub", 3, 9), ("Part 2", 2, 12)]


def test_headings_become_the_outline(tmp_path: Path) -> None:
    file = tmp_path / "guide.md"
    file.write_text("# A\ntext\n## B\n")
    entries = [(e.title, e.level, e.part, e.line) for e in read(file).outline]
    assert entries == [("guide", 0, 0, 1), ("A", 1, 0, 1), ("B", 2, 0, 3)]


def test_progress_reaches_one_and_never_falls(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.txt").write_text(name)
    seen: list[float] = []
    open_documents(OpenOptions((str(tmp_path),)), seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.txt", b"", "is empty"),
        ("blank.md", b" \n\n", "is empty"),
        ("image.txt", b"\x89PNG\r\n\x1a\n\x00\x00", "is a binary file"),
        ("book.epub", b"PK\x03\x04\x00\x00", "is damaged: it is no complete archive"),
        ("missing.txt", None, "There is no file or folder"),
    ],
)
def test_unreadable_files(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(DocumentError, match=message) as raised:
        read(file)
    assert name in raised.value.message
    assert raised.value.hint
    assert raised.value.exit_code == 3


def test_a_path_too_long_is_a_document_error() -> None:
    with pytest.raises(DocumentError):
        read(Path("x" * 5000))


def test_no_path_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        open_documents(OpenOptions(()))


def test_pages_of_a_text_file_are_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(UsageError, match="--pages"):
        read(tmp_path / "a.txt", pages="1-2")


def test_a_heading_of_blanks_is_none() -> None:
    assert markdown_headings(["# \u3000\u2003", "# A"])[0].line == 2


def test_a_source_that_names_the_mark_of_pdf_files_is_no_pdf(tmp_path: Path) -> None:
    path = tmp_path / "reader.py"
    path.write_text('MAGIC = b"%PDF-"\n')
    (part,) = open_documents(OpenOptions((str(path),))).parts
    assert part.text == 'MAGIC = b"%PDF-"\n'
    (tmp_path / "book").write_bytes(b"\xef\xbb\xbf\n" + write_pdf([["a page"]]))
    (page,) = open_documents(OpenOptions((str(tmp_path / "book"),))).parts
    assert page.text == "a page\n"
