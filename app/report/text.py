"""Makes foreign text safe to show, and formats numbers.

Document and model text may hold anything.  What reaches the screen has no control characters,
no escape sequences and no characters that reorder what the reader sees.
"""

from __future__ import annotations

import re

_ESCAPES = re.compile(
    r"""\x1b(?:
          \[[0-?]*[ -/]*[@-~]?                         # CSI: colours, cursor
        | [\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?       # OSC, DCS, SOS, PM, APC: titles, clipboard
        | [ -/]*[0-~]?                                 # two- and three-byte escapes
        )""",
    re.VERBOSE,
)
_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f"  # C0 without tab and newline, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks that change the reading direction
    "\ufeff\ufff9-\ufffb\ud800-\udfff]"  # byte order mark, annotations, lone surrogates
)


def clean(text: str) -> str:
    """`text` without escape sequences, control characters or direction overrides.

    Tabs and newlines stay; every other line end becomes a newline.  An escape sequence that is
    cut off at the end is dropped too, so that cleaning a growing text never shows half of one.
    """
    return _FORBIDDEN.sub("", _LINE_ENDS.sub("\n", _ESCAPES.sub("", text)))


def one_line(text: str) -> str:
    """`text` cleaned, with all white space collapsed to single blanks."""
    return " ".join(clean(text).split())


def count(number: int) -> str:
    """An exact count with thousands separators: `131,002`."""
    return f"{number:,}"


def plural(number: int, noun: str, many: str = "") -> str:
    """A count with its noun: `1 page`, `2 pages`; `many` where it is no -s."""
    return f"{number:,} {noun if number == 1 else many or f'{noun}s'}"


def seconds(value: float) -> str:
    """A measured time: `0 ms`, `84 ms`, `1.24 s`, `38.1 s`, `4 min 05 s`."""
    if value < 0.9995:
        return f"{value * 1000:.0f} ms"
    if value < 9.995:
        return f"{value:.2f} s"
    if value < 99.95:
        return f"{value:.1f} s"
    return duration(value)


def duration(value: float) -> str:
    """A time to wait, in whole seconds: `12 s`, `4 min 05 s`, `1 h 02 min`."""
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def size(used_bytes: int) -> str:
    """Memory in binary units: `812 MiB`, `1.9 GiB`, `141 GiB`."""
    gib = used_bytes / 2**30
    if gib < 0.9995:
        return f"{used_bytes / 2**20:.0f} MiB"
    return f"{gib:.1f} GiB" if gib < 99.95 else f"{gib:.0f} GiB"


def percent(fraction: float) -> str:
    """A share of one with one decimal: `87.4%`."""
    return f"{fraction * 100:.1f}%"


def rate(per_s: float) -> str:
    """Tokens a second: `31.2 tok/s`, `4,812 tok/s`."""
    return f"{per_s:,.0f} tok/s" if per_s >= 99.95 else f"{per_s:.1f} tok/s"
