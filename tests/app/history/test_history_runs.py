"""How long a prefill will take, going by earlier ones."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from history_values import opened
from hypothesis import given
from hypothesis import strategies as st

from sa_chat.app.history import History, Run
from sa_chat.app.history.runs import KEPT, POWER, estimate


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    history = opened(tmp_path / "history.db")
    yield history
    history.close()


def took(history: History, *runs: tuple[int, float], model: str = "m") -> None:
    for tokens, seconds in runs:
        history.note_run(Run(model, "cpu", "sparse", tokens, seconds))


def expected(history: History, tokens: int) -> float | None:
    return history.expected_s("m", "cpu", "sparse", tokens)


def test_nothing_is_known_at_first(history: History) -> None:
    assert expected(history, 1000) is None


@pytest.mark.parametrize(
    ("model", "device", "attention"),
    [("n", "cpu", "sparse"), ("m", "cuda:0", "sparse"), ("m", "cpu", "dense")],
)
def test_other_circumstances_say_nothing(
    history: History, model: str, device: str, attention: str
) -> None:
    took(history, (1000, 2.0))
    assert history.expected_s(model, device, attention, 1000) is None


def test_the_same_length_takes_the_median(history: History) -> None:
    took(history, (1000, 2.0), (1000, 50.0), (1000, 3.0))
    assert expected(history, 1000) == 3.0


def test_between_two_lengths(history: History) -> None:
    took(history, (1000, 2.0), (4000, 32.0), (3900 * 4, 1.0))
    assert expected(history, 2000) == pytest.approx(8.0)  # square, as between the two
    assert expected(history, 1000) == pytest.approx(2.0)
    assert expected(history, 4000) == pytest.approx(32.0)


def test_beyond_the_lengths_a_stated_power(history: History) -> None:
    took(history, (1000, 2.0), (1500, 5.0))
    assert expected(history, 3000) == pytest.approx(5.0 * 2**POWER)
    assert expected(history, 500) == pytest.approx(2.0 / 2**POWER)


def test_a_length_too_far_away_says_nothing(history: History) -> None:
    took(history, (1000, 2.0))
    assert expected(history, 4000) is not None
    assert expected(history, 4001) is None
    assert expected(history, 250) is not None
    assert expected(history, 249) is None


def test_old_runs_of_a_length_are_forgotten(history: History) -> None:
    took(history, *[(1000, 100.0)] * KEPT, (8000, 7.0))
    took(history, *[(1000, 1.0)] * KEPT)
    assert expected(history, 1000) == 1.0
    assert expected(history, 8000) == 7.0
    db = sqlite3.connect(history.path)
    (kept,) = db.execute("SELECT count(*) FROM run").fetchone()
    db.close()
    assert kept == KEPT + 1


@pytest.mark.parametrize(
    ("tokens", "seconds"),
    [(0, 1.0), (-5, 1.0), (1000, 0.0), (1000, float("nan")), (1000, float("inf"))],
)
def test_a_run_of_nothing_teaches_nothing(history: History, tokens: int, seconds: float) -> None:
    took(history, (tokens, seconds))
    assert expected(history, max(tokens, 1)) is None


@pytest.mark.parametrize("tokens", [0, -1])
def test_no_tokens_take_no_known_time(history: History, tokens: int) -> None:
    took(history, (1, 1.0))
    assert expected(history, tokens) is None


@given(
    st.dictionaries(st.integers(1, 10**7), st.floats(1e-3, 1e5), min_size=1),
    st.integers(1, 10**7),
)
def test_between_lengths_it_stays_between_their_times(runs: dict[int, float], tokens: int) -> None:
    points = [(float(length), runs[length]) for length in sorted(runs)]
    seconds = estimate(points, tokens)
    assert seconds is not None
    assert seconds > 0.0
    below = [s for length, s in points if length <= tokens][-1:]
    above = [s for length, s in points if length >= tokens][:1]
    if below and above:
        low, high = sorted((below[0], above[0]))
        assert low * (1 - 1e-9) <= seconds <= high * (1 + 1e-9)
