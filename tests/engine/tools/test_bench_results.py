"""Records of benchmarks: kept while they run, with what they belong to; tables; pictures."""

import json
import platform

import pytest
import torch

from sa_chat.engine.info.environment import describe, environment
from sa_chat.engine.tools.bench.prefill.picture import draw_ttft
from sa_chat.engine.tools.bench.results import Report, table
from sa_chat.protocol.errors import UsageError


def test_environment_is_plain_and_names_what_runs():
    known = environment()
    assert json.loads(json.dumps(known)) == known
    assert known["versions"]["torch"] == torch.__version__
    assert known["versions"]["python"] == platform.python_version()
    assert known["cpu"]["threads"] == torch.get_num_threads()
    assert len(known["gpus"]) == torch.cuda.device_count()
    assert (known["versions"]["cudnn"] is None) == (not known["gpus"])
    line = describe(known)
    assert "\n" not in line
    assert known["cpu"]["name"] in line
    assert f"torch {torch.__version__}" in line


def test_rows_are_on_disk_before_the_run_ends(tmp_path):
    report = Report("prefill", {"rounds": 3}, tmp_path / "new" / "folder")
    file = report.path(".json")
    assert file == tmp_path / "new" / "folder" / "prefill.json"
    for number in range(3):
        report.add({"length": number})
        saved = json.loads(file.read_text())
        assert [row["length"] for row in saved["rows"]] == [*range(number + 1)]
        assert saved["summary"] is None
    assert saved["kind"] == "prefill"
    assert saved["settings"] == {"rounds": 3}
    assert saved["environment"]["versions"]["torch"] == torch.__version__
    report.finish({"ratio": 2.0}, ["- a note", table(["n"], [[1]])])
    assert json.loads(file.read_text())["summary"] == {"ratio": 2.0}
    assert file.with_suffix(".md").read_text().endswith("- a note\n\n|   n |\n| --: |\n|   1 |\n")
    assert {path.name for path in file.parent.iterdir()} == {"prefill.json", "prefill.md"}


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = Report("decode", {}, None)
    report.add({"length": 1})
    report.finish({}, ["text"])
    assert report.path(".png") is None
    assert not [*tmp_path.iterdir()]


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is not a folder"):
        Report("decode", {}, tmp_path / "file" / "below")


def test_tables_line_up_with_numbers_to_the_right():
    text = table(["mode", "seconds"], [["dense", "12.50"], ["sparse", ""], ["x", "3"]])
    assert text.splitlines() == [
        "| mode   | seconds |",
        "| ------ | ------: |",
        "| dense  |   12.50 |",
        "| sparse |         |",
        "| x      |       3 |",
    ]
    assert table(["a", "b"], []) == "| a   | b   |\n| --- | --- |"


def test_the_picture_leaves_out_what_was_not_measured(tmp_path):
    rows = [
        {
            "length": length,
            "mode": mode,
            "attention": "all pairs",
            "ttft_s": length / 1000 * factor,
            "growth_exponent": None if length == 1024 else 1.0,
        }
        for length in (1024, 2048, 4096)
        for mode, factor in (("dense", 2.0), ("sparse", 1.0))
    ]
    rows.append({"length": 8192, "mode": "dense", "outcome": "out of memory"})
    draw_ttft(rows, "tiny", tmp_path / "ttft.png")
    assert (tmp_path / "ttft.png").read_bytes().startswith(b"\x89PNG")
    draw_ttft(rows[-1:], "nothing ran", tmp_path / "empty.png")
    assert (tmp_path / "empty.png").stat().st_size > 1000
