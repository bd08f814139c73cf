"""Single heads against a definition written out row by row."""

from __future__ import annotations

import math

import pytest
import torch

from running import prefill
from sa_chat.engine.attention import HeadFigures, HeadProbe
from sa_chat.engine.attention.backend import Selection
from sa_chat.engine.attention.dense import DenseBackend
from sa_chat.engine.attention.head_figures import KINDS
from sa_chat.engine.attention.sink_logits import with_sink_logits
from sa_chat.engine.cache import KVCache
from sa_chat.engine.kernels.reference import attend_reference
from sa_chat.engine.runtime import ModelRunner
from sa_chat.engine.sparsity import select
from sa_chat.engine.sparsity.prefill_config import PrefillConfig

SINKS, WINDOW = 2, 20
HEADS, GROUPS, SIZE, SCALE = 4, 2, 16, 0.25


def _chunks(lengths, seed=0):
    """q, k, v of successive chunks: all keys so far with each."""
    generator = torch.Generator().manual_seed(seed)

    def draw(heads, rows):
        return torch.randn(heads, rows, SIZE, generator=generator)

    k, v = draw(GROUPS, sum(lengths)) * 2, draw(GROUPS, sum(lengths))
    end = 0
    for rows in lengths:
        end += rows
        yield draw(HEADS, rows) * 2, k[:, :end], v[:, :end]


def _by_definition(q, k, v, out, kept, rows, tokens, sink_logits=None):
    """For every head the figures of its rows, in loops over heads, rows and keys."""
    start = k.shape[1] - q.shape[1]
    heads = [[] for _ in range(HEADS)]
    for head in range(HEADS):
        for row in rows:
            position = start + row
            scores = [
                SCALE * float(q[head, row] @ k[head // (HEADS // GROUPS), key])
                for key in range(position + 1)
            ]
            most = max(scores)
            total = sum(math.exp(score - most) for score in scores)
            weights = [math.exp(score - most) / total for score in scores]
            exact = sum(w * v[head // (HEADS // GROUPS), key] for key, w in enumerate(weights))
            if sink_logits is not None:
                lse = most + math.log(total)
                exact = exact / (1 + math.exp(float(sink_logits[head]) - lse))
            outside = [key for key in range(SINKS, position + 1) if key <= position - WINDOW]
            copies = [key for key in outside if tokens[key - 1] == tokens[position]]
            mass, fewest = 0.0, 0
            for weight in sorted(weights, reverse=True):
                if mass >= 0.95:
                    break
                mass, fewest = mass + weight, fewest + 1
            outside_mass = sum(weights[key] for key in outside)
            heads[head].append(
                {
                    "recall": sum(w for key, w in enumerate(weights) if kept[head, row, key]),
                    "error": float((out[head, row] - exact).norm() / exact.norm()),
                    "sinks": sum(weights[:SINKS]),
                    "outside": outside_mass,
                    "copying": sum(weights[key] for key in copies),
                    "chance": outside_mass * len(copies) / max(1, len(outside)),
                    "fewest_keys": fewest / (position + 1),
                    "has_outside": bool(outside),
                }
            )
    return heads


@pytest.mark.parametrize("with_sinks", [False, True])
def test_the_figures_are_the_definition(small_settings, with_sinks):
    lengths = (96, 64, 40)
    tokens = torch.randint(0, 6, (sum(lengths),), generator=torch.Generator().manual_seed(1))
    probe = HeadProbe(tokens, sinks=SINKS, window=WINDOW)
    sink_logits = torch.tensor([0.5, -1.0, 2.0, 0.0]) if with_sinks else None
    expected = [[] for _ in range(HEADS)]
    for q, k, v in _chunks(lengths):
        selected = select(q, k, scale=SCALE, settings=small_settings)
        selection = None if selected is None else Selection(*selected)
        backend = DenseBackend()
        out, lse = backend.attend(
            0, q, k, v, selection, scale=SCALE, sink_logits=sink_logits
        )  # fmt: skip
        probe.record(
            3, q, k, v, out, lse, selection, scale=SCALE, sink_logits=sink_logits
        )  # fmt: skip
        if selection is not None:
            kept = selection.plan.to_mask()
            rows = selection.sample.held_out_rows.tolist()
            found = _by_definition(q, k, v, out, kept, rows, tokens.tolist(), sink_logits)
            expected = [[*before, *more] for before, more in zip(expected, found, strict=True)]
    figures = probe.figures()
    assert [(each.layer, each.head) for each in figures] == [(3, head) for head in range(HEADS)]
    assert any(each.error > 0.05 for each in figures)
    for each, rows in zip(figures, expected, strict=True):
        rows = [row for row in rows if row["has_outside"]]
        assert each.rows == len(rows) >= 4

        def mean(name, rows=rows):
            return sum(row[name] for row in rows) / len(rows)

        def quantile(name, share, rows=rows):
            values = torch.tensor([row[name] for row in rows], dtype=torch.float64)
            return float(values.quantile(share))

        near = pytest.approx
        for name in ("recall", "error", "sinks", "copying", "chance", "fewest_keys"):
            assert getattr(each, name) == near(mean(name), abs=2e-4), name
        assert each.window == near(1 - mean("sinks") - mean("outside"), abs=2e-4)
        assert each.recall_p5 == near(quantile("recall", 0.05), abs=2e-4)
        assert each.recall_min == near(quantile("recall", 0.0), abs=2e-4)
        assert each.error_p95 == near(quantile("error", 0.95), abs=2e-4)


def test_portions_change_nothing(small_settings, monkeypatch):
    def measured():
        probe = HeadProbe(torch.arange(192) % 7, sinks=SINKS, window=WINDOW)
        for q, k, v in _chunks((96, 96)):
            selection = Selection(*select(q, k, scale=SCALE, settings=small_settings))
            out, lse = DenseBackend().attend(0, q, k, v, selection, scale=SCALE)
            probe.record(0, q, k, v, out, lse, selection, scale=SCALE)
        return probe.figures()

    whole = measured()
    monkeypatch.setattr("sa_chat.engine.attention.head_probe._PORTION_BYTES", 1)
    for mine, theirs in zip(measured(), whole, strict=True):
        assert list(vars(mine).values()) == pytest.approx(list(vars(theirs).values()), abs=1e-5)


def test_a_chunk_that_is_computed_again_counts_once(small_settings):
    probe = HeadProbe(torch.arange(192) % 7, sinks=SINKS, window=WINDOW)
    for _ in range(2):
        for q, k, v in _chunks((96, 96)):
            selection = Selection(*select(q, k, scale=SCALE, settings=small_settings))
            out, lse = DenseBackend().attend(0, q, k, v, selection, scale=SCALE)
            probe.record(0, q, k, v, out, lse, selection, scale=SCALE)
    rows = len(select(q, k, scale=SCALE, settings=small_settings)[1].held_out_rows)
    assert probe.figures()[0].rows <= 2 * rows


def test_what_is_computed_whole_is_not_measured():
    probe = HeadProbe(torch.arange(64))
    (chunk,) = _chunks((64,))
    out, lse = DenseBackend().attend(0, *chunk, None, scale=SCALE)
    probe.record(0, *chunk, out, lse, None, scale=SCALE)
    assert probe.figures() == ()


def _head(**figures):
    values = dict.fromkeys(HeadFigures.__dataclass_fields__, 0.0)
    return HeadFigures(**{**values, "layer": 0, "head": 0, "rows": 1, **figures})


@pytest.mark.parametrize(
    ("figures", "kind"),
    [
        ({"sinks": 0.5, "window": 0.46}, "local"),
        ({"sinks": 0.2, "window": 0.2, "copying": 0.07, "chance": 0.02}, "copying"),
        ({"sinks": 0.2, "window": 0.2, "copying": 0.07, "chance": 0.03}, "sparse"),  # chance
        ({"sinks": 0.2, "window": 0.2, "copying": 0.05, "chance": 0.0}, "sparse"),  # too little
        ({"sinks": 0.2, "window": 0.2, "fewest_keys": 0.16}, "diffuse"),
        ({"sinks": 0.2, "window": 0.2, "fewest_keys": 0.15}, "sparse"),
    ],
)
def test_kinds(figures, kind):
    assert _head(**figures).kind == kind
    assert kind in KINDS


def test_a_head_that_copies_is_found_so(small_settings):
    """Every row attends to the keys behind its own token: k[j] is the token before, q its own."""
    generator = torch.Generator().manual_seed(4)
    tokens = torch.randint(0, 24, (512,), generator=generator)
    directions = torch.nn.functional.normalize(torch.randn(24, 64, generator=generator), dim=1)
    q = (12 * directions[tokens]).expand(HEADS, -1, -1).contiguous()
    k = directions[tokens.roll(1)].expand(GROUPS, -1, -1).contiguous()
    v = torch.randn(GROUPS, 512, 64, generator=generator)
    probe = HeadProbe(tokens, sinks=SINKS, window=WINDOW)
    selection = Selection(*select(q, k, scale=1.0, settings=small_settings))
    out, lse = DenseBackend().attend(0, q, k, v, selection, scale=1.0)
    probe.record(0, q, k, v, out, lse, selection, scale=1.0)
    assert {each.kind for each in probe.figures()} == {"copying"}


def test_a_prefill_measures_every_head_and_changes_nothing(tiny, token_ids, small_settings):
    ids = token_ids(300)
    config = PrefillConfig("sparse", small_settings, 100)

    def run(**options):
        runner = ModelRunner(tiny, KVCache(tiny.layers, 320))
        return runner.prefill(ids, runner.tune(config, len(ids)), **options)

    plain, measured = run(), run(measure_heads=True)
    assert plain.heads == ()
    assert torch.equal(plain.last_logits, measured.last_logits)
    assert [(each.layer, each.head) for each in measured.heads] == [
        (layer, head) for layer in range(3) for head in range(4)
    ]
    recall = sum(each.recall for each in measured.heads) / 12
    assert recall == pytest.approx(measured.recall.mean, abs=1e-4)
    cache = KVCache(tiny.layers, 320)
    dense = prefill(tiny, cache, ids, mode="dense", alpha=1.0)
    assert dense.heads == ()


def test_sinks_of_the_denominator_are_those_of_the_reference():
    (chunk,) = _chunks((40,))
    q, k, v = chunk
    logits = torch.tensor([0.5, -1.0, 2.0, 0.0])
    out, lse = attend_reference(q, k, v, causal=True, scale=SCALE)
    found, _ = DenseBackend().attend(0, q, k, v, None, scale=SCALE, sink_logits=logits)
    torch.testing.assert_close(found, with_sink_logits(out, lse, logits), atol=1e-4, rtol=1e-4)
