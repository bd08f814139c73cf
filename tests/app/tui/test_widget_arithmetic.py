"""How figures become cells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stand_in import INVENTED, VERIFIED
from textual.content import Content

from sa_chat.app.tui.widgets.answer_text import inert_parser
from sa_chat.app.tui.widgets.citations import place
from sa_chat.app.tui.widgets.density_map import pool, pool_rows, rows_per_layer
from sa_chat.app.tui.widgets.lines import fitting, grid, spread
from sa_chat.app.tui.widgets.memory import parts_of
from sa_chat.app.tui.widgets.prefill_bar import bar
from sa_chat.app.tui.widgets.sparsity_curve import columns, value_at
from sa_chat.app.tui.widgets.stacked import Part, shares, stacked
from sa_chat.app.tui.widgets.ttft import clock_digits
from sa_chat.app.tui.widgets.ttft_breakdown import Breakdown
from sa_chat.protocol.values import Citation, DeviceUse, Ttft

SHARES = st.lists(st.floats(0.0, 1e4), min_size=1, max_size=6).map(tuple)


@given(SHARES, st.integers(1, 120))
def test_a_stacked_bar_fills_its_width(values: tuple[float, ...], width: int) -> None:
    cells = shares(values, width)
    assert min(cells) >= 0
    assert sum(cells) == (width if sum(values) > 0 else 0)


@given(SHARES, st.integers(1, 120), st.booleans())
def test_a_stacked_bar_is_as_wide_as_it_is_told(
    values: tuple[float, ...], width: int, plain: bool
) -> None:
    parts = [(Part(str(n), f"$part-{n}", "█▓▒░▚·"[n]), v) for n, v in enumerate(values)]
    drawn = stacked(parts, width, plain=plain)
    assert len(drawn) == (width if sum(values) > 0 else 0)


def test_edges_of_a_stacked_bar_are_eighths() -> None:
    parts = [(Part("a", "red", "█"), 3.0), (Part("b", "blue", "░"), 5.0)]
    bar = stacked(parts, 1, plain=False)
    assert bar.plain == "▍"
    assert "red on blue" in str(bar.spans)
    assert stacked(parts, 8, plain=True).plain == "███░░░░░"


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


@given(st.integers(1, 200), st.integers(1, 32), st.integers(1, 100))
def test_layers_fit_their_rows(layers: int, cells: int, rows: int) -> None:
    each = rows_per_layer(layers, cells, rows)
    assert each * layers <= rows
    assert each <= max(cells / 2, 1)
    assert each > 0 or layers > rows


def test_a_curve_is_straight_between_its_points() -> None:
    curve = ((10, 0.0), (20, 1.0))
    assert [value_at(curve, x) for x in (0, 10, 15, 20, 30)] == [0.0, 0.0, 0.5, 1.0, 1.0]
    assert columns(curve, 40, 4, 2) == [1, 8]
    assert columns((), 40, 4, 2) == []


@given(
    st.lists(st.floats(0.0, 1.0), min_size=1, max_size=70), st.integers(1, 90), st.integers(1, 6)
)
def test_a_curve_stays_in_its_box(levels: list[float], width: int, height: int) -> None:
    curve = tuple((100 * (n + 1), level) for n, level in enumerate(levels))
    drawn = columns(curve, curve[-1][0], width, height)
    assert len(drawn) == width
    assert min(drawn) >= 1
    assert max(drawn) <= 8 * height


def test_rows_of_text() -> None:
    cells = [Content(text) for text in ("one", "three", "two")]
    assert [row.plain for row in grid(cells, 12)] == ["one    three", "two"]
    assert [row.plain for row in grid(cells, 4)] == ["one", "three", "two"]
    assert spread(Content("left"), Content("3 s"), 9).plain == "left  3 s"
    assert spread(Content("left"), Content("3 s"), 7).plain == "le… 3 s"
    assert fitting(("12 tokens", "12", ""), 4) == "12"
    assert fitting(("12",), 1) == ""


@pytest.mark.parametrize(
    ("value", "digits"),
    [(0.04, "0.0"), (38.12, "38.1"), (99.96, "1:40"), (219.2, "3:39"), (3720.0, "1:02")],
)
def test_large_times(value: float, digits: str) -> None:
    assert clock_digits(value) == digits


def test_time_goes_into_the_part_that_runs() -> None:
    split = Breakdown(Ttft(1.0, 2.0, 3.0, 9.0), "prefill_s", 40.0)
    assert split.after(4.0).ttft == Ttft(1.0, 2.0, 4.0, 12.0)
    assert Breakdown(Ttft(1.0), "tokenize_s").after(2.0).ttft == Ttft(1.0, 2.0)
    assert Breakdown(Ttft(1.0)).after(2.0).ttft == Ttft(1.0)
    assert [split.value(name) for name in ("select_s", "first_token_s")] == [3.0, None]
    assert Breakdown(Ttft(1.0), "prefill_s").value("select_s") == 0.0
    assert Breakdown(Ttft(1.0, 0.0, 0.0, 5.0), read=True).value("select_s") == 0.0
    assert Breakdown(Ttft(1.0)).value("select_s") is None


@given(*[st.integers(0, 100)] * 5)
def test_memory_fills_its_bar(used: int, total: int, driver: int, weights: int, kv: int) -> None:
    use = DeviceUse("cpu", used, used, total, driver, weights, kv)
    parts = parts_of(use)
    assert min(drawn for _, _, drawn in parts) >= 0
    own = sum(drawn for part, _, drawn in parts if part.label not in ("other", "free"))
    assert own == used


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
