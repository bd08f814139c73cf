"""Word documents: everything that a reader sees, once."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_files import docx, paragraph, read, word

from sa_chat.engine.documents.readers import ParsedFile
from sa_chat.protocol.errors import DocumentError

STYLES = word(
    "styles",
    '<w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>'
    '<w:style w:styleId="Mine"><w:name w:val="Mine"/><w:basedOn w:val="berschrift1"/></w:style>',
)
NUMBERS = word(
    "numbering",
    '<w:abstractNum w:abstractNumId="7"><w:lvl w:ilvl="0"><w:start w:val="1"/>'
    '<w:numFmt w:val="decimal"/></w:lvl><w:lvl w:ilvl="1"><w:numFmt w:val="bullet"/></w:lvl>'
    '</w:abstractNum><w:num w:numId="3"><w:abstractNumId w:val="7"/></w:num>',
)


def made(folder: Path, body: str, **more: str) -> ParsedFile:
    path = folder / "a.docx"
    path.write_bytes(docx(body, {f"word/{name}.xml": text for name, text in more.items()}))
    return read(path)


def item(text: str, level: int) -> str:
    numbering = f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="3"/></w:numPr>'
    return paragraph(text, numbering)


def test_headings_are_known_by_localised_and_inherited_styles(tmp_path: Path) -> None:
    body = paragraph("Eins", '<w:pStyle w:val="berschrift1"/>') + paragraph("Text.")
    body += paragraph("Zwei", '<w:pStyle w:val="Mine"/>')
    body += paragraph("Drei", '<w:outlineLvl w:val="1"/>')
    parsed = made(tmp_path, body, styles=STYLES)
    assert parsed.parts[0].text == "Eins\n\nText.\n\nZwei\n\nDrei"
    assert [(e.title, e.level, e.line) for e in parsed.outline] == [
        ("Eins", 1, 1),
        ("Zwei", 1, 5),
        ("Drei", 2, 7),
    ]


def test_lists_are_numbered_as_they_are_shown(tmp_path: Path) -> None:
    body = paragraph("So:") + item("a", 0) + item("x", 1) + item("b", 0) + paragraph("End.")
    text = made(tmp_path, body, numbering=NUMBERS).parts[0].text
    assert text == "So:\n1. a\n  - x\n2. b\n\nEnd."


def test_insertions_and_content_controls_stay_and_deletions_go(tmp_path: Path) -> None:
    body = (
        "<w:p><w:r><w:t>a </w:t></w:r><w:ins><w:r><w:t>b </w:t></w:r></w:ins>"
        "<w:del><w:r><w:delText>c </w:delText></w:r></w:del>"
        "<w:sdt><w:sdtPr/><w:sdtContent><w:r><w:t>d</w:t></w:r></w:sdtContent></w:sdt>"
        "<w:hyperlink><w:r><w:tab/><w:t>e</w:t><w:br/><w:t>f</w:t></w:r></w:hyperlink></w:p>"
    )
    assert made(tmp_path, body).parts[0].text == "a b d\te\nf"


def test_a_text_box_comes_once(tmp_path: Path) -> None:
    box = f"<w:txbxContent>{paragraph('boxed')}</w:txbxContent>"
    body = (
        "<w:p><w:r><w:t>before</w:t><mc:AlternateContent>"
        f"<mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback>"
        "</mc:AlternateContent></w:r></w:p>"
    )
    assert made(tmp_path, body).parts[0].text.split() == ["before", "boxed"]


def test_tables_are_rows(tmp_path: Path) -> None:
    def row(*cells: str) -> str:
        return "<w:tr>" + "".join(f"<w:tc>{paragraph(c)}</w:tc>" for c in cells) + "</w:tr>"

    body = paragraph("t") + f"<w:tbl>{row('a', 'b')}{row('c', 'd')}</w:tbl>" + paragraph("u")
    assert made(tmp_path, body).parts[0].text == "t\n\na | b\nc | d\n\nu"


def test_notes_stand_at_the_end_with_their_numbers(tmp_path: Path) -> None:
    body = '<w:p><w:r><w:t>so</w:t><w:footnoteReference w:id="5"/></w:r></w:p>'
    notes = word("footnotes", f'<w:footnote w:id="5">{paragraph("Why.")}</w:footnote>')
    assert made(tmp_path, body, footnotes=notes).parts[0].text == "so[1]\n\n[1] Why."
    missing = made(tmp_path, body)
    assert [left.reason for left in missing.left_out] == [
        "its footnotes cannot be read: it is missing"
    ]


def test_a_document_without_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="has no text"):
        made(tmp_path, "<w:p/>")
