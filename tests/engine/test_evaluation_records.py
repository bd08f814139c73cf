"""A run on record: what was written is read again, and an interrupted run goes on."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from readings import DENSE, SPARSE, answer, reading

from sa_chat.engine.tools.eval.records import RecordFile
from sa_chat.engine.tools.eval.results import NotRun
from sa_chat.protocol.errors import UsageError

SETTINGS = {"model": "reader", "seed": 0, "lengths": (4096, 16384), "documents": None}
HERE = {"device": "cpu", "machine": "two cores"}
FIRST = reading("vt/4096/0", DENSE, [answer(1 / 3, "naïve \u2028 ½")])
SECOND = reading("vt/4096/0", SPARSE, [answer(0.1), answer(0.7, depth=100 / 3, index=1)])
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
        "ReadingResult",
        "NotRun",
        "ReadingResult",
    ]


@given(number=st.floats(allow_nan=False), text=st.text())
def test_figures_and_texts_survive_exactly(tmp_path_factory, number, text):
    path = tmp_path_factory.mktemp("run") / "results.jsonl"
    result = reading("vt/4096/0", SPARSE, [answer(number, text)], document_nll=number)
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
        b'{"type": "ReadingResult", "trial": "vt/4096/0"}',
    ],
)
def test_a_broken_line_is_named(path, line):
    opened(path)
    path.write_bytes(path.read_bytes() + line + b"\n" + b'{"half')
    before = path.read_bytes()
    with pytest.raises(UsageError, match=r"Line 2 of .*results\.jsonl"):
        opened(path)
    assert path.read_bytes() == before


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
    with pytest.raises(UsageError, match="is no folder") as caught:
        opened(tmp_path / "file" / "results.jsonl")
    assert "--out" in caught.value.hint
