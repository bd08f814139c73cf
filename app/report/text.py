"""Foreign text on one line, and numbers in words."""

from __future__ import annotations

from sa_chat.protocol.text import clean


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
