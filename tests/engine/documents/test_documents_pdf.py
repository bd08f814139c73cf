"""PDF files: pages, labels, outline, and everything that can be wrong with them."""

from __future__ import annotations

import io
import re
import sys
from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import psutil
import pypdf
import pypdfium2
import pytest
import typst
from pdfs import write_pdf
from PIL import Image
from pypdf.errors import DependencyError

from sa_chat.engine.documents import DocumentSet, open_documents
from sa_chat.engine.documents.pages import PageSelection, ranges_of
from sa_chat.engine.documents.readers import Source
from sa_chat.engine.documents.readers import pdf as pdf_module
from sa_chat.engine.documents.readers.pdf import PdfReader
from sa_chat.protocol.config import OpenOptions
from sa_chat.protocol.errors import DocumentError, PasswordError, UsageError

PAGES = [
    ["Preface", "Some words before."],
    [],
    ["1 The Beginning", "It was a dark night.", "More of it."],
    ["The End", "All is well."],
]
OUTLINE = [("Preface", 1, 0), ("The Beginning", 1, 2), ("The End", 2, 3)]


@pytest.fixture
def book(tmp_path: Path) -> Path:
    file = tmp_path / "book.pdf"
    file.write_bytes(write_pdf(PAGES, title="A  Book", roman_pages=2, outline=OUTLINE))
    return file


def read(file: Path, pages: str | None = None) -> DocumentSet:
    return open_documents(OpenOptions((str(file),), pages=pages))


def test_pages_keep_text_and_printed_labels(book: Path) -> None:
    documents = read(book)
    assert documents.title == "A Book"
    assert [part.page for part in documents.parts] == ["i", "ii", "1", "2"]
    assert [part.position for part in documents.parts] == [1, 2, 3, 4]
    assert documents.parts[2].text.splitlines() == PAGES[2]
    assert documents.text() == (
        "A Book\n[page i]\nPreface\nSome words before.\n[page ii]\n"
        "[page 1]\n1 The Beginning\nIt was a dark night.\nMore of it.\n"
        "[page 2]\nThe End\nAll is well.\n"
    )


def test_the_outline_points_at_the_heading_line(book: Path) -> None:
    entries = [(e.title, e.level, e.part, e.line) for e in read(book).outline]
    assert entries == [
        ("A Book", 0, 0, 1),
        ("Preface", 1, 0, 1),
        ("The Beginning", 1, 2, 1),
        ("The End", 2, 3, 1),
    ]


@pytest.mark.parametrize(
    ("lines", "title", "line"),
    [
        (["Of our methods", "more.", "2 Methods", "We measured."], "Methods", 3),
        (["about cats", "C", "cats"], "C", 2),
        (["set key", "as in plot. See key", "Key The layout of it"], "Key", 3),
        (["End of the last", "Results and their use (continued)"], "Results", 2),
        (["nothing", "of it"], "Methods", 1),
    ],
)
def test_a_heading_is_told_from_its_words_in_a_sentence(
    tmp_path: Path, lines: list[str], title: str, line: int
) -> None:
    file = tmp_path / "a.pdf"
    file.write_bytes(write_pdf([lines], outline=[(title, 1, 0)]))
    assert [e.line for e in PdfReader().read(Source(file, "a.pdf")).outline] == [line]


def test_without_title_outline_and_labels(tmp_path: Path) -> None:
    file = tmp_path / "plain.pdf"
    file.write_bytes(write_pdf([["a b"], ["c d"]]))
    documents = read(file)
    assert documents.title == "plain"
    assert [part.page for part in documents.parts] == ["1", "2"]
    assert [(e.title, e.level) for e in documents.outline] == [
        ("plain", 0),
        ("Page 1", 1),
        ("Page 2", 1),
    ]


def test_pages_are_chosen_by_position(book: Path) -> None:
    documents = read(book, "3-9,1")
    assert [part.page for part in documents.parts] == ["i", "1", "2"]
    assert [(item.path, item.reason) for item in documents.left_out] == [
        ("book.pdf", "pages 2 not chosen")
    ]
    assert [e.title for e in read(book, "4").outline] == ["A Book", "The End"]


@pytest.mark.parametrize(
    "pages",
    ["", "0", "3-1", "x", "1,,2", "-3", "1-2-3", "5", "7-", "1.5", "1-" + "9" * 5_000],
)
def test_impossible_pages(book: Path, pages: str) -> None:
    with pytest.raises(UsageError) as raised:
        read(book, pages)
    assert raised.value.exit_code == 2
    assert "--pages" in raised.value.message


def test_page_selection() -> None:
    assert PageSelection.parse(" 2 - 3, 8-").positions(10, "x") == [2, 3, 8, 9, 10]
    assert PageSelection.parse("4,4,2-4").positions(10, "x") == [2, 3, 4]
    assert ranges_of([1, 2, 3, 7, 9, 10]) == "1-3,7,9-10"


def test_a_pdf_is_known_by_its_content(tmp_path: Path) -> None:
    file = tmp_path / "download"
    file.write_bytes(write_pdf([["hello there"]]))
    assert read(file).parts[0].page == "1"


def test_password_protection(tmp_path: Path) -> None:
    file = tmp_path / "secret.pdf"
    file.write_bytes(write_pdf(PAGES, password="pw"))
    with pytest.raises(DocumentError, match=r"secret\.pdf is password-protected") as raised:
        read(file)
    assert "password" in raised.value.hint


def test_an_empty_user_password_opens(tmp_path: Path) -> None:
    file = tmp_path / "print-only.pdf"
    file.write_bytes(write_pdf(PAGES, password="pw", user_password=""))
    assert "dark night" in read(file).parts[2].text


def test_aes_without_its_package_says_what_to_install(
    book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(stream: object) -> None:
        raise DependencyError("cryptography>=3.1 is required for AES algorithm")

    monkeypatch.setattr("pypdf.PdfReader", refuse)
    with pytest.raises(DocumentError, match="encrypted with AES") as raised:
        PdfReader().read(Source(book, "book.pdf", careful=True))
    assert "pip install cryptography" in raised.value.hint


@pytest.mark.parametrize("careful", [False, True])
@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-256"])
def test_passwords(tmp_path: Path, algorithm: str, careful: bool) -> None:
    file = tmp_path / "secret.pdf"
    file.write_bytes(write_pdf(PAGES, password="pw", algorithm=algorithm))
    source = Source(file, "secret.pdf", careful=careful)
    assert "dark night" in PdfReader().read(replace(source, password="pw")).parts[2].text
    with pytest.raises(PasswordError, match="is password-protected") as raised:
        PdfReader().read(source)
    assert "SA_CHAT_PASSWORD" in raised.value.hint
    with pytest.raises(PasswordError, match=r"password for secret\.pdf is wrong"):
        PdfReader().read(replace(source, password="no"))


@pytest.mark.parametrize("careful", [False, True])
def test_both_libraries_read_the_same(book: Path, careful: bool) -> None:
    parsed = PdfReader().read(Source(book, "book.pdf", careful=careful))
    assert parsed.title == "A Book"
    assert [part.page for part in parsed.parts] == ["i", "ii", "1", "2"]
    assert parsed.parts[2].text.splitlines() == PAGES[2]
    assert [(e.title, e.level, e.part) for e in parsed.outline] == [
        ("Preface", 1, 0),
        ("The Beginning", 1, 2),
        ("The End", 2, 3),
    ]


@pytest.mark.parametrize("columns", [1, 2])
def test_a_typeset_text_is_recovered(tmp_path: Path, columns: int) -> None:
    words = re.findall(r"[^\W_]+", Path(pdf_module.__file__).read_text("utf-8") * 12)
    template = tmp_path / "book.typ"
    template.write_text(
        f'#set page(width: 148mm, height: 210mm, columns: {columns}, numbering: "1",\n'
        "header: [The Whole of the Book])\n"
        f'#set text(size: 9pt, lang: "en", hyphenate: true)\n#set par(justify: true)\n'
        + " ".join(words)
    )
    file = tmp_path / "book.pdf"
    typst.compile(template, output=file)
    parts = PdfReader().read(Source(file, "book.pdf")).parts
    found = re.findall(r"[^\W_]+", "\n".join(part.text for part in parts))
    blocks = SequenceMatcher(None, words, found, autojunk=False).get_matching_blocks()
    assert len(parts) >= 4
    assert sum(block.size for block in blocks) >= 0.995 * len(words)
    assert sum("The Whole of the Book" in part.text for part in parts) == 1


@pytest.mark.parametrize(("user_password", "opens"), [("", True), ("secret", False)])
def test_aes(tmp_path: Path, user_password: str, opens: bool) -> None:
    pytest.importorskip("cryptography")
    file = tmp_path / "aes.pdf"
    file.write_bytes(
        write_pdf(PAGES, password="pw", user_password=user_password, algorithm="AES-256")
    )
    if opens:
        assert "dark night" in read(file).parts[2].text
    else:
        with pytest.raises(DocumentError, match="password-protected"):
            read(file)


def test_a_link_swapped_in_after_the_check_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book, secret = tmp_path / "book.pdf", tmp_path / "secret.pdf"
    book.write_bytes(write_pdf([["a book"]]))
    secret.write_bytes(write_pdf([["the secret"]]))
    opened = pypdfium2.PdfDocument

    def swap(*args: Any, **options: Any) -> pypdfium2.PdfDocument:
        book.unlink()
        book.symlink_to(secret)
        return opened(*args, **options)

    monkeypatch.setattr(pypdfium2, "PdfDocument", swap)
    parsed = PdfReader().read(Source(book, "book.pdf", in_folder=True))
    assert parsed.parts[0].text == "a book\n"


@pytest.mark.parametrize("careful", [False, True])
def test_no_file_stays_open(tmp_path: Path, careful: bool) -> None:
    contents = {
        "good.pdf": write_pdf([["a book"]]),
        "secret.pdf": write_pdf([["a book"]], password="pw"),
        "bad.pdf": b"%PDF-1.7 no more",
        "scan.pdf": write_pdf([[]]),
    }
    for name, content in contents.items():
        file = tmp_path / name
        file.write_bytes(content)
        before = psutil.Process().open_files()
        try:
            PdfReader().read(Source(file, name, careful=careful))
        except DocumentError:
            assert name != "good.pdf"
        assert psutil.Process().open_files() == before


def test_no_text_layer(tmp_path: Path) -> None:
    file = tmp_path / "scan.pdf"
    file.write_bytes(write_pdf([[], [], []]))
    with pytest.raises(DocumentError, match=r"scan\.pdf has no text layer: .* 3 pages\.") as raised:
        read(file)
    assert "pictures" not in raised.value.message
    assert "ocrmypdf" in raised.value.hint


def test_no_text_on_the_chosen_pages_is_no_word_about_the_others(tmp_path: Path) -> None:
    file = tmp_path / "book.pdf"
    file.write_bytes(write_pdf([["First"], [], ["Third"], []]))
    for pages in ("2", "2,4"):
        with pytest.raises(DocumentError, match=r"^No chosen page of book\.pdf has text") as raised:
            read(file, pages)
        assert "--pages" in raised.value.hint
    assert read(file, "2-3").parts[1].text.strip() == "Third"


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.6])
def test_broken_files(tmp_path: Path, keep: float, capfd: pytest.CaptureFixture[str]) -> None:
    data = write_pdf(PAGES)
    file = tmp_path / "broken.pdf"
    file.write_bytes(b"%PDF-1.7\n" + data[9 : 9 + int(keep * len(data))])
    with pytest.raises(DocumentError, match=r"broken\.pdf"):
        read(file)
    assert capfd.readouterr().err == ""


def test_pypdf_stays_quiet_about_what_it_repairs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "odd.pdf"
    data = write_pdf(PAGES)
    file.write_bytes(data[: data.rindex(b"startxref")] + b"startxref\n7\n%%EOF\n")
    assert "dark night" in read(file).parts[2].text
    assert capfd.readouterr().err == ""


def test_one_malformed_page_does_not_cost_the_others(
    book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pypdf

    original = pypdf.PageObject.extract_text

    def extract(page: pypdf.PageObject) -> str:
        text = original(page)
        if "End" in text:
            raise KeyError("/Broken")
        return text

    monkeypatch.setattr(pypdf.PageObject, "extract_text", extract)
    documents = PdfReader().read(Source(book, "book.pdf", careful=True))
    assert documents.parts[3].text == ""
    assert "page 2 cannot be read" in documents.left_out[0].reason


def picture_pdf(pages: int) -> bytes:
    """Pages that are pictures."""
    pictures = [Image.new("RGB", (200, 100), "white") for _ in range(pages)]
    buffer = io.BytesIO()
    pictures[0].save(buffer, "PDF", save_all=True, append_images=pictures[1:])
    return buffer.getvalue()


def test_pages_that_are_pictures_are_named(tmp_path: Path) -> None:
    writer = pypdf.PdfWriter()
    for content in (picture_pdf(2), write_pdf([["Some text."]]), picture_pdf(1)):
        writer.append(io.BytesIO(content))
    book = tmp_path / "book.pdf"
    with book.open("wb") as file:
        writer.write(file)
    documents = read(book)
    assert [part.text.strip() for part in documents.parts] == ["", "", "Some text.", ""]
    (left_out,) = documents.left_out
    assert left_out.reason == (
        "pages 1-2,4 are pictures without a text layer (--ocr recognises them)"
    )


def test_recognising_without_its_packages_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = tmp_path / "scan.pdf"
    scan.write_bytes(picture_pdf(1))
    with pytest.raises(DocumentError, match="has no text layer") as raised:
        read(scan)
    assert "--ocr" in raised.value.hint
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(DocumentError, match="packages that recognise") as raised:
        PdfReader().read(Source(scan, "scan.pdf", ocr=True))
    assert "pip install 'sa-chat[ocr]'" in raised.value.hint
