"""Selection keeps what it promises, and only that."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sa_chat.engine.kernels.mass_by_level import LEVELS, levels_of
from sa_chat.engine.kernels.reference import attend_reference
from sa_chat.engine.sparsity import (
    CostModel,
    SelectionSettings,
    held_out_recall,
    query_blocks_of,
    row_weights,
    select,
)
from sa_chat.engine.sparsity.cost import kept_pairs
from sa_chat.engine.sparsity.guarantee import PeakCounts
from sa_chat.engine.sparsity.patterns import PATTERNS, Request
from sa_chat.engine.sparsity.plan import Blocks, QueryBlock, SparsePlan, causal_pairs
from sa_chat.engine.sparsity.row_sampling import sample
from sa_chat.engine.sparsity.rows import (
    farthest_in,
    rows_of,
    sampled_in,
    sampled_positions,
    spread_in,
)
from sa_chat.engine.sparsity.sparse_attention import sparse_attention
from sa_chat.protocol.config import METHODS

SCALE = 0.25


def _weights(q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    """Causal softmax weights [H, C, N] by definition."""
    values = torch.eye(k.shape[1]).expand(k.shape[0], -1, -1)
    return attend_reference(q, k, values, causal=True, scale=SCALE)[0]


def _assert_no_key_twice(plan: SparsePlan) -> None:
    """Columns are sorted and before the local window, so that every pair is computed once."""
    for head, columns in enumerate(plan.columns):
        for t, query_block in enumerate(plan.query_blocks):
            used = columns[: plan.num_columns[head, t]]
            assert (used.diff() > 0).all()
            assert (used < query_block.local_start).all()
    assert plan.to_mask().sum((1, 2)).tolist() == plan.pairs_computed.tolist()


def _columns(plan) -> list[list[int]]:
    """The columns that any query block of each head uses."""
    return [
        kept[:n].tolist() for kept, n in zip(plan.columns, plan.num_columns[:, -1], strict=True)
    ]


@given(start=st.integers(0, 300), rows=st.integers(1, 200), query_block=st.integers(1, 64))
def test_query_blocks_cover_the_chunk_once_and_count_the_causal_pairs(start, rows, query_block):
    query_blocks = query_blocks_of(start, start + rows, query_block=query_block, window=16)
    assert [row for t in query_blocks for row in range(t.start, t.end)] == [
        *range(start, start + rows)
    ]
    pairs = sum(t.local_pairs + t.rows * t.local_start for t in query_blocks)
    assert pairs == causal_pairs(start, start + rows)
    assert causal_pairs(start, start + rows) == sum(i + 1 for i in range(start, start + rows))


@pytest.mark.parametrize(
    ("sampling", "expected", "held"),
    [("strided", [109, 119, 129, 139], 134), ("tails", [136, 137, 138, 139], 118)],
)
def test_sampled_rows_are_strided_or_the_tail_of_their_segment(sampling, expected, held):
    assert sampled_in(100, 140, share=0.1, sampling=sampling) == expected
    assert farthest_in(100, 140, expected) == held
    assert sampled_in(7, 8, share=0.1, sampling=sampling) == [7]
    assert farthest_in(7, 8, [7]) is None


def test_every_segment_of_a_query_block_is_sampled():
    query_block, *_ = query_blocks_of(100, 170, query_block=40, window=30)
    rows = sampled_positions(query_block, block=16, share=0.1, sampling="strided")
    assert rows == [107, 115, 123, 131, 139]


@pytest.mark.parametrize("sampling", ["strided", "tails"])
@pytest.mark.parametrize(
    "workspace", [2**30, 1], ids=["all heads of a group at once", "one by one"]
)
def test_a_sample_is_the_exact_attention_of_its_rows(striped, monkeypatch, workspace, sampling):
    monkeypatch.setattr(row_weights, "WORKSPACE_BYTES", workspace)
    q, k, _, _ = striped(rows=97, keys=2500)  # the last query block has one row
    query_blocks = query_blocks_of(2403, 2500, query_block=32, window=32, block=16)
    sizes = _settings(
        query_block=32, window=32, sampled_share=0.1, sampling=sampling, method="block-cluster"
    )
    seen = sample(q, k, query_blocks, sizes, scale=SCALE)
    of_query_block = {"block": 16, "share": 0.1, "sampling": sampling}
    rows = [
        row
        for query_block in query_blocks
        for row in sampled_positions(query_block, **of_query_block)
    ]
    local_starts = torch.tensor(
        [t.local_start for t in query_blocks for _ in sampled_positions(t, **of_query_block)]
    )
    exact = _weights(q, k)
    outside = exact[:, torch.tensor(rows) - 2403] * (torch.arange(2500) < local_starts[:, None])
    last = query_blocks[-1].local_start
    near = {"atol": 1e-5, "rtol": 1e-3}
    assert seen.rows == len(rows)
    torch.testing.assert_close(seen.column_mass, outside.sum(1)[:, :last], **near)
    torch.testing.assert_close(seen.outside_mass, outside.sum((1, 2)), **near)
    row_block = (torch.tensor(rows) - 2403) // 16
    by_block = torch.zeros(4, 7, last // 16)
    by_block.index_add_(1, row_block, outside[:, :, :last].unflatten(-1, (-1, 16)).sum(-1))
    torch.testing.assert_close(seen.block_mass, by_block, **near)
    kept = torch.rand(by_block.shape) < 0.5
    left = outside[:, :, :last] * ~kept[:, row_block].repeat_interleave(16, dim=-1)
    torch.testing.assert_close(seen.column_mass_outside(kept), left.sum(1), **near)
    held = [row for row in seen.held_out_rows.tolist()]
    assert len(held) == 3
    assert not {2403 + row for row in held} & set(rows)
    _, lse = attend_reference(q, k, k, causal=True, scale=SCALE)
    torch.testing.assert_close(seen.held_out_lse, lse[:, seen.held_out_rows], atol=1e-5, rtol=1e-5)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), alpha=st.floats(0.05, 0.99), num_sink_tokens=st.integers(1, 4))
def test_columns_are_the_fewest_levels_that_hold_alpha_in_nearly_every_row(
    seed, alpha, num_sink_tokens
):
    torch.manual_seed(seed)
    q, k = 3 * torch.randn(2, 16, 16), torch.randn(1, 120, 16)
    sizes = _settings(
        method="local-vertical", alpha=alpha, num_sink_tokens=num_sink_tokens, peak=0.999
    )
    query_blocks = query_blocks_of(104, 120, query_block=16, window=16, block=16)
    sampled = sample(q, k, query_blocks, sizes, scale=SCALE, validation_rows=9)
    request = Request(sampled, causal_pairs(104, 120), sizes, PeakCounts())
    proposal = PATTERNS["local-vertical"].propose(request)
    rows = sampled.source.rows
    validation = rows.at[rows.validation]
    assert len(validation) == 9
    assert not set(validation.tolist()) & set(rows.at[: rows.count].tolist())
    last = query_blocks[-1].local_start
    weights = _weights(q, k)[:, validation, :last]
    level = levels_of(sampled.mean_weight)
    level[:, :num_sink_tokens] = 0
    for head in range(2):
        lost = [float((weights[head] * (level[head] > i)).sum(-1).max()) for i in range(LEVELS)]
        enough = [i for i in range(LEVELS - 1) if 1.0 - lost[i] >= alpha]  # 5 % of nine is none
        kept = (level[head] <= (enough or [LEVELS - 2])[0]).nonzero().flatten()
        assert bool(proposal.reaches_alpha()[head]) == bool(enough)
        columns = proposal.columns[head, : proposal.num_columns[head, -1]]
        assert columns.tolist() == kept.tolist()


def _with_peaks(striped, share: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Queries of which head 0 copies in a share of its rows: each looks up a key of its own."""
    torch.manual_seed(1)
    q, k, *_ = striped(rows=512, keys=1400)
    rows = torch.randperm(512)[: int(share * 512)]
    keys = torch.randperm(800)[: len(rows)]
    k = k + 0.3 * torch.randn_like(k)
    q[0, rows] = 60.0 * k[0, keys] / k[0, keys].norm(dim=-1, keepdim=True)
    return q, k


@pytest.mark.parametrize(
    "workspace", [2**30, 1], ids=["all heads of a group at once", "one by one"]
)
@pytest.mark.parametrize("keys", [2500, 4300])
def test_levels_come_with_the_sample_as_the_kernels_twin_sums_them(
    striped, monkeypatch, workspace, keys
):
    monkeypatch.setattr(row_weights, "WORKSPACE_BYTES", workspace)
    q, k, _, _ = striped(rows=97, keys=keys)
    query_blocks = query_blocks_of(keys - 97, keys, query_block=32, window=32, block=16)
    sizes = _settings(query_block=32, window=32, sampled_share=0.1, method="local-vertical")
    seen = sample(q, k, query_blocks, sizes, scale=SCALE, validation_rows=2)
    assert seen.known_levels is not None
    by_twin = seen.source.mass_by_level(seen.mean_weight, sizes.num_sink_tokens)
    for sums, expected in zip(seen.mass_by_level(), by_twin, strict=True):
        torch.testing.assert_close(sums, expected, atol=1e-5, rtol=1e-3)
    forced = sample(q, k, query_blocks, replace(sizes, density=0.3), scale=SCALE)
    assert forced.known_levels is None  # nothing asks for them


@pytest.mark.parametrize("share", [0.04, 0.2])
def test_a_head_keeps_the_peaks_of_its_rows_whatever_it_takes(striped, share):
    """0.04 are fewer rows than alpha leaves out of account: only the rule on peaks sees them."""
    q, k = _with_peaks(striped, share)
    free = CostModel(gather_pairs=0, call_pairs=0)
    sizes = _settings(alpha=0.6, cost=free, block=32, query_block=32, window=32)
    lost = {}
    for peak in (sizes.peak, 0.999):
        plan, _ = select(q, k, scale=SCALE, settings=replace(sizes, peak=peak))
        left = _weights(q, k) * ~plan.to_mask()
        lost[peak] = (left.amax(dim=-1) > 0.2).float().mean(dim=-1)
        assert (lost[peak][1:] == 0.0).all()
        assert plan.pairs_computed[1:].max() < 0.5 * plan.pairs_causal
    assert lost[sizes.peak][0] < 0.015
    assert share > 0.05 or lost[0.999][0] > 0.015


def test_peaks_are_remembered_from_chunk_to_chunk(striped):
    q, k = _with_peaks(striped, 0.2)
    quiet = q.clone()
    quiet[0] = q[1]
    free = CostModel(gather_pairs=0, call_pairs=0)
    sizes = _settings(alpha=0.6, cost=free, block=32, query_block=32, window=32)
    seen = PeakCounts()
    first, _ = select(q, k, scale=SCALE, settings=sizes, seen=seen)
    assert seen.rows == 64
    second, _ = select(quiet, k, scale=SCALE, settings=sizes, seen=seen)
    alone, _ = select(quiet, k, scale=SCALE, settings=sizes)
    assert [bool(each.dense[0]) for each in (first, second, alone)] == [True, True, False]


def test_many_rows_are_validated_until_there_were_enough():
    counts = PeakCounts()
    assert counts.wanted(16) == 4
    assert counts.wanted(128) == 2
    counts.add(64, torch.zeros(1, LEVELS))
    assert counts.wanted(64) == 3
    assert counts.add(192, torch.ones(1, LEVELS)).tolist() == [[1 / 256] * LEVELS]
    assert counts.wanted(64) == 1


def test_rows_are_spread_over_what_is_not_taken():
    assert spread_in(100, 108, [103], 3) == [101, 104, 106]
    assert spread_in(100, 103, [100, 101], 5) == [102]
    assert spread_in(100, 101, [100], 2) == []


def test_a_tail_is_closer_to_exact_attention_than_nothing(striped):
    torch.manual_seed(0)
    q, k, v, _ = striped(rows=128, keys=1024)
    q, k = q + torch.randn_like(q), k + torch.randn_like(k)
    v = v + torch.arange(1024)[:, None] / 300  # what is left out has a mean of its own
    sizes = _settings(alpha=0.5, method="local-vertical", tail_span=16, block=32, query_block=32)
    plan, sampled = select(q, k, scale=SCALE, settings=sizes)
    bare = replace(plan, tail=None)
    exact, _ = attend_reference(q, k, v, causal=True, scale=SCALE)
    errors = []
    for each in (plan, bare):
        out, lse = sparse_attention(q, k, v, each, scale=SCALE)
        errors.append(float((out - exact).norm()))
        # Recall is that of the kept keys: the tail changes nothing in it.
        kept = attend_reference(q, k, v, scale=SCALE, mask=plan.to_mask())[1]
        torch.testing.assert_close(lse, kept, atol=1e-4, rtol=1e-4)
    assert errors[0] < 0.8 * errors[1]
    spans = plan.query_blocks[-1].local_start // 16
    assert plan.tail.keys.shape == (4, spans, q.shape[-1])
    assert plan.pairs_computed.tolist() == [
        int(pairs) + sum(t.local_start // 16 * t.rows for t in plan.query_blocks)
        for pairs in plan.to_mask().sum((1, 2))
    ]
    # The sampled rows see the right mass in every span, unless it would weigh too much.
    rows = sampled.source.rows
    at, starts = rows.at[: rows.count], rows.local_starts
    scores = q[:, at] @ plan.tail.keys.transpose(1, 2) * SCALE + plan.tail.log_weights[:, None]
    shares = (scores - sampled.source.lse[:, : rows.count, None]).exp()
    shares *= (torch.arange(spans) + 1) * 16 <= starts[:, None]
    left = sampled.column_mass * ~plan.to_mask(at)[:, -1, : sampled.column_mass.shape[1]]
    torch.testing.assert_close(
        shares.sum(1), left.unflatten(1, (-1, 16)).sum(-1), atol=1e-3, rtol=1e-2
    )


def test_dense_heads_and_heads_with_blocks_have_no_tail(striped):
    q, k, v, _ = striped(heads=2, groups=1, rows=128, keys=512)
    q[1] = 0.0  # attends to everything alike
    free = CostModel(gather_pairs=0, call_pairs=0)
    sizes = _settings(alpha=0.9, cost=free, tail_span=16, max_column_share=0.3)
    plan, _ = select(q, k, scale=SCALE, settings=sizes)
    assert plan.dense.tolist() == [False, True]
    assert (plan.tail.log_weights[1] == -torch.inf).all()
    out, _ = sparse_attention(q, k, v, plan, scale=SCALE)
    exact, _ = attend_reference(q, k, v, causal=True, scale=SCALE)
    torch.testing.assert_close(out[1], exact[1], atol=1e-4, rtol=1e-3)


def test_the_mask_of_a_plan():
    """Head 0 is dense; head 1 has columns, of which the first query block sees one less, a block,
    and local windows; the padding of its list counts for nothing."""
    plan = SparsePlan(
        query_blocks=(QueryBlock(8, 12, 6), QueryBlock(12, 15, 10)),
        columns=torch.tensor([[1, 2, 3, 0], [1, 5, 9, 4]], dtype=torch.int32),
        num_columns=torch.tensor([[0, 0], [2, 3]], dtype=torch.int32),
        local_starts=torch.tensor([[0, 0], [6, 10]], dtype=torch.int32),
        pairs_computed=torch.tensor([84, 51]),
        pairs_causal=causal_pairs(8, 15),
        blocks=Blocks(
            2, torch.tensor([[[0] * 5] * 4, [[0] * 5, [0, 1, 0, 0, 0], *[[0] * 5] * 2]]) > 0
        ),
    )
    expected = [
        ".x...xxxx......",
        ".x...xxxxx.....",
        ".xxx.xxxxxx....",
        ".xxx.xxxxxxx...",
        ".x...x...xxxx..",
        ".x...x...xxxxx.",
        ".x...x...xxxxxx",
    ]
    mask = plan.to_mask()
    assert torch.equal(mask[0], torch.ones(7, 15, dtype=torch.bool).tril(8))
    assert ["".join(".x"[seen] for seen in row) for row in mask[1].tolist()] == expected
    some = torch.tensor([6, 0, 3])
    assert torch.equal(plan.to_mask(some), mask[:, some])
    assert plan.dense.tolist() == [True, False]
    assert mask.sum((1, 2)).tolist() == plan.pairs_computed.tolist()


def test_finds_the_stripes_and_skips_the_rest(striped, small_settings):
    q, k, _, stripes = striped()
    plan, _ = select(q, k, scale=SCALE, settings=replace(small_settings, alpha=0.97))
    assert not plan.dense.any()
    assert plan.density < 0.35
    for columns in _columns(plan):
        assert {s for s in stripes if s < plan.query_blocks[0].local_start} <= set(columns)


def test_sinks_and_local_window_are_kept_and_no_key_twice(striped, small_settings):
    q, k, _, _ = striped(rows=100, keys=400)
    plan, _ = select(q, k, scale=SCALE, settings=small_settings)
    _assert_no_key_twice(plan)
    mask = plan.to_mask()
    assert mask.shape == (4, 100, 400)
    assert mask[..., : small_settings.num_sink_tokens].all()
    for row in range(100):
        position = 300 + row
        local_window = slice(position - small_settings.window + 1, position + 1)
        assert mask[:, row, local_window].all()
        assert not mask[:, row, position + 1 :].any()


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
    assert plan.to_mask().sum() == plan.pairs_computed.sum() == 4 * plan.pairs_causal
    _assert_no_key_twice(plan)


def test_heads_choose_for_themselves(striped, small_settings):
    q, k, _, _ = striped()
    q[1] = 0.0  # attends to everything alike
    plan, _ = select(q, k, scale=SCALE, settings=replace(small_settings, alpha=0.97))
    assert plan.pairs_computed[1] > 2 * plan.pairs_computed[0]


@pytest.mark.parametrize("alpha", [0.5, 0.8, 0.95])
def test_recall_is_the_exact_mass_on_rows_not_sampled(striped, small_settings, alpha):
    q, k, v, _ = striped(rows=97, keys=400)  # the last query block is one row, which is sampled
    plan, seen = select(q, k, scale=SCALE, settings=replace(small_settings, alpha=alpha))
    held = seen.held_out_rows.tolist()
    exact = (_weights(q, k) * plan.to_mask()).sum(-1)[:, held]
    mass = held_out_recall(sparse_attention(q, k, v, plan, scale=SCALE)[1], seen)
    torch.testing.assert_close(mass, exact, atol=1e-5, rtol=1e-4)
    sampled = seen.source.rows.at[: seen.rows].tolist()
    assert len(held) == 3
    assert not set(held) & set(sampled)
    assert mass.mean() > alpha - 0.05


@pytest.mark.parametrize("density", [0.3, 0.6, 0.9])
def test_a_forced_density_is_reached_and_not_exceeded(striped, density):
    q, k, *_ = striped()
    plan, _ = select(q, k, scale=SCALE, settings=_settings(density=density, alpha=0.01))
    assert density - 0.02 < plan.density <= density
    assert not plan.dense.any()
    _assert_no_key_twice(plan)


def test_a_forced_density_takes_the_columns_with_most_mass_per_pair(striped):
    q, k, *_ = striped()
    few, sampled = select(q, k, scale=SCALE, settings=_settings(density=0.3))
    last = few.query_blocks[-1].local_start
    pairs = torch.tensor(
        [sum(t.rows for t in few.query_blocks if t.local_start > key) for key in range(last)]
    )
    for head, columns in enumerate(_columns(few)):
        merit = sampled.column_mass[head] / pairs
        chosen = torch.zeros(last, dtype=torch.bool)
        chosen[columns] = True
        assert merit[columns[2:]].min() >= 0.999 * merit[~chosen].max()


def test_a_density_below_the_window_keeps_window_and_sinks(striped):
    q, k, *_ = striped()
    plan, _ = select(q, k, scale=SCALE, settings=_settings(density=0.001))
    assert all(columns == [0, 1] for columns in _columns(plan))
    assert plan.density > 0.001


def test_a_shape_is_sinks_and_window_whatever_they_keep(striped):
    q, k, v, _ = striped()
    a_shape = _settings(method="a-shape", alpha=0.9)
    plan, sampled = select(q, k, scale=SCALE, settings=a_shape)
    assert all(columns == [0, 1] for columns in _columns(plan))
    assert held_out_recall(sparse_attention(q, k, v, plan, scale=SCALE)[1], sampled).min() < 0.9


def test_a_pattern_alone_never_falls_back_to_dense(striped):
    q, k, *_ = striped()
    costly = CostModel(gather_pairs=10**9, call_pairs=10**9)
    auto = _settings(cost=costly, alpha=0.9)
    plan, _ = select(q, k, scale=SCALE, settings=auto)
    assert plan.dense.all()
    alone = replace(auto, method="local-vertical", break_even=10**9)
    plan, _ = select(q, k, scale=SCALE, settings=alone)
    assert not plan.dense.any()
    assert select(q, k, scale=SCALE, settings=replace(alone, alpha=1.0)) is None


def _settings(**changes) -> SelectionSettings:
    sizes = {
        "query_block": 16,
        "window": 16,
        "block": 16,
        "num_sink_tokens": 2,
        "break_even": 1,
        "tail_span": None,
    } | changes
    return SelectionSettings(**sizes)


def test_computed_pairs_count_query_blocks_columns_and_blocks():
    query_blocks = query_blocks_of(1000, 1024, query_block=16, window=100)  # of 16 and 8 rows
    sizes = {"block": 8, "share": 0.1, "sampling": "strided", "validation_rows": 1}
    sizes["device"] = torch.device("cpu")
    rows = rows_of(query_blocks, **sizes)
    num_columns = torch.tensor([[3, 5], [0, 0]], dtype=torch.int32)
    local_start = query_blocks[0].local_pairs + query_blocks[1].local_pairs
    kept = torch.zeros(2, 3, 90, dtype=torch.bool)
    kept[0, 0, 5] = kept[0, 2, 7] = kept[1, 1, 0] = True
    pairs = kept_pairs(rows, num_columns[None], [Blocks(8, kept)])
    assert pairs.tolist() == [[local_start + 16 * 3 + 8 * 5 + 2 * 64, local_start + 64]]
    short = Blocks(16, torch.ones(1, 2, 3, dtype=torch.bool))  # 24 rows: one block and a half
    assert short.pairs(24).tolist() == [3 * 16 * 24]


def test_the_predicted_cost_counts_a_gathered_column_once():
    cost = CostModel(gather_pairs=7, call_pairs=11)
    assert cost.sparse(torch.tensor([100]), torch.tensor([5]), 2).tolist() == [100 + 35 + 22]
    assert cost.dense(100) == 111


@pytest.mark.parametrize("method", [name for name in METHODS if name != "auto"])
@pytest.mark.parametrize("density", [None, 0.5])
def test_every_pattern_can_be_carried_out_alone(striped, method, density):
    q, k, v, _ = striped(rows=100, keys=520)
    sizes = _settings(method=method, alpha=0.8, density=density)
    plan, seen = select(q, k, scale=SCALE, settings=sizes)
    kept = plan.to_mask()
    exact = attend_reference(q, k, v, scale=SCALE, mask=kept)
    out, lse = sparse_attention(q, k, v, plan, scale=SCALE)
    torch.testing.assert_close(lse, exact[1], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(out, exact[0], atol=1e-4, rtol=1e-3)
    sampled = seen.source.rows.at[: seen.rows]
    held = (_weights(q, k) * kept).sum(-1)[:, sampled].sum(-1)
    if density is None and method != "a-shape":
        assert (held >= 0.8 * seen.rows - 1e-3).all()


def _request(q: torch.Tensor, k: torch.Tensor, sizes: SelectionSettings) -> Request:
    start, end = k.shape[1] - q.shape[1], k.shape[1]
    query_blocks = query_blocks_of(
        start, end, query_block=sizes.query_block, window=sizes.window, block=sizes.block
    )
    sampled = sample(q, k, query_blocks, sizes, scale=SCALE, validation_rows=8)
    return Request(sampled, causal_pairs(start, end), sizes, PeakCounts())


@pytest.mark.parametrize("method", [name for name in METHODS if name != "auto"])
def test_the_mass_of_a_proposal_is_that_of_what_it_keeps(striped, method):
    q, k, *_ = striped(rows=128, keys=512)
    request = _request(q, k, _settings(method=method, alpha=0.8, sampled_share=0.2))
    proposal = PATTERNS[method].propose(request)
    plan, seen = select(q, k, scale=SCALE, settings=request.settings)
    sampled = seen.source.rows.at[: seen.rows]
    weights = _weights(q, k)[:, sampled]
    outside = torch.arange(512) < seen.source.rows.local_starts[:, None]
    held = (weights * plan.to_mask(sampled) * outside).sum((1, 2))
    torch.testing.assert_close(proposal.kept_mass(), held, atol=1e-3, rtol=1e-3)


def _diagonal(rows: int, keys: int, distances: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """One head whose rows attend to the keys at fixed distances: one dimension a position."""
    k = torch.eye(keys)[None]
    q = torch.zeros(1, rows, keys)
    for distance in distances:
        at = torch.arange(keys - rows, keys) - distance
        q[0, torch.arange(rows)[at >= 0], at[at >= 0]] = 60.0
    return q, k


def test_slashes_cover_rows_that_columns_cannot():
    q, k = _diagonal(128, 512, [208, 304])  # thirteen and nineteen blocks
    sizes = _settings(alpha=0.9, sampled_share=0.25)
    covered = {}
    for name in ("vertical-slash", "local-vertical"):
        plan, _ = select(q, k, scale=SCALE, settings=replace(sizes, method=name))
        covered[name] = float((_weights(q, k) * plan.to_mask()).sum(-1).mean())
        if plan.blocks is not None:
            numbers = plan.blocks.kept[0].nonzero()
            assert {int(384 // 16 + row - key) for row, key in numbers} == {13, 19}
    assert covered["vertical-slash"] > 0.95
    assert covered["local-vertical"] < 0.5


def test_interval_slash_finds_the_period():
    q, k = _diagonal(64, 512, [64 * n for n in range(1, 7)])
    plan, _ = select(q, k, scale=SCALE, settings=_settings(method="interval-slash", alpha=0.9))
    numbers = plan.blocks.kept[0, :, 1:].nonzero()
    assert {int(448 // 16 + row - key - 1) % 4 for row, key in numbers} == {0}
    assert plan.density < 0.5


def test_columns_and_slashes_take_thresholds_of_their_own(striped):
    q, k, *_ = striped(rows=128, keys=512)
    few = _settings(method="vertical-slash", alpha_vertical_slash=(0.5, 0.1))
    many = replace(few, alpha_vertical_slash=(0.9, 0.5))
    first, second = (select(q, k, scale=SCALE, settings=each)[0] for each in (few, many))
    assert (first.blocks.kept.sum((1, 2)) < second.blocks.kept.sum((1, 2))).all()
    for head in range(4):
        request = _request(q, k, few)
        held = PATTERNS["vertical-slash"].propose(request).kept_mass()[head]
        assert held >= (1 - 0.5 * 0.9) * request.sample.outside_mass[head] - 1e-2


def test_auto_takes_for_each_head_the_cheapest_pattern_that_holds_alpha():
    diagonal, positions = _diagonal(128, 512, [208])
    k = torch.nn.functional.pad(positions, (0, 1))
    k[0, [5, 90, 200], -1] = 1.0  # stripes, in a dimension of their own
    q = torch.zeros(3, 128, 513)
    q[0, :, -1] = 60.0
    q[1] = torch.nn.functional.pad(diagonal[0], (0, 1))
    q[2, :, :] = 0.0  # attends to everything alike
    patterns = ("local-vertical", "vertical-slash", "interval-slash", "block-cluster")
    free = CostModel(gather_pairs=0, call_pairs=0)
    auto = _settings(patterns=patterns, alpha=0.9, cost=free, sampled_share=0.25)
    plan, _ = select(q, k, scale=SCALE, settings=auto)
    columns, blocks = (
        select(q, k, scale=SCALE, settings=replace(auto, method=name))[0]
        for name in ("local-vertical", "block-cluster")
    )
    assert plan.pairs_computed[0] == columns.pairs_computed[0]
    assert plan.pairs_computed[1] == blocks.pairs_computed[1] < columns.pairs_computed[1]
    assert plan.dense.tolist() == [False, False, True]
    assert plan.order.tolist() == plan.pairs_computed.argsort(descending=True).tolist()


def test_auto_needs_no_pattern_with_columns():
    q, k = _diagonal(128, 512, [208])
    patterns = ("interval-slash", "block-cluster")
    free = CostModel(gather_pairs=0, call_pairs=0)
    auto = _settings(patterns=patterns, alpha=0.9, cost=free, sampled_share=0.25)
    plan, _ = select(q, k, scale=SCALE, settings=auto)
    alone, _ = select(q, k, scale=SCALE, settings=replace(auto, method="block-cluster"))
    assert plan.pairs_computed.tolist() == alone.pairs_computed.tolist()
    assert plan.columns.shape[1] == 0


def test_a_head_with_too_many_columns_is_dense(striped, small_settings):
    q, k, *_ = striped()
    q[1] = 0.0  # attends to everything alike
    plan, _ = select(q, k, scale=SCALE, settings=replace(small_settings, max_column_share=0.3))
    assert plan.dense.tolist() == [False, True, False, False]
    assert plan.columns.shape[1] == int(0.3 * 512)
