"""A run on record: what was written is read again, and an interrupted run goes on."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trial_results import DENSE, SPARSE, answer, result_of

from sa_chat.engine.tools.eval.records import RecordFile, current_record
from sa_chat.engine.tools.eval.report import report
from sa_chat.engine.tools.eval.results import Configuration, NotRun
from sa_chat.protocol.errors import UsageError

SETTINGS = {"model": "reader", "seed": 0, "lengths": (4096, 16384), "documents": None}
HERE = {"device": "cpu", "machine": "two cores"}
FIRST = result_of("vt/4096/0", DENSE, [answer(1 / 3, "naïve \u2028 ½")])
SECOND = result_of("vt/4096/0", SPARSE, [answer(0.1), answer(0.7, depth=100 / 3, index=1)])
MISSING = NotRun("define", 4096, "the documents hold no code")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "folder" / "results.jsonl"


def opened(path, **settings):
    records = RecordFile(path)
    records.open({**SETTINGS, **HERE, **settings})
    return records


def test_what_was_written_is_read_again(path):
    records = opened(path)
    for result in (FIRST, MISSING, SECOND):
        records.append(result)
    again = opened(path)
    assert again.results == records.results == [FIRST, MISSING, SECOND]
    assert again.done == {("vt/4096/0", "dense"), ("vt/4096/0", "auto 0.95")}
    assert again.settings == records.settings
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["type"] for line in lines] == [
        "Settings",
        "TrialResult",
        "NotRun",
        "TrialResult",
    ]


@given(number=st.floats(allow_nan=False), text=st.text())
def test_figures_and_texts_survive_exactly(tmp_path_factory, number, text):
    path = tmp_path_factory.mktemp("run") / "results.jsonl"
    result = result_of("vt/4096/0", SPARSE, [answer(number, text)], document_nll=number)
    opened(path).append(result)
    assert opened(path).results == [result]


def test_a_figure_that_is_no_number_does_not_end_the_run(path):
    opened(path).append(replace(FIRST, document_nll=math.nan))
    (result,) = opened(path).results
    assert math.isnan(result.document_nll)


@pytest.mark.parametrize("kept", [0, 1, 30, -2, -1], ids=lambda kept: f"up to {kept}")
def test_a_half_written_last_line_is_cut_off(path, kept):
    records = opened(path)
    records.append(FIRST)
    whole = path.read_bytes()
    records.append(SECOND)
    last = path.read_bytes()[len(whole) :]
    path.write_bytes(whole + last[:kept])
    again = opened(path)
    assert path.read_bytes() == whole
    assert again.results == [FIRST]
    again.append(SECOND)
    assert opened(path).results == [FIRST, SECOND]


def test_half_written_settings_are_written_again(path):
    opened(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:20])
    opened(path)
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 1}, "seed 0, not 1"),
        ({"lengths": (4096,)}, "lengths [4096, 16384], not [4096]"),
        ({"documents": ["ä.pdf"]}, 'documents unset, not ["ä.pdf"]'),
        ({"added": True}, "added unset, not true"),
    ],
)
def test_other_settings_are_another_run(path, change, said):
    opened(path).append(FIRST)
    path.write_bytes(path.read_bytes() + b"half a li")
    before = path.read_bytes()
    with pytest.raises(UsageError) as caught:
        opened(path, **change)
    assert said in caught.value.message
    assert "--out" in caught.value.hint
    assert path.read_bytes() == before


def test_a_run_may_go_on_elsewhere_and_both_places_are_on_record(path):
    opened(path).append(FIRST)
    there = opened(path, machine="one GPU", device="cuda:0")
    there.append(SECOND)
    again = opened(path)
    assert [part["machine"] for part in again.settings] == ["two cores", "one GPU"]
    assert [part["device"] for part in again.settings] == ["cpu", "cuda:0"]
    assert again.results == [FIRST, SECOND]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"\xff\xff",
        b"[1]",
        b'{"type": "Other"}',
        b'{"type": "NotRun", "task": "vt"}',
        b'{"type": "NotRun", "task": "vt", "length": 1, "reason": "", "more": 1}',
        b'{"type": "TrialResult", "trial": "vt/4096/0"}',
        b'{"type": "ReadingResult", "trial": "vt/4096/0"}',
        b'{"type": "NotRun", "task": "vt", "length": 1, "reason": "", "recall": 1, "coverage": 1}',
    ],
)
def test_a_broken_line_is_named(path, line):
    opened(path)
    path.write_bytes(path.read_bytes() + line + b"\n" + b'{"half')
    before = path.read_bytes()
    with pytest.raises(UsageError, match=r"Line 2 of .*results\.jsonl"):
        opened(path)
    assert path.read_bytes() == before


FORMER = """\
{"type": "Settings", "settings": {"model": "embedded", "lengths": [4096], "configurations": \
["dense", "joined 0.95", "columns-slashes 0.9"], "documents": null, "seed": 1, "device": "cpu", \
"machine": "AMD EPYC (AVX512), 2 threads"}}
{"type": "ReadingResult", "trial": "niah_single_2/4096/0", "length": 4096, "configuration": \
{"mode": "dense", "method": "joined", "alpha": 1.0}, "prompt_tokens": 3940, "density": 1.0, \
"density_by_head": [[1.0, 1.0]], "coverage": 1.0, "coverage_p5": 1.0, "coverage_min": 1.0, \
"document_nll": 3.9, "prefill_s": 2.9, "answers": [{"task": "niah_single_2", "index": 0, \
"depth": 0.0, "question": "What?", "expected": ["1089396"], "text": "It is 1089396.", \
"score": 1.0, "refused": false, "tokens": 40, "stop_reason": "stop"}]}
{"type": "ReadingResult", "trial": "niah_single_2/4096/0", "length": 4096, "configuration": \
{"mode": "sparse", "method": "joined", "alpha": 0.95}, "prompt_tokens": 3940, "density": 0.5, \
"density_by_head": [[0.25, 0.75]], "coverage": 0.97, "coverage_p5": 0.9, "coverage_min": 0.4, \
"document_nll": 3.91, "prefill_s": 2.1, "answers": []}
{"type": "NotRun", "task": "define", "length": 4096, "reason": "no code"}
"""
"""Written by the version before this one."""
FORMER_SETTINGS = {
    "model": "embedded",
    "lengths": [4096],
    "configurations": ["dense", "auto 0.95", "vertical-slash 0.9"],
    "documents": None,
    "seed": 1,
    "device": "cpu",
    "machine": "AMD EPYC (AVX512), 2 threads",
}


def test_a_run_of_the_former_version_goes_on(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text(FORMER)
    records = RecordFile(path)
    records.open(FORMER_SETTINGS)
    assert path.read_text() == FORMER
    dense, sparse, missing = records.results
    assert records.done == {
        ("niah_single_2/4096/0", "dense"),
        ("niah_single_2/4096/0", "auto 0.95"),
    }
    assert dense.configuration == Configuration("dense", "auto", 1.0)
    assert dense.answers[0].expected == ("1089396",)
    assert sparse.configuration == SPARSE
    assert (sparse.recall, sparse.recall_p5, sparse.recall_min) == (0.97, 0.9, 0.4)
    assert missing == NotRun("define", 4096, "no code")
    records.append(FIRST)
    again = RecordFile(path)
    again.open(FORMER_SETTINGS)
    assert again.results == [dense, sparse, missing, FIRST]
    assert json.loads(path.read_text().splitlines()[-1])["recall"] == 1.0


def test_a_run_of_the_former_version_with_other_methods_is_another(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text(FORMER)
    with pytest.raises(UsageError, match="configurations"):
        RecordFile(path).open({**FORMER_SETTINGS, "configurations": ["dense", "auto 0.95"]})


KEPT = sorted((Path(__file__).parents[3] / "benchmarks" / "results").rglob("results.jsonl"))


def test_results_that_are_kept_are_still_read(tmp_path):
    assert KEPT
    for file in KEPT:
        path = tmp_path / "results.jsonl"
        path.write_bytes(file.read_bytes())
        settings = current_record(json.loads(file.read_text().splitlines()[0]))["settings"]
        records = RecordFile(path)
        records.open(settings)
        assert path.read_bytes() == file.read_bytes()
        assert "## auto 0.95" in report(records.settings, records.results)


def test_a_document_on_record_twice_is_told(path):
    opened(path).append(FIRST)
    path.write_bytes(path.read_bytes() + path.read_bytes().splitlines(keepends=True)[1])
    with pytest.raises(UsageError, match="Line 3 of"):
        opened(path)


def test_a_file_without_settings_is_no_record(path):
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"type": "NotRun", "task": "vt", "length": 1, "reason": ""}) + "\n")
    with pytest.raises(UsageError, match="Line 1 of"):
        opened(path)


def test_a_cell_that_was_not_run_is_recorded_once(path):
    opened(path).append(MISSING)
    again = opened(path)
    again.append(MISSING)
    assert again.results == [MISSING]
    assert opened(path).results == [MISSING]


def test_a_document_is_read_once_in_a_configuration(path):
    records = opened(path)
    records.append(FIRST)
    with pytest.raises(ValueError, match="twice"):
        records.append(FIRST)
    assert opened(path).results == [FIRST]


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is not a folder") as caught:
        opened(tmp_path / "file" / "results.jsonl")
    assert "--out" in caught.value.hint
