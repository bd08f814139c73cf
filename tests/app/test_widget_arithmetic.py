"""How figures become cells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stand_in import INVENTED, VERIFIED

from sa_chat.app.widgets.answer_text import inert_parser
from sa_chat.app.widgets.citations import place
from sa_chat.app.widgets.density_map import pool, pool_rows
from sa_chat.app.widgets.prefill_bar import bar
from sa_chat.app.widgets.ttft import shares
from sa_chat.engine.events import Citation

SHARES = st.lists(st.floats(0.0, 1e4), min_size=1, max_size=6).map(tuple)


@given(SHARES, st.integers(1, 120))
def test_a_stacked_bar_fills_its_width(values: tuple[float, ...], width: int) -> None:
    cells = shares(values, width)
    assert min(cells) >= 0
    assert sum(cells) == (width if sum(values) > 0 else 0)


@given(st.floats(-1.0, 2.0), st.integers(1, 80))
def test_a_bar_fills_its_width(fraction: float, width: int) -> None:
    filled, empty = bar(fraction, width)
    assert len(filled) + len(empty) == width


def test_bar_counts_eighths() -> None:
    assert bar(0.5, 4) == ("██", "  ")
    assert bar(1 / 32, 4) == ("▏", "   ")
    assert bar(2.0, 3) == ("███", "")


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=64).map(tuple), st.integers(1, 64))
def test_pooling_averages(values: tuple[float, ...], size: int) -> None:
    pooled = pool(values, size)
    assert len(pooled) == min(len(values), size)
    assert min(values) - 1e-9 <= min(pooled)
    assert max(pooled) <= max(values) + 1e-9


def test_pooling_rows() -> None:
    assert pool((1.0, 3.0, 5.0, 7.0), 2) == (2.0, 6.0)
    assert pool_rows(((1.0, 0.0), (3.0, 2.0)), 1) == ((2.0, 1.0),)


def test_places() -> None:
    assert place(VERIFIED, several_files=False) == "p. 12"
    assert place(VERIFIED, several_files=True) == "book.pdf p. 12"
    assert place(Citation("def f():", "app/cli.py", None, 31, True), True) == "app/cli.py:31"
    assert not INVENTED.verified


@pytest.mark.parametrize(
    "source",
    ["[a](http://x.y)", "<http://x.y>", "http://x.y", "![a](b.png)", "[a]: http://x.y", "<b>a</b>"],
)
def test_answers_hold_nothing_to_click(source: str) -> None:
    tokens = inert_parser().parse(source)
    inline = [child for token in tokens for child in token.children or ()]
    assert {token.type for token in inline} == {"text"}
    assert "".join(token.content for token in inline) == source
