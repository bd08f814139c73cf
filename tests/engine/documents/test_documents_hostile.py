"""Bombs and traps: one message each, and soon."""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pypdf
import pytest
from pypdf.generic import NameObject, StreamObject

from sa_chat.engine.documents import DocumentSet, open_documents
from sa_chat.protocol.config import OpenOptions
from sa_chat.protocol.errors import DocumentError
from sa_chat.protocol.values import LeftOut

pytestmark = pytest.mark.timeout(60)


def read(*paths: Path) -> DocumentSet:
    return open_documents(OpenOptions(tuple(map(str, paths))))


@pytest.mark.parametrize(
    "name", ["a.txt", "a.py", "a.pdf", "a.epub", "a.docx", "a.html", "a.ipynb"]
)
def test_a_sparse_file_of_ten_gigabytes(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with path.open("wb") as file:
        file.truncate(10 << 30)
    with pytest.raises(DocumentError, match="too large") as raised:
        read(path)
    assert raised.value.hint
    (tmp_path / "b.txt").write_text("read")
    assert [part.text for part in read(tmp_path).parts] == ["read"]


@pytest.mark.parametrize("name", ["a", "a.txt", "a.pdf", "a.epub"])
def test_a_named_pipe_is_never_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(DocumentError, match="neither a file nor a folder"):
        read(tmp_path / name)
    (tmp_path / "b.txt").write_text("read")
    assert [part.text for part in read(tmp_path).parts] == ["read"]


@pytest.mark.parametrize("suffix", [".docx", ".epub"])
def test_a_zip_bomb(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"bomb{suffix}"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/epub+zip")
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open("word/document.xml", "w", force_zip64=True) as member:
            for _ in range(200):
                member.write(b" " * (1 << 20))
        with archive.open("META-INF/container.xml", "w", force_zip64=True) as member:
            for _ in range(200):
                member.write(b" " * (1 << 20))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(DocumentError, match="too large"):
        read(path)


def test_streams_in_streams_of_a_pdf(tmp_path: Path) -> None:
    """Three gigabytes of blanks, deflated twice into some kilobytes, as the content of a page."""
    squeezed = zlib.compressobj(9)
    once = b"".join(squeezed.compress(b" " * (1 << 24)) for _ in range(192)) + squeezed.flush()
    filters = pypdf.generic.ArrayObject([NameObject("/FlateDecode")] * 2)
    stream = StreamObject.initialize_from_dictionary(
        {"__streamdata__": zlib.compress(once, 9), NameObject("/Filter"): filters}
    )
    writer = pypdf.PdfWriter()
    page = writer.add_blank_page(100, 100)
    page.replace_contents(stream)
    buffer = io.BytesIO()
    writer.write(buffer)
    path = tmp_path / "bomb.pdf"
    path.write_bytes(buffer.getvalue())
    assert path.stat().st_size < 1 << 20
    with pytest.raises(DocumentError) as raised:
        read(path)
    assert raised.value.message.startswith("bomb.pdf ")


def test_entities_that_double(tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    page = f'<!DOCTYPE x [<!ENTITY a0 "lol">{entities}]><html><body>text &a11;</body></html>'
    path = tmp_path / "a.xhtml"
    path.write_text(page)
    assert len(read(path).text()) < 1000


def test_entities_fetch_nothing(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("the secret")
    page = f'<!DOCTYPE x [<!ENTITY s SYSTEM "file://{tmp_path}/secret.txt">]><p>text &s;</p>'
    path = tmp_path / "a.xhtml"
    path.write_text(page)
    assert "the secret" not in read(path).text()


def test_one_endless_line_is_a_text_like_others(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("word " * 400_000)
    (part,) = read(path).parts
    assert len(part.text) == 2_000_000


@pytest.mark.parametrize("suffix", [".html", ".ipynb"])
def test_deep_nesting(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    depth = 200_000
    path.write_text("<div>" * depth + "text" if suffix == ".html" else "[" * depth + "]" * depth)
    with pytest.raises(DocumentError, match="nests"):
        read(path)


def test_deep_folders_and_loops_of_links(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("read")
    (tmp_path / "loop").symlink_to(tmp_path)
    folder = tmp_path
    for _ in range(200):
        folder = folder / "d"
        folder.mkdir()
    (folder / "deep.txt").write_text("too deep")
    documents = read(tmp_path)
    assert [part.text for part in documents.parts] == ["read"]
    reasons = {item.reason for item in documents.left_out}
    assert "a link" in reasons
    assert any("deep" in reason for reason in reasons)


def test_a_link_swapped_in_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of a folder that becomes a link out of it after it was listed is not read."""
    from sa_chat.engine.documents import opening

    root = tmp_path / "root"
    root.mkdir()
    (root / "a.txt").write_text("a")
    (root / "b.txt").write_text("b")
    (tmp_path / "secret.txt").write_text("the secret")
    walk = opening.walk_folder

    def swap(*args: Any) -> tuple[list[Path], list[LeftOut]]:
        found = walk(*args)
        (root / "b.txt").unlink()
        (root / "b.txt").symlink_to(tmp_path / "secret.txt")
        return found

    monkeypatch.setattr(opening, "walk_folder", swap)
    assert "the secret" not in read(root).text()
