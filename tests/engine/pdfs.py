"""Small PDFs for tests, written by hand through pypdf."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pypdf
from pypdf.generic import DictionaryObject, NameObject, StreamObject


def write_pdf(
    pages: Sequence[Sequence[str]],
    *,
    title: str | None = None,
    roman_pages: int = 0,
    outline: Sequence[tuple[str, int, int]] = (),
    password: str | None = None,
    user_password: str | None = None,
    algorithm: str = "RC4-128",
) -> bytes:
    """A PDF of pages of lines.

    The first `roman_pages` have the printed labels i, ii, ...; `outline` has (title, level
    from 1, page index).  `password` encrypts (RC4 needs no further package, AES does).
    """
    writer = pypdf.PdfWriter()
    for lines in pages:
        _add_page(writer, lines)
    if roman_pages:
        writer.set_page_label(0, roman_pages - 1, "/r")
        if roman_pages < len(pages):
            writer.set_page_label(roman_pages, len(pages) - 1, "/D")
    if title is not None:
        writer.add_metadata({"/Title": title})
    parents = {}
    for name, level, page in outline:
        parents[level] = writer.add_outline_item(
            title=name, page_number=page, parent=parents.get(level - 1)
        )
    if password is not None:
        writer.encrypt(
            user_password=password if user_password is None else user_password,
            owner_password=password,
            algorithm=algorithm,
        )
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def _add_page(writer: pypdf.PdfWriter, lines: Sequence[str]) -> None:
    page = writer.add_blank_page(width=612, height=792)
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
            NameObject("/Encoding"): NameObject("/WinAnsiEncoding"),
        }
    )
    fonts = DictionaryObject({NameObject("/F1"): font})
    page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
    shown = " ".join(f"({line}) Tj T*" for line in lines)
    content = f"BT /F1 12 Tf 14 TL 72 720 Td {shown} ET".encode("cp1252")
    page.replace_contents(StreamObject.initialize_from_dictionary({"__streamdata__": content}))
