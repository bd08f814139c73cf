"""Statistics, tables and pictures of an evaluation, on figures that can be checked by hand."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trial_results import DENSE, SPARSE, answer, result_of, run_of

from sa_chat.engine.tools.eval.heatmaps import density_figure, needles_figure, score_grid
from sa_chat.engine.tools.eval.paired import comparisons
from sa_chat.engine.tools.eval.pictures import draw_pictures, scores_figure
from sa_chat.engine.tools.eval.report import report
from sa_chat.engine.tools.eval.results import Configuration, NotRun
from sa_chat.engine.tools.eval.statistics import (
    bootstrap_difference,
    bootstrap_ratio,
    mcnemar,
    ratio_of_means,
)
from sa_chat.engine.tools.eval.summary import pending, points, summarise

SETTINGS = [{"model": "the reader", "seed": 3, "lengths": [4096], "machine": "two cores"}]
FIGURES = [needles_figure, scores_figure, density_figure]
scores = st.lists(
    st.lists(st.floats(0, 1, width=16), min_size=1, max_size=4), min_size=2, max_size=8
)


def curve(*alphas, methods=("auto",)):
    return [DENSE, *(Configuration("sparse", m, alpha) for m in methods for alpha in alphas)]


# Statistics


def test_the_ratio_is_that_of_the_means_over_all_answers():
    assert ratio_of_means([[1, 1], [0.5]], [[1, 0], [0.5]]) == pytest.approx(0.6)
    assert ratio_of_means([[0], [0]], [[1], [0]]) is None


@given(scores)
@settings(max_examples=30)
def test_the_same_scores_have_a_ratio_of_exactly_one(both):
    if any(map(any, both)):
        assert ratio_of_means(both, both) == 1.0
        assert bootstrap_ratio(both, both, seed=0, resamples=200) == (1.0, 1.0)


def test_an_interval_is_the_percentiles_of_all_resamples():
    # Two documents are drawn as (a, a), (a, b), (b, a) and (b, b) with 1/4 each.
    assert bootstrap_ratio([[1], [1]], [[1], [0.5]], seed=0) == (0.5, 1.0)


def test_a_document_is_drawn_with_all_of_its_answers():
    one_by_one = [[1.0]] * 40
    lost = [[0.0]] * 20 + [[1.0]] * 20
    low, high = bootstrap_ratio(one_by_one, lost, seed=0)
    together = [[1.0] * 10] * 4
    low_4, high_4 = bootstrap_ratio(
        together, [[0.0] * 10, [0.0] * 10, [1.0] * 10, [1.0] * 10], seed=0
    )
    assert (low_4, high_4) == (0.0, 1.0)
    assert 0.3 < low < 0.4
    assert 0.6 < high < 0.7


def test_without_a_dense_score_or_a_second_document_there_is_no_interval():
    assert bootstrap_ratio([[0], [0]], [[1], [1]], seed=0) is None
    assert bootstrap_ratio([[1, 1]], [[1, 0]], seed=0) is None
    assert bootstrap_ratio([[0], [1]], [[1], [1]], seed=0) == (1.0, np.inf)
    assert bootstrap_ratio([[0], [1]], [[0], [1]], seed=0) == (1.0, 1.0)


def test_nineteen_of_twenty_intervals_hold_the_true_ratio():
    """Documents of three answers that are alike, dense and sparse losses depending on both."""
    rng = np.random.default_rng(5)
    documents, trials, held = 40, 300, 0
    for trial in range(trials):
        skill = rng.beta(4, 2, size=(documents, 1))  # mean 2/3
        dense = rng.random((documents, 3)) < skill
        sparse = dense & (rng.random((documents, 3)) < 0.9)  # a tenth is lost: the ratio is 0.9
        low, high = bootstrap_ratio(dense.tolist(), sparse.tolist(), seed=trial, resamples=500)
        held += low <= 0.9 <= high
    assert 0.91 < held / trials < 0.98


@given(scores)
@settings(max_examples=30)
def test_the_difference_of_the_same_scores_is_nothing(both):
    assert bootstrap_difference(both, both, seed=0, resamples=200) == (0.0, 0.0)


def test_an_interval_of_the_difference_is_the_percentiles_of_all_resamples():
    # Drawn twice the first, one of each, or twice the second document: -0.5, -0.125 or 0.
    dense, sparse = [[1.0], [1.0, 1.0, 1.0]], [[0.5], [1.0, 1.0, 1.0]]
    assert bootstrap_difference(dense, sparse, seed=0) == (-0.5, 0.0)
    assert bootstrap_difference([[1, 1]], [[1, 0]], seed=0) is None


def test_mcnemar_is_the_exact_binomial_test():
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 0) == pytest.approx(2 / 2**5)
    assert mcnemar(1, 6) == mcnemar(6, 1) == pytest.approx(2 * (1 + 7) / 2**7)
    assert mcnemar(3, 3) == 1.0
    assert mcnemar(21, 8) == pytest.approx(0.0241, abs=5e-5)


# Summary


def test_a_cell_by_hand():
    results = [
        result_of(
            "vt/4096/0", DENSE, [answer(1.0, "a"), answer(0.5, "b", index=1)], document_nll=2.0
        ),
        result_of("vt/4096/1", DENSE, [answer(0.0, "c", index=2, refused=True)], document_nll=3.0),
        result_of(
            "vt/4096/0",
            SPARSE,
            [answer(1.0, "a"), answer(0.0, "no", index=1, refused=True)],
            heads=((0.2, 0.4),),
            recall=0.96,
            recall_p5=0.9,
            recall_min=0.5,
            document_nll=2.25,
        ),
        result_of(
            "vt/4096/1",
            SPARSE,
            [answer(0.5, "d", index=2)],
            heads=((0.6, 0.8),),
            recall=0.98,
            recall_p5=0.8,
            recall_min=0.7,
            document_nll=3.25,
        ),
    ]
    (cell,) = summarise(results)
    assert (cell.task, cell.length, cell.configuration) == ("vt", 4096, SPARSE)
    assert (cell.documents, cell.n) == (2, 3)
    assert (cell.dense, cell.sparse, cell.ratio) == (0.5, 0.5, 1.0)
    assert not cell.low
    assert cell.agreement == pytest.approx(1 / 3)
    assert cell.density == pytest.approx(0.5)
    assert cell.recall == pytest.approx(0.97)
    assert cell.recall_p5 == pytest.approx(0.85)
    assert cell.recall_min == 0.5
    assert cell.nll_change == 0.25
    assert (cell.false_refusals_dense, cell.false_refusals_sparse) == (1, 1)


def test_refusing_is_right_where_the_answer_is_absent():
    answers = [answer(task="absent", refused=True)]
    results = [result_of("book/4096/0", c, answers) for c in (DENSE, SPARSE)]
    (cell,) = summarise(results)
    assert (cell.false_refusals_dense, cell.false_refusals_sparse) == (0, 0)


def test_the_questions_of_one_document_go_to_the_cells_of_their_tasks():
    answers = [
        answer(1.0, task="quote"),
        answer(0.0, task="recall_far"),
        answer(1.0, task="quote", index=1),
    ]
    results = [result_of("book/4096/0", c, answers) for c in (DENSE, SPARSE)]
    quote, far = summarise(results)
    assert (quote.task, quote.n, quote.dense) == ("quote", 2, 1.0)
    assert (far.task, far.n, far.dense, far.ratio, far.low) == ("recall_far", 1, 0.0, None, True)


def test_a_document_without_its_counterpart_waits():
    results = run_of([4096], curve(0.9, 0.95), samples=3, tasks=("vt",))
    assert pending(results) == []
    unfinished = results[:-1]  # the last document at alpha 0.95
    assert pending(unfinished) == ["vt/4096/2"]
    assert [(c.configuration.label, c.n) for c in summarise(unfinished)] == [
        ("auto 0.9", 3),
        ("auto 0.95", 2),
    ]
    assert summarise(r for r in results if r.configuration != DENSE) == []


def test_points_stand_on_the_documents_that_all_configurations_read():
    results = run_of([4096], curve(0.5, 1.0), samples=2, tasks=("vt", "cwe"))
    results[0] = result_of("vt/4096/0", DENSE, [answer(0.0)])
    assert [(p.tasks, p.dense, p.sparse, p.density) for p in points(results)] == [
        (2, 0.75, 1.0, 0.25),
        (2, 0.75, 1.0, 1.0),
    ]
    without = [r for i, r in enumerate(results) if i != 1]  # that document at alpha 0.5
    assert [(p.tasks, p.dense, p.sparse) for p in points(without)] == [(2, 1.0, 1.0)] * 2


# All tasks together


def paired_run(losses, *, tasks=("asked", "vt"), nll=0.0, questions=10, length=4096):
    """Documents of `questions` each; of the first task, sparse loses as many as `losses` says."""
    results = []
    for index, lost in enumerate(losses):
        for task in tasks:
            trial = f"{task}/{length}/{index}"
            for configuration in (DENSE, SPARSE):
                worse = lost if configuration == SPARSE and task == tasks[0] else 0
                answers = [
                    answer(0.0 if number < worse else 1.0, task=task, index=number)
                    for number in range(questions)
                ]
                change = 3.0 + nll * (configuration == SPARSE) * (1 if task == "asked" else 100)
                results.append(
                    result_of(trial, configuration, answers, length=length, document_nll=change)
                )
    return results


def test_all_tasks_of_a_length_by_hand():
    (found,) = comparisons(paired_run([1, 0, 0, 0, 2], nll=0.004))
    assert (found.configuration, found.length, found.n) == (SPARSE, 4096, 100)
    assert (found.lost, found.won, found.documents) == (3, 0, 5)  # real documents alone
    assert found.p == pytest.approx(0.25)
    assert (found.dense, found.sparse) == (1.0, pytest.approx(0.97))
    assert found.nll_change == pytest.approx(0.004)
    assert found.nll_interval == pytest.approx((0.004, 0.004))
    assert found.failures == ("the mean over the tasks is 3.0 points below dense",)
    asked, other = found.cells
    assert (asked.lost, asked.won, asked.difference) == (3, 0, pytest.approx(-0.06))
    assert asked.difference_interval == pytest.approx((-0.14, 0.0))
    assert other.difference_interval == (0.0, 0.0)


def test_the_bar_passes_and_fails_for_each_of_its_four_reasons():
    (same,) = comparisons(paired_run([0] * 6, nll=0.01))
    assert same.failures == ()
    (worse,) = comparisons(paired_run([1, 2, 1, 1, 1, 1], nll=0.0101))
    mean, task, test, nll = worse.failures
    assert mean == "the mean over the tasks is 5.8 points below dense"
    assert task == "asked at 4,096 is more than 3 points below with 95 % confidence"
    assert test == "7 answers were lost and 0 won, p 0.016"
    assert nll == "the NLL of the documents is +0.0101"
    swapped = [
        replace(r, configuration=SPARSE if r.configuration == DENSE else DENSE)
        for r in paired_run([2] * 6)
    ]
    (better,) = comparisons(swapped)
    assert (better.won, better.p < 0.05, better.failures) == (12, True, ())


def test_all_lengths_together_come_last_and_the_report_shows_them():
    results = paired_run([0, 0, 0]) + paired_run([3, 4, 3], length=8192)
    first, second, every = comparisons(results)
    assert (first.length, second.length, every.length) == (4096, 8192, None)
    assert (every.n, every.lost) == (120, 10)
    text = report(SETTINGS, results)
    assert table_row(text, "4,096")[1:8] == ["2", "60", "1.000", "1.000", "+0.0", "0 / 0", "1.000"]
    assert table_row(text, "4,096")[8:] == ["+0.0000 [+0.0000, +0.0000]", "passes"]
    assert table_row(text, "8,192")[-1] == "fails"
    assert table_row(text, "all lengths")[2:8] == [
        "120",
        "1.000",
        "0.917",
        "-8.3",
        "10 / 0",
        "0.002",
    ]
    assert "Outside the bar:\n\n- 8,192: the mean over the tasks is 16.7 points below" in text


# Report


def table_row(text, *starts):
    """Cells of the one table row that starts with these."""
    rows = [[c.strip() for c in line.split("|")[1:-1]] for line in text.splitlines() if "|" in line]
    (row,) = [row for row in rows if row[: len(starts)] == list(starts)]
    return row


def test_at_alpha_one_everything_is_identical():
    text = report(SETTINGS, run_of([4096], curve(1.0), samples=3))
    assert table_row(text, "vt", "4,096") == [
        "vt",
        "4,096",
        "3",
        "1.000",
        "1.000",
        "+0.0 [+0.0, +0.0]",
        "0 / 0",
        "1.000 [1.000, 1.000]",
        "1.000",
        "1.000",
        "1.000 / 1.000 / 1.000",
        "+0.0000",
    ]
    assert "Nothing was skipped (density 1), so the ratio shows nothing: niah_single_1 at" in text
    assert "scores low" not in text
    assert "Score against density" not in text


def test_the_report_says_what_is_low_refused_missing_and_not_run():
    results = [
        result_of("vt/4096/0", DENSE, [answer(0.25)]),
        result_of("vt/4096/0", SPARSE, [answer(0.5, refused=True)]),
        result_of("cwe/4096/0", DENSE, [answer(0.0, task="cwe")]),
        result_of("cwe/4096/0", SPARSE, [answer(1.0, task="cwe")]),
        result_of("vt/4096/1", DENSE, [answer(1.0, index=1)]),
        NotRun("define", 16384, "the documents hold no code"),
    ]
    text = report(SETTINGS, results, interrupted=True)
    assert table_row(text, "vt")[3:8] == ["0.250", "0.500", "+25.0 [–]", "0 / 0", "2.000 [–]"]
    assert table_row(text, "cwe")[3:8] == ["0.000", "1.000", "+100.0 [–]", "0 / 1", "–"]
    assert "vt at 4,096 (dense 0.250), cwe at 4,096 (dense 0.000)." in text
    assert "document has the answer: vt at 4,096: dense 0, sparse 1 of 1." in text
    assert "Documents not yet run in every configuration: 1." in text
    assert "Nothing was skipped" not in text
    assert "- define at 16,384: the documents hold no code" in text
    assert "interrupted" in text


def test_the_report_names_its_settings_and_every_place_of_the_run():
    elsewhere = [*SETTINGS, {**SETTINGS[0], "machine": "one GPU", "documents": None}]
    text = report(elsewhere, run_of([4096], curve(0.95)))
    assert text.startswith("# Dense against sparse: the reader\n\n- model: the reader\n- seed: 3\n")
    assert "- machine: two cores, then one GPU\n" in text
    assert "- attention: dense, auto 0.95\n" in text
    assert "documents: None" not in text
    assert "in the model's own tokens" in text


def test_every_configuration_has_its_table_and_a_line_in_the_curve():
    configurations = curve(0.5, 1.0, methods=("auto", "stripes"))
    text = report(SETTINGS, run_of([4096, 8192], configurations))
    for label in ("auto 0.5", "auto 1", "stripes 0.5", "stripes 1"):
        assert f"\n## {label}\n" in text
        assert table_row(text, label, "8,192")[2:5] == ["2", "1.000", "1.000"]
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert len(tables) == (2 + 2 * 4) + 4 * (2 + 2 * 2) + 4 * (2 + 3)
    for block in text.split("\n\n"):
        if block.startswith("|"):
            assert len({len(line) for line in block.splitlines()}) == 1, "uneven columns"


def test_a_run_without_a_result_has_a_report():
    text = report(SETTINGS, [])
    assert "nothing was run yet" in text
    assert "|" not in text


# Pictures


def titles(figure):
    return [axis.get_title() for axis in figure.axes if axis.get_title()]


def test_needles_show_dense_beside_every_configuration_to_one_scale():
    results = run_of([4096, 16384], curve(0.9, 0.95), samples=11)
    figure = needles_figure(reversed(results), "the reader")
    assert titles(figure) == ["dense", "auto 0.95", "auto 0.9"]
    for axis in figure.axes[:3]:
        (image,) = axis.images
        assert image.get_clim() == (0.0, 1.0)
        assert image.get_array().shape == (10, 2)
        assert [text.get_text() for text in axis.texts] == ["1.00"] * 20
        assert [tick.get_text() for tick in axis.get_xticklabels()] == ["4K", "16K"]
        assert (axis.get_xlabel(), axis.get_ylabel()) == (
            "length (tokens)",
            "depth (% of document)",
        )
    assert figure.get_suptitle() == "Score by depth and length: the reader"


def test_needles_are_those_that_all_configurations_were_asked():
    results = run_of([4096], curve(0.95), samples=11, tasks=("niah_single_1",))
    figure = needles_figure(results[:-1], "the reader")  # the last only dense
    assert [len(axis.texts) for axis in figure.axes[:2]] == [10, 10]
    first = [r for r in results if r.trial != "niah_single_1/4096/0"]
    figure = needles_figure([*first, results[0]], "the reader")
    assert [len(axis.texts) for axis in figure.axes[:2]] == [5, 5]  # no longer ten depths


def test_few_needles_have_coarse_depths_and_empty_cells_stay_empty():
    figure = needles_figure(run_of([4096], curve(0.95), samples=4), "the reader")
    cells = figure.axes[0].images[0].get_array()
    assert cells.mask.ravel().tolist() == [False, False, True, False, False]
    assert figure.axes[0].patch.get_hatch()
    assert len(figure.axes[0].texts) == 4


def test_a_grid_of_scores_by_hand():
    scores = {(100, 0.0): [1.0, 0.0], (100, 19.9): [1.0], (100, 100.0): [0.25], (200, 20.0): [0.5]}
    grid = score_grid(scores, [100, 200], 5)
    nan = np.nan
    expected = [[2 / 3, nan], [nan, 0.5], [nan, nan], [nan, nan], [0.25, nan]]
    np.testing.assert_allclose(grid, expected)


def test_scores_are_a_line_for_each_method_and_dense_at_density_one():
    configurations = curve(0.5, 0.9, methods=("auto", "stripes"))
    figure = scores_figure(run_of([4096, 8192, 16384, 32768], configurations), "the reader")
    assert titles(figure) == ["4,096 tokens", "8,192 tokens", "16,384 tokens", "32,768 tokens"]
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    np.testing.assert_allclose(lines["auto"].get_xdata(), [0.25, 0.81])
    np.testing.assert_allclose(lines["stripes"].get_ydata(), [1.0, 1.0])
    assert [1.0] in [list(line.get_xdata()) for line in figure.axes[0].lines]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "dense",
        "auto",
        "stripes",
        "alpha 0.5",
        "alpha 0.9",
    ]


def test_density_is_the_mean_over_documents_of_the_first_sparse_configuration():
    results = [
        result_of("a", SPARSE, [answer()], heads=((0.2, 0.4, 1.0), (0.0, 0.1, 0.1))),
        result_of("b", SPARSE, [answer()], heads=((0.4, 0.4, 0.0), (0.0, 0.1, 0.3))),
        result_of("a", Configuration("sparse", "auto", 0.99), [answer()], heads=((1.0,) * 3,) * 2),
        result_of("c", SPARSE, [answer()], length=8192, heads=((0.1,) * 3,) * 2),
    ]
    figure = density_figure(results, "the reader")
    first, second, bar = figure.axes
    np.testing.assert_allclose(first.images[0].get_array(), [[0.3, 0.4, 0.5], [0.0, 0.1, 0.2]])
    assert first.images[0].get_clim() == second.images[0].get_clim() == (0.0, 0.5)
    assert titles(figure) == [
        "4,096 tokens\nmean 0.25, documents: 2",
        "8,192 tokens\nmean 0.10, documents: 1",
    ]
    assert (first.get_xlabel(), first.get_ylabel()) == ("query head", "layer")
    assert bar.get_ylabel() == "density (computed / causal pairs)"
    assert figure.get_suptitle() == "Density by layer and head, auto 0.95: the reader"


def test_pictures_are_written(tmp_path):
    written = draw_pictures(run_of([4096], curve(0.95)), "the reader", tmp_path)
    assert [path.name for path in written] == ["needles.png", "scores.png", "density.png"]
    for path in written:
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size > 5000


def test_pictures_without_material_are_left_out(tmp_path):
    only_dense = run_of([4096], [DENSE], tasks=("vt",))
    assert draw_pictures(only_dense, "the reader", tmp_path) == []
    no_needles = run_of([4096], curve(0.95), tasks=("vt",))
    assert [path.name for path in draw_pictures(no_needles, "the reader", tmp_path)] == [
        "scores.png",
        "density.png",
    ]


@pytest.mark.parametrize("make", FIGURES)
def test_every_panel_lies_within_its_figure(make):
    figure = make(run_of([4096, 8192], curve(0.9, 0.95), layers=36, heads=32), "$a_b$" * 18)
    figure.draw_without_rendering()
    width, height = figure.bbox.size
    boxes = [axis.get_tightbbox() for axis in figure.axes]
    for box in [*boxes, *(text.get_window_extent() for text in figure.texts)]:
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= width
        assert box.y1 <= height


def test_matplotlib_is_imported_only_to_draw():
    code = (
        "import sys; from sa_chat.engine.tools.eval import pictures, report, records;"
        "assert not any(name.startswith('matplotlib') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
