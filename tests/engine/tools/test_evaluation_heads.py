"""Single heads in an evaluation: recorded, summed up by kind, shown."""

import json
from dataclasses import replace

import numpy as np
import pytest
from trial_results import DENSE, SPARSE, answer, result_of

from sa_chat.engine import cli
from sa_chat.engine.attention import HeadFigures
from sa_chat.engine.tools.eval.heads import by_kind, measured_heads, worst
from sa_chat.engine.tools.eval.heatmaps import errors_figure
from sa_chat.engine.tools.eval.pictures import draw_pictures
from sa_chat.engine.tools.eval.records import RecordFile
from sa_chat.engine.tools.eval.report import report
from sa_chat.protocol.config import DEFAULT_ALPHA

SETTINGS = [{"model": "the reader"}]


def head(layer, number, error, **figures):
    values = {"recall": 0.9, "recall_p5": 0.8, "recall_min": 0.7, "error_p95": 2 * error}
    kinds = {"sinks": 0.2, "window": 0.2, "copying": 0.0, "chance": 0.0, "fewest_keys": 0.1}
    return HeadFigures(layer, number, 5, error=error, **{**values, **kinds, **figures})


def documents():
    """Two documents of two layers with two heads: local, sparse; diffuse, sparse."""
    first = (
        head(0, 0, 0.01, window=0.8),
        head(0, 1, 0.10),
        head(1, 0, 0.30, fewest_keys=0.4, recall_min=0.2),
        head(1, 1, 0.20),
    )
    second = tuple(replace(each, error=round(3 * each.error, 6), recall=0.7) for each in first)
    densities = ((1.0, 0.5), (0.25, 0.25)), ((0.5, 0.5), (0.25, 0.05))
    results = []
    for index, (measured, by_head) in enumerate(zip((first, second), densities, strict=True)):
        trial = f"book/4096/{index}"
        results += [
            result_of(trial, DENSE, [answer()]),
            result_of(trial, SPARSE, [answer()], heads=by_head, measured=measured),
        ]
    return results


def test_heads_are_means_over_documents_and_the_least_of_minima():
    ((key, heads),) = measured_heads(documents()).items()
    assert key == (SPARSE, 4096)
    assert [(each.figures.layer, each.figures.head) for each in heads] == [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
    ]
    assert [each.density for each in heads] == pytest.approx([0.75, 0.5, 0.25, 0.15])
    assert heads[2].figures.error == pytest.approx(0.6)
    assert heads[2].figures.recall == pytest.approx(0.8)
    assert (heads[2].figures.recall_min, heads[2].figures.rows) == (0.2, 10)
    assert [each.figures.head for each in worst(heads)] == [0, 1, 1, 0]


def test_kinds_by_hand():
    (heads,) = measured_heads(documents()).values()
    local, diffuse, sparse, every = by_kind(heads)
    assert (local.kind, local.heads, local.density) == ("local", 1, 0.75)
    assert (diffuse.kind, diffuse.recall_min) == ("diffuse", 0.2)
    assert (sparse.kind, sparse.heads) == ("sparse", 2)
    assert sparse.error == pytest.approx((0.2 + 0.4) / 2)
    assert (every.kind, every.heads, every.recall_min) == ("all", 4, 0.2)


def test_the_report_has_both_tables_only_where_heads_were_measured():
    text = report(SETTINGS, documents())
    assert "### Heads by kind, auto 0.95" in text
    rows = [line for line in text.splitlines() if line.startswith("| layer 1, head 0")]
    (row,) = ([cell.strip() for cell in line.split("|")[1:-1]] for line in rows)
    assert row[1:5] == ["diffuse", "0.250", "0.800 / 0.800 / 0.200", "0.600 / 0.600"]
    assert "- kind: local" in text
    plain = report(SETTINGS, [replace(each, heads=()) for each in documents()])
    assert "kind" not in plain


def test_errors_are_drawn_beside_density_and_other_layers_stay_empty(tmp_path):
    results = documents()
    figure = errors_figure(results, "the reader")
    image = figure.axes[0].images[0]
    np.testing.assert_allclose(image.get_array(), [[0.02, 0.2], [0.6, 0.4]])
    assert image.get_clim() == (0.0, 0.6)
    partly = [replace(each, heads=each.heads[2:]) for each in results]
    assert errors_figure(partly, "x").axes[0].images[0].get_array().mask.tolist() == [
        [True, True],
        [False, False],
    ]
    assert errors_figure([replace(each, heads=()) for each in results], "x") is None
    names = [path.name for path in draw_pictures(results, "the reader", tmp_path)]
    assert names == ["scores.png", "density.png", "errors.png"]


def test_records_keep_the_figures_and_stay_short_without(tmp_path):
    path = tmp_path / "results.jsonl"
    records = RecordFile(path)
    records.open({"model": "x"})
    for each in documents():
        records.append(each)
    again = RecordFile(path)
    again.open({"model": "x"})
    assert again.results == documents()
    _, dense, sparse, *_ = (json.loads(line) for line in path.read_text().splitlines())
    assert "heads" not in dense
    assert sparse["heads"][0] == [0, 0, 5, 0.9, 0.8, 0.7, 0.01, 0.02, 0.2, 0.8, 0.0, 0.0, 0.1]


def test_a_run_measures_heads_where_it_is_asked_to(tmp_path):
    out = tmp_path / "out"
    options = ["--lengths", "2048", "--samples", "1", "--tasks", "niah_single_2", "--heads"]
    command = ["eval", *options, "--methods", "local-vertical", "--device", "cpu"]
    assert cli.main([*command, "--out", str(out)]) == 0
    dense, sparse = (
        json.loads(line)
        for line in (out / "results.jsonl").read_text().splitlines()
        if "answers" in line
    )
    assert "heads" not in dense
    figures = [HeadFigures(*values) for values in sparse["heads"]]
    assert [(each.layer, each.head) for each in figures] == [
        (layer, number) for layer in range(10) for number in range(8)
    ]
    for each in figures:
        assert 0.0 <= each.recall_min <= each.recall_p5 <= 1.0
        assert 0.0 <= each.error < 1.0
        assert each.sinks + each.window <= 1.001
    assert (out / "errors.png").exists()
    assert f"### Heads by kind, local-vertical {DEFAULT_ALPHA}" in (out / "report.md").read_text()
