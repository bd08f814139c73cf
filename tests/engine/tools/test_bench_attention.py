"""`sa-engine bench attention`: inputs of known structure, checks before times, honest rows."""

import json
import time
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sa_chat.engine.cli import build_parser
from sa_chat.engine.kernels.reference import attend_reference
from sa_chat.engine.sparsity import SelectionSettings, query_blocks_of
from sa_chat.engine.sparsity.rows import SAMPLINGS, rows_of
from sa_chat.engine.tools.bench.attention import baselines, flex, ours
from sa_chat.engine.tools.bench.attention import length as attention_length
from sa_chat.engine.tools.bench.attention.check import Checker
from sa_chat.engine.tools.bench.attention.exact import exact_rows, oracle_density, row_weights
from sa_chat.engine.tools.bench.attention.inputs import Inputs, random_inputs
from sa_chat.engine.tools.bench.attention.structured import (
    NEAR_SCALE,
    SINKS,
    kind_of,
    structured_inputs,
)
from sa_chat.engine.tools.bench.presets import PRESETS, HeadShape, parse_shape
from sa_chat.engine.tools.bench.timing import measure, measure_in_turns
from sa_chat.protocol.config import DEFAULT_ALPHA
from sa_chat.protocol.errors import EngineError, UsageError

CPU = torch.device("cpu")
SMALL = HeadShape("4/2x32", 4, 2, 32)
FIRST_EIGHT = HeadShape("8/2x64", 8, 2, 64)


def _made(make=random_inputs, shape=SMALL, length=2560, dtype=torch.float32):
    return make(shape, length, seed=1, device=CPU, dtype=dtype)


# Shapes


def test_presets_are_whole_models():
    assert {*PRESETS} == {"llama-3.1-8b", "qwen3-4b", "qwen2.5-7b", "reader"}
    for name, shape in PRESETS.items():
        assert shape.name == name
        assert shape.heads % shape.kv_heads == 0
        assert parse_shape(name) is shape


@given(
    kv_heads=st.integers(1, 16),
    group_size=st.integers(1, 8),
    head_dim=st.sampled_from([32, 64, 128]),
)
def test_given_shapes_parse(kv_heads, group_size, head_dim):
    text = f"{kv_heads * group_size}/{kv_heads}x{head_dim}"
    assert parse_shape(text) == HeadShape(text, kv_heads * group_size, kv_heads, head_dim)


@pytest.mark.parametrize(
    "text",
    ["", "llama", "32x128", "32/8", "32/0x128", "32/5x128", "8/2x63", "8/2x512", "9999/1x64"],
)
def test_nonsense_shapes_are_usage_errors(text):
    with pytest.raises(UsageError) as caught:
        parse_shape(text)
    assert caught.value.hint


# Times


def test_medians_of_known_waits():
    waits = iter([0.0, 0.01, 0.05, 0.03])  # the first is warm-up
    timing = measure(lambda: time.sleep(next(waits)), CPU, repeats=3)
    assert timing.runs == 3
    assert 0.03 <= timing.median_s < 0.05
    assert timing.low_s < timing.median_s < timing.high_s


def test_slow_calls_are_not_repeated_beyond_the_budget():
    calls = []
    timing = measure(
        lambda: (calls.append(1), time.sleep(0.02)), CPU, repeats=100, least=2, budget_s=0.01
    )
    assert timing.runs == 2
    assert len(calls) == 3


def test_turns_are_taken():
    calls = []
    functions = [lambda: calls.append("a"), lambda: calls.append("b")]
    first, second = measure_in_turns(functions, CPU, repeats=5, least=5)
    assert first.runs == second.runs == 5
    assert calls == ["a", "b"] * 6


# Exact rows


def test_exact_rows_are_attention_by_its_definition():
    inputs = _made(length=100)
    expected, _ = attend_reference(inputs.q, inputs.k, inputs.v, causal=True, scale=inputs.scale)
    out, mass = exact_rows(inputs.q, inputs.k, inputs.v, [0, 7, 99], scale=inputs.scale)
    torch.testing.assert_close(out, expected[:, [0, 7, 99]].double(), atol=1e-5, rtol=1e-4)
    assert (mass == 1).all()


def test_kept_keys_hold_their_share_of_the_mass():
    inputs = _made(length=100)
    kept = torch.zeros(4, 1, 100, dtype=torch.bool)
    kept[:, :, 3:40] = True
    out, mass = exact_rows(inputs.q, inputs.k, inputs.v, [60], scale=inputs.scale, kept=kept)
    part, _ = attend_reference(
        inputs.q[:, 60:61], inputs.k[:, 3:40], inputs.v[:, 3:40], causal=False, scale=inputs.scale
    )
    torch.testing.assert_close(out, part.double(), atol=1e-5, rtol=1e-4)
    for heads, weights in row_weights(inputs.q, inputs.k, [60], scale=inputs.scale):
        torch.testing.assert_close(mass[heads], weights[..., 3:40].sum(dim=-1))


def test_oracle_of_even_weights_is_the_share():
    inputs = _made(length=200)
    inputs.q.zero_()
    densities = oracle_density(inputs.q, inputs.k, [99, 199], share=0.9)
    assert densities == pytest.approx([0.9] * 4, abs=0.02)


# Structure


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_structured_heads_need_fewer_keys_in_longer_contexts(dtype):
    found = []
    for length in (4096, 16_384):
        inputs = _made(structured_inputs, FIRST_EIGHT, length, dtype)
        rows = [length * part // 8 - 1 for part in range(1, 9)]
        found.append(oracle_density(inputs.q, inputs.k, rows))
    short, long = (sum(densities) / 8 for densities in found)
    assert 0.3 < short < 0.45
    assert 0.2 < long < short - 0.05
    by_kind = dict(zip(map(kind_of, range(8)), found[1], strict=True))
    assert by_kind["flat"] > 0.6
    assert all(density < 0.5 for kind, density in by_kind.items() if kind != "flat")


def test_each_kind_of_head_attends_to_what_the_table_says():
    length = 16_384
    inputs = _made(structured_inputs, FIRST_EIGHT, length)
    rows = [8000, 12_000, 16_000]
    mass = torch.cat([w for _, w in row_weights(inputs.q, inputs.k, rows, scale=inputs.scale)])
    head_of = {kind_of(head): head for head in range(8)}
    for row, weights in zip(rows, mass.unbind(1), strict=True):
        near = slice(row - NEAR_SCALE, row + 1)
        assert weights[head_of["local"], near].sum() > 0.95
        assert weights[head_of["sink"], :SINKS].sum() > 0.01
        assert weights[head_of["sink"], near].sum() + weights[head_of["sink"], :SINKS].sum() > 0.95
        assert weights[head_of["flat"]].max() < 0.02
    stripes = mass[head_of["stripe"]]  # the keys that hold a row's mass hold the others' too
    heavy = stripes[0, :8000] > 1e-6
    assert heavy.sum() < 0.45 * 8000
    assert (stripes[1:, :8000] * heavy).sum() > 0.95 * stripes[1:, :8000].sum()
    slashes = mass[head_of["slash"]]  # the distances that hold a row's mass hold the others' too
    by_distance = [slashes[r, : row + 1].flip(0)[:8000] for r, row in enumerate(rows)]
    heavy = by_distance[0] > 1e-4
    assert heavy.sum() < 0.2 * 8000
    assert all(weights[heavy].sum() > 0.95 * weights.sum() for weights in by_distance[1:])


def test_same_seed_same_inputs():
    first, again = (_made(structured_inputs, length=500) for _ in range(2))
    assert torch.equal(first.q, again.q)
    assert torch.equal(first.k, again.k)
    assert not torch.equal(
        first.q, structured_inputs(SMALL, 500, seed=2, device=CPU, dtype=torch.float32).q
    )


# Ours


@pytest.mark.parametrize("length", [2048, 3001])
def test_ours_passes_the_check_and_counts_what_it_keeps(length):
    inputs = _made(structured_inputs, length=length)
    sizes = SelectionSettings(density=0.2, query_block=128, window=128)
    plans = ours.select_all(inputs, sizes)
    rows = ours.rows_not_sampled(inputs, [sizes], count=40, seed=3)
    kept = ours.kept_keys(plans, rows, inputs)
    out = ours.attend_all(inputs, ours.without_tails(plans))
    checked = Checker(inputs, rows).check("ours", out, kept)
    assert checked.error < 1e-4
    assert 0.3 < checked.recall["mean"] < 1.0
    every = ours.kept_keys(plans, range(length), inputs)
    pairs = 4 * length * (length + 1) // 2
    tails = sum(
        query_block.local_start // plan.tail.span * query_block.rows
        for plan in plans
        if plan is not None and plan.tail is not None
        for query_block in plan.query_blocks
    )
    assert tails > 0
    assert (int(every.sum()) + 4 * tails) / pairs == pytest.approx(ours.density(plans, inputs))


def test_dense_plans_keep_every_key():
    inputs = _made(length=3001)
    plans = ours.dense_plans(inputs)
    assert ours.density(plans, inputs) == 1.0
    kept = ours.kept_keys(plans, [0, 2999], inputs)
    assert kept.sum(dim=-1).tolist() == [[1, 3000]] * 4


@settings(max_examples=20, deadline=None)
@given(
    length=st.integers(100, 5000),
    share=st.sampled_from([0.05, 0.25, None]),
    sampling=st.sampled_from(SAMPLINGS),
    seed=st.integers(0, 9),
)
def test_checked_rows_are_not_sampled(length, share, sampling, seed):
    inputs = Inputs(*torch.zeros(3, 1, length, 1))
    settings = SelectionSettings(sampled_share=share, sampling=sampling)
    rows = ours.rows_not_sampled(inputs, [settings], count=64, seed=seed)
    assert rows == sorted(set(rows))
    assert 0 < len(rows) <= 64
    for start, end in ours.chunks(length, CPU):
        query_blocks = query_blocks_of(start, end, query_block=512, window=512, block=128)
        of_chunk = share or settings.share_of(end - start)
        sizes = {"block": 128, "share": of_chunk, "sampling": sampling}
        sampled = rows_of(query_blocks, **sizes, validation_rows=1, device=CPU)
        looked_at = sampled.at[: sampled.validation.stop] + start
        assert not set(rows) & set(looked_at.tolist())


# FlexAttention's mask


@pytest.mark.parametrize(
    "changes",
    [
        {"density": 0.1, "query_block": 96, "window": 96, "block": 96},
        {"density": 0.1, "query_block": 128, "window": 128},
        {"method": "block-cluster", "alpha": 0.6, "query_block": 256, "window": 128},
    ],
)
def test_block_mask_computes_the_blocks_that_the_plan_touches(changes):
    inputs = _made(structured_inputs, length=2560)
    plans = ours.select_all(inputs, SelectionSettings(**changes))
    blocks = flex.kept_blocks(plans, inputs)
    rows = [0, 127, 128, 1500, 2559]
    kept, planned = flex.kept_keys_of(blocks, rows), ours.kept_keys(plans, rows, inputs)
    assert not (planned & ~kept).any()
    touched = ours.kept_keys(plans, range(2560), inputs).unflatten(2, (-1, 128)).any(-1)
    assert torch.equal(blocks, touched.unflatten(1, (-1, 128)).any(2))
    mask = flex.block_mask(blocks)
    assert torch.equal(mask.to_dense()[0].bool(), blocks)
    whole = mask.full_kv_num_blocks.sum(dim=-1) + mask.kv_num_blocks.sum(dim=-1)
    assert whole[0].tolist() == blocks.sum(dim=(1, 2)).tolist()
    assert (mask.kv_num_blocks <= 1).all()  # only the diagonal is masked inside
    every = flex.kept_keys_of(blocks, list(range(2560)))
    assert flex.block_density(blocks) == pytest.approx(int(every.sum()) / (4 * 2560 * 2561 / 2))
    assert ours.density(plans, inputs) <= flex.block_density(blocks) <= 1.0


# The whole


@pytest.fixture
def bench(capsys, monkeypatch):
    """Runs `sa-engine bench attention` on CPU with the given options; its exit code and stdout."""

    def run(*options):
        argv = ["bench", "attention", "--device=cpu", "--shape=4/2x32", "--rounds=1", *options]
        arguments = build_parser().parse_args(argv)
        once = partial(measure_in_turns, budget_s=0.0, warmup=0)
        monkeypatch.setattr(attention_length, "measure_in_turns", once)
        return arguments.command(arguments), capsys.readouterr().out

    return run


def test_rows_of_every_method(bench, tmp_path):
    code, shown = bench("--lengths=4096,4608", "--densities=0.1,0.5", f"--out={tmp_path}")
    assert code == 0
    recorded = json.loads((tmp_path / "attention.json").read_text())
    assert recorded["settings"]["shape"]["heads"] == 4
    rows = [row for row in recorded["rows"] if row["length"] == 4608]
    assert [(row["method"], row["asked"]) for row in rows] == [
        ("fewest keys", f"alpha {DEFAULT_ALPHA:g}"),
        ("torch SDPA", ""),
        ("sa-chat dense", ""),
        ("FlexAttention", ""),
        ("sa-chat", f"local-vertical {DEFAULT_ALPHA:g}"),
        ("sa-chat", "density 0.1"),
        ("sa-chat", "density 0.5"),
    ]
    oracle, baseline, _, without, adaptive, forced, half = rows
    assert oracle["density"] < adaptive["density"]
    assert without["outcome"] == "FlexAttention needs CUDA"
    assert half["density"] == pytest.approx(0.5, abs=0.05)
    assert "alone exceed it" in forced["note"]
    for row in (baseline, adaptive, forced, half):
        assert row["error"] < 2e-2
        assert row["attention"]["runs"] >= 1
        assert row["total_s"] > 0
        assert row["tflops"] > 0
    for row in (adaptive, forced, half):
        assert row["baseline"] == "torch SDPA"
        assert row["prepare"]["median_s"] > 0
        assert row["whole"]["median_s"] == row["total_s"]
        assert row["recall"]["minimum"] <= row["recall"]["mean"] < 1
    assert shown.count("torch SDPA / this") == 2
    assert "FlexAttention needs CUDA" in (tmp_path / "attention.md").read_text()


def test_random_inputs_and_alpha_one(bench):
    code, shown = bench("--lengths=4608", "--densities=0.5", "--inputs=random", "--alpha=1")
    assert code == 0
    (adaptive,) = [
        line for line in shown.splitlines() if "vertical 1 " in line and "sa-chat" in line
    ]
    assert "1.000 | 1.0000 (1.000)" in adaptive


@pytest.mark.parametrize("broken", ["torch SDPA", "sa-chat"])
def test_a_wrong_result_is_not_timed(bench, monkeypatch, broken):
    if broken == "sa-chat":
        right = ours.attend_all

        def wrong(inputs, plans):
            out = right(inputs, plans)
            if plans[-1] is not None:
                out[3] *= 1.1  # of one head only
            return out

        monkeypatch.setattr(ours, "attend_all", wrong)
    else:
        monkeypatch.setattr(
            attention_length, "dense_baselines", lambda device: {broken: lambda inputs: inputs.q}
        )
    with pytest.raises(EngineError, match=rf"{broken} is wrong at 4,608 tokens: query head") as it:
        bench("--lengths=4608", "--densities=0.3")
    assert it.value.exit_code == 5
    assert "not timed" in it.value.hint


def test_what_is_not_written_is_found():
    inputs = _made(length=300)
    out = torch.full_like(inputs.q, torch.nan)
    out[:, :299] = ours.attend_all(inputs, ours.dense_plans(inputs))[:, :299]
    with pytest.raises(EngineError, match="row 299"):
        Checker(inputs, [5, 299]).check("half", out)


def test_a_missing_baseline_says_why(bench, monkeypatch):
    def refuse(*args, **kwargs):
        raise RuntimeError("\n  No available kernel.  Aborting.\nmore")

    monkeypatch.setattr(baselines, "scaled_dot_product_attention", refuse)
    code, shown = bench("--lengths=2048", "--densities=0.5")
    assert code == 0
    assert "No available kernel.  Aborting." in shown
    assert "| ratio |" in shown


@pytest.mark.parametrize(
    "options", [["--densities=0"], ["--densities=0.1,x"], ["--alpha=2"], ["--shape=1/2x3"]]
)
def test_impossible_options_are_usage_errors(options):
    with pytest.raises(UsageError):
        build_parser().parse_args(["bench", "attention", *options])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_baselines_and_ours_on_gpu(capsys, tmp_path):
    argv = ["bench", "attention", "--device=cuda", "--shape=8/2x128", "--lengths=4096"]
    arguments = build_parser().parse_args([*argv, "--densities=0.3", f"--out={tmp_path}"])
    assert arguments.command(arguments) == 0
    rows = json.loads((tmp_path / "attention.json").read_text())["rows"]
    outcomes = {(row["method"], row["asked"]): row["outcome"] for row in rows}
    measured = [key for key, outcome in outcomes.items() if outcome == "measured"]
    assert ("FlashAttention2", "") in measured, outcomes
    assert ("sa-chat", "density 0.3") in measured, outcomes
    assert ("FlexAttention", "density 0.3") in measured, outcomes
    if torch.cuda.get_device_capability() >= (9, 0):
        assert ("cuDNN", "") in measured, outcomes
        assert attention_length.OURS in capsys.readouterr().out
