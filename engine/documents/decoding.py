"""Decodes bytes to text, or reports that they are not text."""

from __future__ import annotations

import codecs
import re

from .legacy import guess

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before utf-16, whose mark it starts with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x9f]")
_MAX_CONTROL_SHARE = 0.01
_SURROGATES = re.compile(r"[\ud800-\udfff]")

_DECLARED = re.compile(
    rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]{2,40})"
    rb"|<meta\b[^>]{0,500}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})"
    rb"|^#[^\n]{0,200}?coding[:=][ \t]*([\w.-]{2,40})",
    re.IGNORECASE | re.MULTILINE,
)
_DECLARATION_BYTES = 4096
# What browsers and Microsoft software mean by these names.
_MEANT = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
# Text without NULs is not UTF-16 or 32, and escape codecs would alter a source file.
_NEVER_MEANT = (
    "utf-16",
    "utf-32",
    "utf-7",
    "unicode",
    "raw-unicode",
    "raw_unicode",
    "idna",
    "puny",
)
_WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
_WIDE_SAMPLE = 4096


class NotText(ValueError):
    """The bytes are not text in any known encoding."""


def decode(data: bytes) -> str:
    """The text of `data` with `\\n` line ends.

    A byte order mark decides.  Otherwise the text is UTF-8 if it is valid UTF-8, UTF-16 or 32 if
    its NUL bytes are placed accordingly, or what it declares itself to be.  Failing that, the
    likeliest legacy encoding is used: Windows-1252 without evidence for another, and Latin-1 for
    bytes that Windows-1252 does not define.  Raises `NotText` for NUL bytes or many control
    characters.
    """
    text = _decode(data)
    if len(_CONTROLS.findall(text)) > _MAX_CONTROL_SHARE * len(text):
        raise NotText
    return normalise_lines(text)


def normalise_lines(text: str) -> str:
    """`text` with every line end as `\\n`."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def clean(text: str) -> str:
    """`text` as any encoder accepts it: lone surrogates become U+FFFD, NULs are removed."""
    return _SURROGATES.sub("\ufffd", text).replace("\x00", "")


def _decode(data: bytes) -> str:
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError as error:
                raise NotText from error
    if b"\x00" in data:
        return _decode_wide(data)
    for find in (lambda _: "utf-8", _declared, guess, lambda _: "cp1252"):
        encoding = find(data)
        try:
            if encoding:
                return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def _decode_wide(data: bytes) -> str:
    """Decode UTF-16 or 32 without a byte order mark: most characters of such a text, or its
    spaces, have NUL bytes at fixed positions."""
    sample = data[:_WIDE_SAMPLE]
    for encoding in _WIDE:
        blanks = sum(sample.count(char.encode(encoding)) for char in " \n,.、。，")
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if blanks and "\x00" not in text and _is_mostly_assigned(text[:_WIDE_SAMPLE]):
            return text
    raise NotText


def _is_mostly_assigned(text: str) -> bool:
    odd = sum(not (char.isprintable() or char in "\n\r\t\f\ufeff") for char in text)
    return odd <= _MAX_CONTROL_SHARE * len(text)


def _declared(data: bytes) -> str:
    """The encoding that the first bytes declare; empty if there is none or it is unknown."""
    found = _DECLARED.search(data[:_DECLARATION_BYTES])
    if found is None:
        return ""
    name = next(group for group in found.groups() if group).decode("ascii", "replace")
    try:
        name = codecs.lookup(name).name
        "".encode(name)  # rejects codecs from bytes to bytes
    except LookupError:
        return ""
    return "" if name.startswith(_NEVER_MEANT) else _MEANT.get(name, name)
