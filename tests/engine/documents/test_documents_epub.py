"""EPUB books: order, chapters, printed pages, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_files import epub, read, zipped

from sa_chat.engine.documents.pages import PageSelection
from sa_chat.engine.documents.readers import Source, reader_for
from sa_chat.protocol.errors import DocumentError

CHAPTERS = {"one.xhtml": "<h1>One</h1><p>First.</p>", "two.xhtml": "<p id='b'>Second.</p>"}
NAV = (
    "<nav epub:type='toc'><ol><li><a href='one.xhtml'>Chapter 1</a><ol>"
    "<li><a href='two.xhtml#b'>Section 1.1</a></li></ol></li></ol></nav>"
)


def save(folder: Path, data: bytes, name: str = "a.epub") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_a_book_is_its_chapters_in_order_with_title_and_navigation(tmp_path: Path) -> None:
    parsed = read(save(tmp_path, epub(CHAPTERS, NAV)))
    assert parsed.title == "The Book, by A. Writer"
    assert [part.text for part in parsed.parts] == ["One\n\nFirst.\n\nSecond."]
    assert [(e.title, e.level, e.line) for e in parsed.outline] == [
        ("Chapter 1", 1, 1),
        ("Section 1.1", 2, 5),
    ]


def test_the_older_navigation_serves_too_and_headings_without_any(tmp_path: Path) -> None:
    ncx = (
        "<ncx><navMap><navPoint><navLabel><text>Second one</text></navLabel>"
        "<content src='two.xhtml#b'/></navPoint></navMap></ncx>"
    )
    assert [(e.title, e.line) for e in read(save(tmp_path, epub(CHAPTERS, "", ncx))).outline] == [
        ("Second one", 5)
    ]
    assert [e.title for e in read(save(tmp_path, epub(CHAPTERS))).outline] == ["One"]


def test_printed_pages_are_parts_and_can_be_chosen(tmp_path: Path) -> None:
    body = (
        "<p>Front.</p><p>some<span epub:type='pagebreak' id='i' title='i'>i</span>thing more</p>"
        "<span role='doc-pagebreak' id='ii' aria-label='ii'/><h1>Two</h1>"
    )
    path = save(tmp_path, epub({"one.xhtml": body}))
    parsed = read(path)
    assert [(p.page, p.position, p.text.strip()) for p in parsed.parts] == [
        (None, 0, "Front.\n\nsomething"),
        ("i", 1, "more"),
        ("ii", 2, "Two"),
    ]
    assert [(e.title, e.part, e.line) for e in parsed.outline] == [("Two", 2, 1)]
    chosen = reader_for(path).read(Source(path, "a.epub", PageSelection.parse("2")))
    assert [p.page for p in chosen.parts] == ["ii"]
    assert [(e.title, e.part) for e in chosen.outline] == [("Two", 0)]
    assert [left.reason for left in chosen.left_out] == [
        "pages 1 not chosen",
        "what stands before its first page not chosen",
    ]


def test_a_missing_chapter_is_left_out_and_the_rest_is_read(tmp_path: Path) -> None:
    parsed = read(save(tmp_path, epub(CHAPTERS | {"three.xhtml": ""})))
    assert [(left.path, left.reason) for left in parsed.left_out] == [
        ("a.epub/OEBPS/three.xhtml", "cannot be read: it is missing")
    ]
    assert "Second." in parsed.parts[0].text


def test_a_protected_book_is_refused_and_hidden_fonts_are_not(tmp_path: Path) -> None:
    def encryption(algorithm: str) -> dict[str, str]:
        method = f"<EncryptedData><EncryptionMethod Algorithm='{algorithm}'/></EncryptedData>"
        return {"META-INF/encryption.xml": f"<encryption>{method}</encryption>"}

    fonts = encryption("http://www.idpf.org/2008/embedding")
    assert read(save(tmp_path, epub(CHAPTERS, more=fonts))).parts
    protected = encryption("http://www.w3.org/2001/04/xmlenc#aes128-cbc")
    with pytest.raises(DocumentError, match="is protected"):
        read(save(tmp_path, epub(CHAPTERS, more=protected)))


def test_a_book_is_recognised_by_its_content(tmp_path: Path) -> None:
    assert "First." in read(save(tmp_path, epub(CHAPTERS), "book")).parts[0].text


def test_an_archive_that_is_no_book_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="not a readable EPUB"):
        read(save(tmp_path, zipped({"a": "b"})))
    with pytest.raises(DocumentError, match=r"thing is a zip archive\."):
        read(save(tmp_path, zipped({"a": "b"}), "thing"))


def test_no_name_leads_out_of_the_archive(tmp_path: Path) -> None:
    (tmp_path / "secret.xhtml").write_text("secret")
    parsed = read(save(tmp_path, epub(CHAPTERS | {"../../secret.xhtml": ""})))
    assert "secret" not in parsed.parts[0].text
    assert len(parsed.left_out) == 1


def test_a_book_whose_chapters_are_all_damaged_says_so(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"No chapter of a\.epub can be read; .* missing\."):
        read(save(tmp_path, epub({"one.xhtml": ""})))
