"""`sa-engine eval` end to end, with the embedded reader at lengths of a test."""

import argparse
import json

import pytest
import torch

from sa_chat.engine import cli
from sa_chat.engine.tools.eval import run
from sa_chat.engine.tools.eval.arguments import add_eval_arguments, options_from
from sa_chat.engine.tools.eval.records import RECORDS, RecordFile, part_name
from sa_chat.engine.tools.eval.results import NotRun
from sa_chat.engine.tools.eval.run import REPORT
from sa_chat.engine.tools.eval.trial_runner import TrialRunner
from sa_chat.protocol.config import DEFAULT_ALPHA

QUICK = ("--lengths", "1536", "--samples", "1", "--tasks", "niah_single_1,absent")


def _eval(out, *options) -> int:
    return cli.main(["eval", *QUICK, *options, "--out", str(out)])


def _results(out, name=RECORDS) -> list:
    lines = (out / name).read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _without_times(out) -> list:
    kept = [r for r in _results(out) if r["type"] == "TrialResult"]
    for result in kept:
        del result["prefill_s"]
    return kept


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "run"
    assert _eval(out, "--alpha", "0.95,1", "--methods", "local-vertical") == 0
    return out


def test_every_document_is_read_in_every_configuration(whole):
    results = _without_times(whole)
    done = [(r["trial"], *map(r["configuration"].get, ("mode", "alpha"))) for r in results]
    assert done == [
        (trial, mode, alpha)
        for trial in ("niah_single_1/1536/0", "book/1536/0")
        for mode, alpha in (("dense", 1.0), ("sparse", 0.95), ("sparse", 1.0))
    ]
    tasks = [answer["task"] for result in results for answer in result["answers"]]
    assert tasks == ["niah_single_1"] * 3 + ["absent"] * 3


def test_dense_and_alpha_one_are_the_same(whole):
    dense, sparse, same = _without_times(whole)[:3]
    assert same["answers"] == dense["answers"]
    assert same["document_nll"] == dense["document_nll"]
    assert same["density"] == dense["density"] == 1.0
    assert 0.0 < sparse["density"] < 1.0
    assert sparse["recall"] < 1.0
    assert sparse["document_nll"] != dense["document_nll"]


def test_the_documents_are_as_long_as_asked(whole):
    for result in _without_times(whole):
        reserve = 192 + 100  # answer and question
        assert 0.99 * 1536 - reserve <= result["prompt_tokens"] <= 1536 - 128


def test_report_and_pictures_are_written(whole):
    text = (whole / REPORT).read_text("utf-8")
    assert "niah_single_1" in text
    assert "local-vertical 0.95" in text
    assert {p.name for p in whole.iterdir()} >= {"needles.png", "scores.png", "density.png"}


def test_an_interrupted_run_goes_on(whole, tmp_path, monkeypatch, capsys):
    out = tmp_path / "run"
    options = ("--alpha", "0.95,1", "--methods", "local-vertical")
    run_trial = TrialRunner.run
    calls = []

    def interrupted(self, trial, configuration):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append((trial.key, configuration.label))
        return run_trial(self, trial, configuration)

    monkeypatch.setattr(TrialRunner, "run", interrupted)
    assert _eval(out, *options) == 130
    assert "The same command resumes where it stopped." in capsys.readouterr().err
    assert len(_without_times(out)) == 2
    before = list(calls)
    calls.clear()
    monkeypatch.setattr(
        TrialRunner,
        "run",
        lambda self, *args: (calls.append(args[0].key), run_trial(self, *args))[1],
    )
    assert _eval(out, *options) == 0
    assert len(calls) == 4
    assert len(before) == 2
    assert _without_times(out) == _without_times(whole)


def test_parts_share_a_run(whole, tmp_path, capsys):
    out = tmp_path / "run"
    options = ("--alpha", "0.95,1", "--methods", "local-vertical")
    assert _eval(out, *options, "--part", "2/2") == 0
    trials = [r.get("trial") for r in _results(out, part_name(2, 2))]
    assert trials == [None, *["book/1536/0"] * 3]
    assert _eval(out, *options, "--part", "1/2") == 0
    both = [*_results(out, part_name(1, 2)), *_results(out, part_name(2, 2))]
    alike = [r["answers"] for r in both if r["type"] == "TrialResult"]
    assert alike == [r["answers"] for r in _without_times(whole)]
    tables = [folder / REPORT for folder in (out, whole)]
    ours, theirs = (path.read_text("utf-8").partition("## Score")[2] for path in tables)
    assert ours == theirs
    assert _eval(out, *options) == 0  # nothing is left to do
    assert [r["type"] for r in _results(out)] == ["Settings"]
    capsys.readouterr()
    assert _eval(out, *options, "--seed", "5", "--part", "1/3") == 2
    assert "holds a run with seed 1, not 5" in capsys.readouterr().err
    assert not (out / part_name(1, 3)).exists()


@pytest.mark.parametrize("part", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2"])
def test_a_wrong_part_is_a_usage_error(part, tmp_path, capsys):
    assert _eval(tmp_path / "run", f"--part={part}") == 2
    assert "is not a part of a run" in capsys.readouterr().err


def test_an_interrupt_before_anything_was_begun_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(tokenizer):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "TokenCounter", interrupted)
    assert _eval(tmp_path / "run") == 130
    assert not (tmp_path / "run").exists()


def test_what_does_not_fit_into_the_memory_is_told(tmp_path, monkeypatch, capsys):
    def full(self, trial, configuration):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(TrialRunner, "run", full)
    assert _eval(tmp_path / "run") == 5
    assert "1,536 tokens, dense, do not fit" in capsys.readouterr().err


def test_a_run_does_not_go_on_with_other_texts(tmp_path, capsys):
    book = tmp_path / "book.txt"
    out = tmp_path / "run"
    options = ("--tasks", "quote", "--documents", str(book))
    book.write_text("One sentence is here. Another one follows it.\n", "utf-8")
    assert _eval(out, *options) == 3
    (settings,) = (r["settings"] for r in _results(out) if r["type"] == "Settings")
    assert settings["device"] in ("cpu", "cuda:0")
    assert _eval(out, *options) == 3
    book.write_text("One sentence is here. Another one follows.\n", "utf-8")
    assert _eval(out, *options) == 2
    assert "fingerprint of documents" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "alphas"),
    [
        ((), (DEFAULT_ALPHA,)),
        (("--alpha", "0.5,1"), (0.5, 1.0)),
        (("--quality", "fast,careful,exact"), (0.6, 0.75, 1.0)),
    ],
)
def test_alphas_are_given_as_shares_or_as_qualities(given, alphas):
    parser = argparse.ArgumentParser()
    add_eval_arguments(parser)
    assert options_from(parser.parse_args(given)).alphas == alphas


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("--quality", "best"), "Unknown quality 'best'."),
        (
            ("--alpha", "0.8", "--quality", "careful"),
            "--alpha and --quality set the same thing.",
        ),
    ],
)
def test_a_wrong_quality_is_a_usage_error(given, sentence, capsys):
    assert cli.main(["eval", *given]) == 2
    assert sentence in capsys.readouterr().err


def test_a_shape_is_read_once_and_not_at_alpha_one():
    parser = argparse.ArgumentParser()
    add_eval_arguments(parser)

    def labels(alphas):
        arguments = parser.parse_args(["--alpha", alphas, "--methods", "a-shape,auto"])
        return [each.label for each in run.configurations(options_from(arguments))]

    assert labels("0.8,0.9") == ["dense", "a-shape 0.8", "auto 0.8", "auto 0.9"]
    assert labels("1,0.9") == ["dense", "a-shape 0.9", "auto 1", "auto 0.9"]
    assert labels("1") == ["dense", "a-shape 1", "auto 1"]


FORMER = {"recall": "coverage", "recall_p5": "coverage_p5", "recall_min": "coverage_min"}
FORMER_METHODS = {"auto": "joined", "local-vertical": "window-columns"}


def _as_former(record):
    """A line of results as the version before this one wrote it."""
    if record["type"] == "Settings":
        labels = [
            " ".join([FORMER_METHODS.get(method, method), *alpha])
            for method, *alpha in map(str.split, record["settings"]["configurations"])
        ]
        return {**record, "settings": {**record["settings"], "configurations": labels}}
    former = {FORMER.get(name, name): value for name, value in record.items()}
    method = FORMER_METHODS[record["configuration"]["method"]]
    configuration = {**record["configuration"], "method": method}
    return {**former, "type": "ReadingResult", "configuration": configuration}


def test_former_names_of_methods_still_work_and_their_results_go_on(tmp_path, monkeypatch, capsys):
    out, book = tmp_path / "run", tmp_path / "book.txt"
    book.write_text("One sentence is here. Another one follows it.\n", "utf-8")
    options = ("--tasks", "niah_single_1", "--documents", str(book))
    assert _eval(out, *options, "--methods", "joined,window_columns") == 0
    told = capsys.readouterr().err
    assert "joined is called auto now" in told
    assert "window_columns is called local-vertical now" in told
    settings, *results = _results(out)
    labels = ["dense", f"auto {DEFAULT_ALPHA}", f"local-vertical {DEFAULT_ALPHA}"]
    assert settings["settings"]["configurations"] == labels
    methods = [result["configuration"]["method"] for result in results]
    assert methods == ["auto", "auto", "local-vertical"]

    former = [json.dumps(_as_former(record)) for record in (settings, *results[:-1])]
    (out / RECORDS).write_text("".join(f"{line}\n" for line in former), "utf-8")
    run_trial = TrialRunner.run
    calls = []
    monkeypatch.setattr(
        TrialRunner,
        "run",
        lambda self, *args: (calls.append(args[1].label), run_trial(self, *args))[1],
    )
    assert _eval(out, *options, "--methods", "auto,local-vertical") == 0
    assert calls == [f"local-vertical {DEFAULT_ALPHA}"]
    assert "is called" not in capsys.readouterr().err
    records = RecordFile(out / RECORDS)
    records.open(settings["settings"])
    assert [result.configuration.label for result in records.results] == labels
    assert records.results[1].recall == results[1]["recall"]


def test_what_cannot_be_made_is_told(tmp_path):
    book = tmp_path / "short.txt"
    book.write_text("One sentence is here. Another one follows it.\n", "utf-8")
    out = tmp_path / "run"
    options = ("--tasks", "quote,define", "--documents", str(book))
    assert _eval(out, *options) == 3
    records = RecordFile(out / RECORDS)
    records.open(_results(out)[0]["settings"])
    assert {(r.task, r.length) for r in records.results if isinstance(r, NotRun)} == {
        ("quote", 1536),
        ("define", 1536),
    }
    assert "quote" in (out / REPORT).read_text("utf-8")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--tasks", "nonsense"), "no task 'nonsense'"),
        (("--methods", "nonsense"), "no method 'nonsense'"),
        (("--alpha", "1.5"), "alpha must be"),
        (("--alpha", "x"), "is not a share"),
        (("--lengths", "many"), "is not a length"),
        (("--lengths", "100"), "too short"),
        (("--samples", "0"), "At least one sample"),
        (("--model", "./nowhere"), "no model folder"),
    ],
)
def test_bad_options_are_told_in_one_sentence(tmp_path, capsys, options, said):
    code = _eval(tmp_path / "run", *options)
    assert code == (5 if "--model" in options else 2)
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_missing_document_is_told(tmp_path, capsys):
    assert _eval(tmp_path / "run", "--documents", str(tmp_path / "none.txt")) == 3
    assert "There is no file" in capsys.readouterr().err


def test_a_length_beyond_the_model_is_told_before_anything_is_read(tmp_path, capsys):
    assert _eval(tmp_path / "run", "--lengths", "1536,200K") == 2
    assert "at most, not 204,800" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
