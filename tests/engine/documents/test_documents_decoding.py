"""Text in any encoding."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sa_chat.engine.documents.decoding import NotText, decode

SENTENCES = {
    "cp1252": "L’été dernier, les élèves ont préféré rester à l’hôtel près de la forêt.",
    "cp1250": "Příliš žluťoučký kůň úpěl ďábelské ódy, a večer přišel déšť.",
    "cp1251": "Старый дом стоял на берегу реки, и вечером в окнах горел свет.",
    "koi8_r": "Старый дом стоял на берегу реки, и вечером в окнах горел свет.",
    "cp1253": "Το παλιό σπίτι βρισκόταν δίπλα στο ποτάμι και το βράδυ έλαμπε φως.",
    "cp1254": "Eski ev nehrin kıyısında duruyordu; akşamları ışık yanıyor, çocuklar gülüyordu.",
    "cp1255": "הבית הישן עמד על גדת הנהר, ובערב דלק אור בחלונות.",
    "cp1256": "كان البيت القديم على ضفة النهر، وفي المساء كان الضوء يلمع في النوافذ.",
    "cp932": "古い家は川のほとりに立っていて、夕方になると窓に明かりがともった。",
    "euc_jp": "古い家は川のほとりに立っていて、夕方になると窓に明かりがともった。",
    "gb18030": "老房子坐落在河边，傍晚时分窗户里亮着灯。后来冬天来了，一切都变了。",
    "big5": "老房子坐落在河邊，傍晚時分窗戶裡亮著燈。後來冬天來了，一切都變了。",
    "cp949": "오래된 집은 강가에 서 있었고 저녁이면 창문에 불이 켜졌다.",
}
_WIDE_MARKS = (
    codecs.BOM_UTF16_LE,
    codecs.BOM_UTF16_BE,
    codecs.BOM_UTF32_LE,
    codecs.BOM_UTF32_BE,
)


@pytest.mark.parametrize("encoding", SENTENCES)
def test_a_sentence_in_an_older_encoding_is_read(encoding: str) -> None:
    assert decode(SENTENCES[encoding].encode(encoding)) == SENTENCES[encoding]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", ["Plain words, one line.\n", "Старый дом, и свет.\n"])
def test_wide_encodings_are_read_without_a_mark(encoding: str, text: str) -> None:
    assert decode(text.encode(encoding)) == text


def test_a_declared_encoding_is_taken() -> None:
    text = "# -*- coding: koi8-r -*-\n# мир\n"
    assert decode(text.encode("koi8-r")) == text
    page = "<?xml version='1.0' encoding='iso-8859-2'?><p>źle</p>"
    assert decode(page.encode("iso-8859-2")) == page


def test_an_unknown_declaration_and_one_that_is_wrong_are_ignored() -> None:
    assert decode(b"# coding: base64\ncaf\xe9") == "# coding: base64\ncafé"
    assert decode(b"# coding: ascii\ncaf\xe9") == "# coding: ascii\ncafé"


@pytest.mark.parametrize("name", ["unicode_escape", "raw_unicode_escape", "utf-16", "utf-7"])
def test_a_declaration_never_changes_what_stands_there(name: str) -> None:
    text = f"# coding: {name}\nprint('\\n', 'café')\n"
    assert decode(text.encode("cp1252")) == text


@pytest.mark.parametrize("data", [b"\x7fELF\x02\x01\x01\x00\x00\x00", b"\x00" * 64, b"a\x00b c"])
def test_binary_data_is_no_text(data: bytes) -> None:
    with pytest.raises(NotText):
        decode(data)


@given(st.text())
def test_utf8_is_taken_as_it_is(text: str) -> None:
    if "\x00" in text or text.startswith("\ufeff"):
        return
    try:
        assert decode(text.encode()) == text.replace("\r\n", "\n").replace("\r", "\n")
    except NotText:
        assert any(not char.isprintable() for char in text)


@given(st.binary())
def test_any_bytes_are_text_or_not_text(data: bytes) -> None:
    try:
        text = decode(data)
    except NotText:
        return
    assert text or data in (b"", codecs.BOM_UTF8, *_WIDE_MARKS)
