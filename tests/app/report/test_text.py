"""Foreign text on one line, numbers made readable."""

from __future__ import annotations

import pytest

from sa_chat.app.report import text


def test_one_line_folds_white_space() -> None:
    assert text.one_line("  a\n\tb \r\n c ") == "a b c"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0 ms"), (0.084, "84 ms"), (0.9996, "1.00 s"), (9.996, "10.0 s"), (38.14, "38.1 s"),
     (245.0, "4 min 05 s"), (3_725.0, "1 h 02 min")],
)  # fmt: skip
def test_seconds(value: float, shown: str) -> None:
    assert text.seconds(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0 MiB"), (812 * 2**20, "812 MiB"), (2**30, "1.0 GiB"), (141 * 2**30, "141 GiB")],
)
def test_size(value: int, shown: str) -> None:
    assert text.size(value) == shown


def test_counts_and_rates() -> None:
    assert text.count(131_002) == "131,002"
    assert text.plural(1, "page") == "1 page"
    assert text.plural(2_000, "page") == "2,000 pages"
    assert text.rate(31.24) == "31.2 tok/s"
    assert text.rate(4_812.4) == "4,812 tok/s"
    assert text.percent(0.8743) == "87.4%"
