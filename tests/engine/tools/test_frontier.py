"""benchmarks/frontier: the published rules by slow definitions, and a run with a tiny model."""

import json
import math

import pytest
import torch
from benchmark_modules import names_of
from frontier_definitions import BLOCK, flexprefill_by_loops, share_of_blocks, weights_of
from local_models import write_book, write_model

from sa_chat.engine.attention import AttentionStats
from sa_chat.engine.kernels import attend

MODULES = ("rules", "reading", "drawing", "__main__")


@pytest.fixture(scope="module")
def frontier():
    """All names of its modules."""
    return names_of("frontier", MODULES)


def made(heads=4, kv_heads=2, rows=384, keys=1024, dim=16, sharpness=2.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    q = sharpness * torch.randn(heads, rows, dim, generator=generator)
    k = torch.randn(kv_heads, keys, dim, generator=generator)
    v = torch.randn(kv_heads, keys, dim, generator=generator)
    return q, k, v


def test_xattention_keeps_the_fewest_blocks_that_hold_the_threshold(frontier):
    q, k, _ = made(heads=2, kv_heads=1, rows=256, keys=512)
    scale, start = 0.25, 2
    kept = frontier.XAttention(0.7, stride=32).keep(q, k, scale=scale)
    for head in range(2):
        shares = share_of_blocks(q[head], k[0], scale, 32)
        for row in range(2):
            own = start + row
            expected = {0, own}
            others = sorted(set(range(own)) - expected, key=lambda b: -shares[row, b])
            for block in others:
                if sum(float(shares[row, b]) for b in expected) >= 0.7:
                    break
                expected.add(block)
            found = set(kept[head, row].nonzero().flatten().tolist())
            assert found == expected


@pytest.mark.parametrize("tau", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("least", [1, 3])
def test_flexprefill_keeps_what_its_definition_says(frontier, tau, least):
    q, k, _ = made(rows=256, keys=1024, sharpness=4.0)
    rule = frontier.FlexPrefill(0.5, tau=tau, min_budget=least * BLOCK)
    kept = rule.keep(q, k, scale=0.25) & (frontier.distances(q, k) >= 0)
    for head in range(4):
        expected = flexprefill_by_loops(q[head], k[head // 2], 0.25, 0.5, tau, least)
        assert {tuple(place) for place in kept[head].nonzero().tolist()} == expected
        assert (kept[head].sum(dim=-1) >= least).all()
    assert not kept.all()


def test_flexprefill_follows_the_last_rows(frontier):
    """Planted: all rows look at one key, in block 1, and at the keys 300 places before them."""
    rows, keys, dim = 256, 1024, 64
    generator = torch.Generator().manual_seed(1)
    k = torch.randn(1, keys, dim, generator=generator)
    k /= k.norm(dim=-1, keepdim=True)
    positions = torch.arange(keys - rows, keys)
    q = 30 * (k[:, positions - 300] + k[:, 150:151])
    rule = frontier.FlexPrefill(0.9, min_budget=2 * BLOCK)
    kept = rule.keep(q, k, scale=1.0)[0]
    for row in range(rows // BLOCK):
        own = (keys - rows) // BLOCK + row
        assert kept[row, 1]
        assert kept[row, own]
        assert kept[row, own - 2]  # where most of the distances of 300 end
    assert kept.float().mean() < 0.8


def test_flexprefill_maps_means_where_they_tell_enough(frontier):
    """Keys equal within each block: the means are exact, and the map of means decides."""
    generator = torch.Generator().manual_seed(2)
    k = torch.randn(1, 8, 32, generator=generator).repeat_interleave(BLOCK, dim=1)
    q = 2 * torch.randn(1, 2, 32, generator=generator).repeat_interleave(BLOCK, dim=1)
    rule = frontier.FlexPrefill(0.6, min_budget=BLOCK)
    kept = rule.keep(q, k, scale=1.0)[0]
    shares = torch.stack(
        [
            (q[0, row * BLOCK] @ k[0, ::BLOCK].T)
            .masked_fill(torch.arange(8) > 6 + row, -math.inf)
            .softmax(dim=-1)
            for row in range(2)
        ]
    )
    total, mapped = 0.0, set()
    for at in shares.flatten().argsort(descending=True).tolist():
        total += float(shares.flatten()[at])
        if total > 0.6 * 2:
            break
        mapped.add((at // 8, at % 8))
    assert mapped
    assert mapped <= {tuple(place) for place in kept.nonzero().tolist()}
    by_last_rows = frontier.FlexPrefill(0.6, tau=0.0, min_budget=BLOCK).keep(q, k, scale=1.0)[0]
    assert not torch.equal(kept, by_last_rows)


def test_diagonals_are_summed_by_their_distance(frontier):
    torch.manual_seed(3)
    weights = weights_of(torch.randn(5, 8), torch.randn(40, 8), 1.0)[None]
    found = frontier.diagonal_sums(weights)
    for distance in range(40):
        rows = [(row, 35 + row - distance) for row in range(5) if 35 + row >= distance]
        expected = sum(float(weights[0, row, key]) for row, key in rows)
        assert float(found[0, distance]) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("rows", [384, 300])
@pytest.mark.parametrize("rule", ["FlexPrefill", "XAttention"])
def test_almost_everything_kept_is_dense_attention(frontier, rule, rows):
    q, k, v = made(rows=rows, keys=640 + rows)
    backend = getattr(frontier, rule)(1.0)
    selection = backend.select(0, q, k, scale=0.25)
    out, _ = backend.attend(0, q, k, v, selection, scale=0.25)
    expected, _ = attend(q, k, v, causal=True, scale=0.25)
    torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-4)
    assert selection.plan.density >= 1.0


@pytest.mark.parametrize("rule", ["FlexPrefill", "XAttention"])
def test_plans_are_causal_and_count_their_pairs(frontier, rule):
    q, k, v = made(sharpness=6.0)
    backend = getattr(frontier, rule)(0.5)
    if rule == "FlexPrefill":
        backend.min_blocks = 1
    plan = backend.plan(q, k, scale=0.25)
    mask = plan.to_mask()
    rows = torch.arange(len(k[0]) - q.shape[1], len(k[0]))
    assert not mask[:, torch.arange(len(k[0])) > rows[:, None]].any()
    assert mask.diagonal(offset=len(k[0]) - q.shape[1], dim1=1, dim2=2).all()
    assert mask[:, :, 0].all()
    assert torch.equal(mask.sum(dim=(1, 2)), plan.pairs_computed)
    assert 0.0 < plan.density < 0.9
    selection = backend.select(3, q, k, scale=0.25)
    out, lse = backend.attend(3, q, k, v, selection, scale=0.25)
    stats = AttentionStats()
    stats.record(3, q, k, lse, selection, None)
    assert stats.counts().density == pytest.approx(plan.density)
    scores = (q.view(2, 2, 384, 16) @ k[:, None].mT).flatten(0, 1) * 0.25
    weights = scores.masked_fill(~mask, -math.inf).softmax(dim=-1)
    expected = (weights.view(2, 2, 384, 1024) @ v[:, None]).flatten(0, 1)
    torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("rule", ["FlexPrefill", "XAttention"])
def test_recall_is_what_the_kept_blocks_hold(frontier, rule):
    q, k, v = made(rows=1024, keys=2048)
    backend = getattr(frontier, rule)(0.5)
    backend.measure = True
    selection = backend.select(0, q, k, scale=0.5)
    _, lse = backend.attend(0, q, k, v, selection, scale=0.5)
    stats = AttentionStats()
    stats.record(0, q, k, lse, selection, None)
    rows = selection.sample.held_out_rows
    kept = selection.plan.to_mask(rows)
    weights = torch.stack([weights_of(q[h], k[h // 2], 0.5)[rows] for h in range(4)])
    recall = (weights * kept).sum(dim=-1)
    assert backend.sampled
    assert stats.recall.mean == pytest.approx(float(recall.mean()), abs=1e-4)
    assert stats.recall.minimum == pytest.approx(float(recall.min()), abs=1e-4)


@pytest.mark.parametrize("rule", ["FlexPrefill", "XAttention"])
def test_learned_sinks_leave_the_selection_as_it_is(frontier, rule):
    q, k, v = made(rows=384, keys=1024, sharpness=6.0)
    backend, sinks = getattr(frontier, rule)(0.5), torch.tensor([0.5, -1.0, 2.0, 0.0])
    selection = backend.select(0, q, k, scale=0.25)
    plain, lse = backend.attend(0, q, k, v, selection, scale=0.25)
    out, _ = backend.attend(0, q, k, v, selection, scale=0.25, sink_logits=sinks)
    share = (lse - sinks[:, None]).sigmoid()[..., None]
    torch.testing.assert_close(out, plain * share, atol=1e-5, rtol=1e-4)


def test_short_chunks_have_no_recall(frontier):
    q, k, _ = made(rows=256, keys=256)
    backend = frontier.XAttention(0.9)
    backend.measure = True
    assert backend.select(0, q, k, scale=0.25).sample is None
    assert not backend.sampled


def test_divergence_is_zero_for_the_same_logits(frontier):
    logits = torch.randn(300, 50)
    assert frontier.divergence(logits, logits + 3.0) == pytest.approx((0.0, 1.0), abs=1e-6)
    kl, same = frontier.divergence(logits, torch.randn(300, 50))
    assert kl > 0.1
    assert same < 0.5


def test_a_run_goes_on_and_is_drawn(frontier, tmp_path, capsys):
    model, out, book = tmp_path / "tiny", tmp_path / "out", tmp_path / "book.txt"
    write_model(model)
    write_book(book, 100)
    command = ["--model", str(model), "--documents", str(book), "--lengths", "1536"]
    command += ["--tail", "128", "--alphas", "0.8", "--gammas", "0.9", "--thresholds", "0.9"]
    command += ["--rounds", "1", "--device", "cpu", "--out", str(out)]
    assert frontier.main([*command, "--time-limit", "0"]) == 0
    assert "goes on from here" in capsys.readouterr().out
    lines = out / "frontier.jsonl"
    with lines.open("a", encoding="utf-8") as file:
        file.write('{"model": "ti')
    assert frontier.main(command) == 0
    rows = [json.loads(line) for line in lines.read_text("utf-8").splitlines()]
    rules = ["dense, other chunks", "sa-chat", "FlexPrefill", "XAttention"]
    assert [row["rule"] for row in rows] == rules
    assert all(row["tokens"] == 1536 and row["prefill_s"] > 0.0 for row in rows)
    assert rows[0]["density"] == 1.0
    assert all(0.0 < row["density"] < 1.0 for row in rows[1:])
    assert all(row["kl"] >= 0.0 for row in rows)
    assert rows[0]["recall"] == 1.0
    assert all(0.0 < row["recall_p5"] <= row["recall"] <= 1.0 for row in rows[1:])
    assert all(0.0 < row["select_s"] < row["prefill_s"] for row in rows[1:])
    text = (out / "frontier.md").read_text("utf-8")
    assert all(rule in text for rule in rules)
    assert (out / "frontier.svg").stat().st_size > 1000
    assert frontier.main([*command, "--chunk", "512"]) == 0  # measured anew, beside the others
    assert [json.loads(line)["chunk"] for line in lines.read_text("utf-8").splitlines()] == [
        *[None] * 4,
        *[512] * 4,
    ]
    text = (out / "frontier.md").read_text("utf-8")
    assert "1,536 tokens in chunks of 512" in text
    other = tmp_path / "picture"
    assert frontier.main(["--draw", str(out), "--out", str(other)]) == 0
    assert (other / "frontier.md").read_text("utf-8") == text


@pytest.mark.parametrize(
    "wrong",
    [
        ["--tail", "100"],
        ["--rounds", "0"],
        ["--chunk", "300"],
        ["--alphas", "1.5"],
        ["--draw", "x"],
        [],
    ],
)
def test_wrong_options_are_refused(frontier, wrong, tmp_path):
    documents = ["--documents", "a.txt"] if wrong else []
    with pytest.raises(SystemExit) as ended:
        frontier.main([*documents, *wrong, "--out", str(tmp_path / "out")])
    assert ended.value.code == 2
