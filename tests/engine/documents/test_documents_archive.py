"""Archives made to trouble their readers."""

from __future__ import annotations

import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_files import docx, epub, paragraph, read, zipped

from sa_chat.engine.documents import limits
from sa_chat.engine.documents.readers import Source
from sa_chat.engine.documents.readers.archive import normal_name, open_archive
from sa_chat.protocol.errors import DocumentError


def refused(path: Path, match: str) -> None:
    began = time.perf_counter()
    with pytest.raises(DocumentError, match=match):
        read(path)
    assert time.perf_counter() - began < 1.0


def test_a_member_larger_than_the_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MEMBER_BYTES", 1 << 20)
    path = tmp_path / "a.docx"
    path.write_bytes(zipped({"word/document.xml": b" " * (2 << 20)}))
    refused(path, "unpacked, one member is larger")


def test_all_members_together_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ARCHIVE_BYTES", 1 << 20)
    path = tmp_path / "a.epub"
    path.write_bytes(epub({f"{i}.xhtml": f"<p>{'x' * 300_000}</p>" for i in range(4)}))
    refused(path, "unpacked, it is larger")


def test_too_many_members_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.epub"
    path.write_bytes(zipped({f"{i}": "" for i in range(limits.MEMBERS + 1)}))
    refused(path, "more than 10,000 members")


def test_overlapping_members_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "x" * 100)
        archive.writestr("b", "y")
        archive.infolist()[1].header_offset = 0  # the directory is written on closing
    refused(path, "members overlap")


def test_a_cut_archive_is_damaged_and_one_without_xml_no_document(tmp_path: Path) -> None:
    whole = docx(paragraph("words"))
    path = tmp_path / "a.docx"
    path.write_bytes(whole[: len(whole) // 2])
    refused(path, "no complete archive")
    path.write_bytes(zipped({"word/document.xml": "x"}))
    refused(path, "not a readable Word document")


def test_names_never_lead_upwards() -> None:
    assert normal_name("a/../../../etc/passwd") == "etc/passwd"
    assert normal_name("/x//y/./z\\w") == "x/y/z/w"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=8))
def test_damage_is_one_message_or_text(tmp_path: Path, changes: list[tuple[int, int]]) -> None:
    data = bytearray(epub({"one.xhtml": "<p>some words</p>"}))
    for place, value in changes:
        data[place % len(data)] = value
    path = tmp_path / "a.epub"
    path.write_bytes(data)
    said: str | None = None
    text = ""
    try:
        text = read(path).parts[0].text
    except DocumentError as error:
        said = error.message
    assert text or (said and said.endswith("."))


def test_a_sparse_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.epub"
    with path.open("wb") as file:
        file.truncate(10 << 30)
    refused(path, "too large")
    with (
        pytest.raises(DocumentError, match="cannot be opened"),
        open_archive(Source(tmp_path, "a")),
    ):
        pass
