"""Selection keeps what it promises, and only that."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sa_chat.engine.attention import execute
from sa_chat.engine.kernels.reference import attend_reference
from sa_chat.engine.selection import (
    CostModel,
    SelectionSettings,
    coverage,
    sampling,
    select,
    tiles_of,
)
from sa_chat.engine.selection.plan import causal_pairs
from sa_chat.engine.selection.sampling import held_out_row, sample, sampled_rows
from sa_chat.engine.selection.stripes import columns_reaching

SCALE = 0.25


def _weights(q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    """Causal softmax weights [H, C, N] by definition."""
    values = torch.eye(k.shape[1]).expand(k.shape[0], -1, -1)
    return attend_reference(q, k, values, causal=True, scale=SCALE)[0]


def _kept(plan, keys: int) -> torch.Tensor:
    """How often each key is computed for each row: [H, C, N] counts."""
    first = plan.tiles[0].start
    counts = torch.zeros(len(plan.columns), plan.tiles[-1].end - first, keys)
    for head, columns in enumerate(plan.columns):
        for t, tile in enumerate(plan.tiles):
            for row in range(tile.start, tile.end):
                counts[head, row - first, columns[: plan.used[head, t]]] += 1
                counts[head, row - first, plan.bands[head, t] : row + 1] += 1
    return counts


def _columns(plan) -> list[list[int]]:
    """Those that any tile of each head uses."""
    return [kept[:n].tolist() for kept, n in zip(plan.columns, plan.used[:, -1], strict=True)]


@given(start=st.integers(0, 300), rows=st.integers(1, 200), tile=st.integers(1, 64))
def test_tiles_cover_the_chunk_once_and_count_the_causal_pairs(start, rows, tile):
    tiles = tiles_of(start, start + rows, tile=tile, window=16)
    assert [row for t in tiles for row in range(t.start, t.end)] == [*range(start, start + rows)]
    pairs = sum(t.band_pairs + t.rows * t.band for t in tiles)
    assert pairs == causal_pairs(start, start + rows)
    assert causal_pairs(start, start + rows) == sum(i + 1 for i in range(start, start + rows))


def test_sampled_rows_are_the_tails_of_the_tiles():
    first, second = tiles_of(100, 170, tile=40, window=30)
    assert [*sampled_rows(first, 0.05)] == [138, 139]
    assert [*sampled_rows(second, 0.05)] == [168, 169]
    assert [held_out_row(first), held_out_row(second)] == [119, 154]


@pytest.mark.parametrize(
    "workspace", [2**30, 1], ids=["all heads of a group at once", "one by one"]
)
def test_a_sample_is_the_exact_attention_of_its_rows(striped, monkeypatch, workspace):
    monkeypatch.setattr(sampling, "WORKSPACE_BYTES", workspace)
    q, k, _, _ = striped(rows=97, keys=2500)  # the last tile has one row
    tiles = tiles_of(2403, 2500, tile=32, window=32)
    seen = sample(q, k, tiles, share=0.1, scale=SCALE)
    rows = [row for tile in tiles for row in sampled_rows(tile, 0.1)]
    bands = torch.tensor([tile.band for tile in tiles for _ in sampled_rows(tile, 0.1)])
    exact = _weights(q, k)
    outside = exact[:, torch.tensor(rows) - 2403] * (torch.arange(2500) < bands[:, None])
    assert seen.rows == len(rows)
    torch.testing.assert_close(seen.mass, outside.sum(1)[:, : tiles[-1].band], atol=1e-5, rtol=1e-3)
    assert seen.held_rows.tolist() == [15, 47, 79]
    _, lse = attend_reference(q, k, k, causal=True, scale=SCALE)
    torch.testing.assert_close(seen.held_lse, lse[:, seen.held_rows], atol=1e-5, rtol=1e-5)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), alpha=st.floats(0.05, 0.999), sinks=st.integers(1, 4))
def test_columns_are_the_smallest_set_that_reaches_alpha(seed, alpha, sinks):
    torch.manual_seed(seed)
    rows = 5
    mass = torch.rand(2, 40) ** 4
    mass *= rows * 0.8 / mass.sum(-1, keepdim=True)  # the band holds the other fifth
    columns, counts = columns_reaching(mass, rows=rows, sinks=sinks, alpha=alpha)
    for head in range(2):
        kept = columns[head, : counts[head, -1]]
        assert kept[:sinks].tolist() == [*range(sinks)]
        held = 0.2 * rows + float(mass[head, kept].sum())
        assert held >= alpha * rows - 1e-4
        if len(kept) > sinks:
            assert held - float(mass[head, kept[sinks:]].min()) < alpha * rows + 1e-4


def test_finds_the_stripes_and_skips_the_rest(striped, small_settings):
    q, k, _, stripes = striped()
    plan, _ = select(q, k, scale=SCALE, settings=replace(small_settings, alpha=0.97))
    assert not plan.dense.any()
    assert plan.density < 0.35
    for columns in _columns(plan):
        assert {s for s in stripes if s < plan.tiles[0].band} <= set(columns)


def test_sinks_and_band_are_kept_and_no_key_twice(striped, small_settings):
    q, k, _, _ = striped(rows=100, keys=400)
    plan, _ = select(q, k, scale=SCALE, settings=small_settings)
    counts = _kept(plan, 400)
    assert counts.max() == 1
    assert counts[..., : small_settings.sinks].min() == 1
    for row in range(100):
        position = 300 + row
        band = slice(position - small_settings.window + 1, position + 1)
        assert counts[:, row, band].min() == 1
        assert counts[:, row, position + 1 :].sum() == 0
    assert counts.sum((1, 2)).tolist() == plan.pairs_computed.tolist()


def test_selection_sees_keys_before_the_chunk(striped, small_settings):
    q, k, _, stripes = striped(rows=64, keys=512)
    early = [s for s in stripes if s < 300]
    plan, _ = select(q, k, scale=SCALE, settings=replace(small_settings, alpha=0.97))
    assert all(set(early) <= set(columns) for columns in _columns(plan))


@pytest.mark.parametrize(
    "change",
    [{"alpha": 1.0}, {"break_even": 513}, {"break_even": None}],
    ids=["alpha 1", "below break-even", "no break-even"],
)
def test_dense_where_the_rules_say_so(striped, small_settings, change):
    q, k, _, _ = striped()
    assert select(q, k, scale=SCALE, settings=replace(small_settings, **change)) is None


def test_a_head_that_would_cost_more_than_dense_is_dense(striped, small_settings):
    q, k, _, _ = striped()
    costly = replace(small_settings, cost=CostModel(gather_pairs=0, call_pairs=10**9))
    plan, _ = select(q, k, scale=SCALE, settings=costly)
    assert plan.dense.all()
    assert plan.density == 1.0
    assert _kept(plan, 512).sum() == plan.pairs_computed.sum() == 4 * plan.pairs_causal


def test_heads_choose_for_themselves(striped, small_settings):
    q, k, _, _ = striped()
    q[1] = 0.0  # attends to everything alike
    plan, _ = select(q, k, scale=SCALE, settings=replace(small_settings, alpha=0.97))
    assert plan.pairs_computed[1] > 2 * plan.pairs_computed[0]


@pytest.mark.parametrize("alpha", [0.5, 0.8, 0.95])
def test_coverage_is_the_exact_mass_on_rows_not_sampled(striped, small_settings, alpha):
    q, k, v, _ = striped(rows=97, keys=400)  # the last tile is one row, which is sampled
    plan, seen = select(q, k, scale=SCALE, settings=replace(small_settings, alpha=alpha))
    held = [15, 47, 79]
    exact = (_weights(q, k) * _kept(plan, 400)).sum(-1)[:, held]
    mass = coverage(execute(q, k, v, plan, scale=SCALE)[1], seen)
    torch.testing.assert_close(mass, exact, atol=1e-5, rtol=1e-4)
    share = small_settings.sampled_share
    sampled = {row for tile in plan.tiles for row in sampled_rows(tile, share)}
    assert not {303 + row for row in held} & sampled
    assert mass.mean() > alpha - 0.05


@pytest.mark.parametrize("density", [0.3, 0.6, 0.9])
def test_a_forced_density_is_reached_and_not_exceeded(striped, density):
    q, k, *_ = striped()
    plan, _ = select(q, k, scale=SCALE, settings=_plain(density=density, alpha=0.01))
    assert density - 0.02 < plan.density <= density
    assert not plan.dense.any()
    counts = _kept(plan, k.shape[1])
    assert counts.max() == 1
    assert counts.sum() == plan.pairs_computed.sum()


def test_a_forced_density_takes_the_heaviest_columns(striped):
    q, k, *_ = striped()
    few, sampled = select(q, k, scale=SCALE, settings=_plain(density=0.3))
    for head, columns in enumerate(_columns(few)):
        mass = sampled.mass[head]
        chosen = torch.zeros(len(mass), dtype=torch.bool)
        chosen[columns] = True
        assert mass[columns[2:]].min() >= mass[~chosen].max()


def test_a_density_below_the_window_keeps_window_and_sinks(striped):
    q, k, *_ = striped()
    plan, _ = select(q, k, scale=SCALE, settings=_plain(density=0.001))
    assert all(columns == [0, 1] for columns in _columns(plan))
    assert plan.density > 0.001


def test_triangular_is_sinks_and_window_whatever_they_cover(striped):
    q, k, v, _ = striped()
    triangular = _plain(method="triangular", alpha=0.9)
    plan, sampled = select(q, k, scale=SCALE, settings=triangular)
    assert all(columns == [0, 1] for columns in _columns(plan))
    assert coverage(execute(q, k, v, plan, scale=SCALE)[1], sampled).min() < 0.9


def test_a_pattern_alone_never_falls_back_to_dense(striped):
    q, k, *_ = striped()
    costly = CostModel(gather_pairs=10**9, call_pairs=10**9)
    joined = _plain(cost=costly, alpha=0.9)
    plan, _ = select(q, k, scale=SCALE, settings=joined)
    assert plan.dense.all()
    alone = replace(joined, method="window-columns", break_even=10**9)
    plan, _ = select(q, k, scale=SCALE, settings=alone)
    assert not plan.dense.any()
    assert select(q, k, scale=SCALE, settings=replace(alone, alpha=1.0)) is None


def _plain(**changes) -> SelectionSettings:
    sizes = {"tile": 16, "window": 16, "sinks": 2, "break_even": 1} | changes
    return SelectionSettings(**sizes)


def test_the_predicted_cost_counts_a_gathered_column_once():
    tiles = tiles_of(1000, 1024, tile=16, window=100)  # of 16 and 8 rows
    used = torch.tensor([[3, 5], [0, 0]], dtype=torch.int32)
    cost = CostModel(gather_pairs=7, call_pairs=11).stripes(tiles, used)
    fixed = 2 * 11 + tiles[0].band_pairs + tiles[1].band_pairs
    assert cost.tolist() == [fixed + 16 * 3 + 8 * 5 + 7 * 5, fixed]
