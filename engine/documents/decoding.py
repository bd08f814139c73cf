"""Bytes to text, or the news that they are none."""

from __future__ import annotations

import codecs
import re

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


class NotText(ValueError):
    """The bytes are not text in any encoding that we know."""


def decode(data: bytes) -> str:
    """The text of `data` with `\\n` line ends.

    A byte order mark decides; else it is UTF-8 if it is valid UTF-8; else Windows-1252, and
    Latin-1 where that has holes.  Raises `NotText` for NUL bytes or many control characters.
    """
    text = _decode(data)
    if len(_CONTROLS.findall(text)) > _MAX_CONTROL_SHARE * len(text):
        raise NotText
    return normalise_lines(text)


def normalise_lines(text: str) -> str:
    """Every line end as `\\n`."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def clean(text: str) -> str:
    """Without what no encoder takes: lone surrogates become U+FFFD, NULs go."""
    return _SURROGATES.sub("\ufffd", text).replace("\x00", "")


def _decode(data: bytes) -> str:
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError as error:
                raise NotText from error
    if b"\x00" in data:
        raise NotText
    for encoding in ("utf-8", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")
