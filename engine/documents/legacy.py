"""Detects legacy (pre-Unicode) encodings from the letters of a text."""

from __future__ import annotations

import re

from charset_normalizer import from_bytes

# Non-ASCII letters by language.  The first that explains most of a text wins.
_LATIN: tuple[tuple[str, str], ...] = (
    ("cp1252", "äöüß"),
    ("cp1252", "àâæçéèêëîïôœùûüÿ"),
    ("cp1252", "áéíñóúü¡¿ªºç"),
    ("cp1252", "áâãàçéêíóôõúüªº"),
    ("cp1252", "àèéìíîòóùú"),
    ("cp1252", "åäöæøéüš"),
    ("cp1252", "áàäéèëïíóöúü"),
    ("cp1252", "äöõüšž"),
    ("cp1254", "çğıöşüâîûi̇"),
    ("cp1252", "áæðéíóöþúý"),
    ("cp1250", "ąćęłńóśźż"),
    ("cp1250", "áčďéěíňóřšťúůýžäľĺŕô"),
    ("cp1250", "áéíóöőúüű"),
    ("cp1250", "čćđšž"),
    ("cp1250", "ăâîşţ"),
)
_SIGNS = frozenset("€‚„…‰‹›‘’“”•–—™§©«»®°±·¢£´×÷µ¶\u00a0\u00ad")
_OTHER = [
    "cp1251",
    "koi8_r",
    "cp1253",
    "cp1255",
    "cp1256",
    "cp932",
    "euc_jp",
    "gb18030",
    "big5",
    "cp949",
]
_RUNS = re.compile(rb"[\x80-\xff]+")
_LATIN_RUN = 1.7  # greatest mean length of runs of non-ASCII bytes
_SAMPLE_BYTES = 16_384
_FEWEST_BYTES = 512  # shorter samples are repeated, as detection needs this many


def guess(data: bytes) -> str:
    """The likeliest encoding; empty without evidence for one.

    Looks at the first 16 KiB of lines that contain non-ASCII bytes.
    """
    sample = _sample(data)
    runs = _RUNS.findall(sample)
    if not runs:
        return ""
    if sum(map(len, runs)) <= _LATIN_RUN * len(runs):
        return _latin(b"".join(runs))
    sample *= -(-_FEWEST_BYTES // len(sample))
    best = from_bytes(sample, cp_isolation=_OTHER, enable_fallback=False).best()
    return best.encoding if best is not None else ""


def _sample(data: bytes) -> bytes:
    lines: list[bytes] = []
    size = 0
    for line in data.splitlines(keepends=True):
        if not line.isascii():
            lines.append(line)
            size += len(line)
            if size >= _SAMPLE_BYTES:
                break
    return b"".join(lines)[:_SAMPLE_BYTES]


def _latin(letters: bytes) -> str:
    def explained(language: tuple[str, str]) -> int:
        encoding, known = language
        text = letters.decode(encoding, "replace").lower()
        return sum(char in known or char in _SIGNS for char in text)

    return max(_LATIN, key=explained)[0]
