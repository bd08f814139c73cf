"""The table of benchmarks/reader_cells, from records made by hand."""

import json

import pytest
from benchmark_modules import names_of

MODULES = ("jobs", "running", "table", "written", "__main__")
SPARSE = {"mode": "sparse", "method": "local-vertical", "alpha": 0.95}
DENSE = {"mode": "dense", "method": "auto", "alpha": 1.0}


@pytest.fixture(scope="module")
def cells():
    """All names of its modules."""
    return names_of("reader_cells", MODULES)


def answer(task, index, score, text="an answer"):
    given = {"task": task, "index": index, "score": score, "text": text, "depth": 10.0}
    return {**given, "question": "Who?", "expected": ["Tuma"], "refused": False}


def trial_result(trial, configuration, *answers, density=1.0):
    return {
        "type": "TrialResult",
        "trial": trial,
        "length": 4096,
        "configuration": configuration,
        "density": density,
        "answers": list(answers),
    }


def job(out, name, *records, code="0"):
    folder = out / "jobs" / name
    folder.mkdir(parents=True)
    settings = {"type": "Settings", "settings": {"model": "embedded", "device": "cpu"}}
    lines = [json.dumps(record) + "\n" for record in (settings, *records)]
    (folder / "results.jsonl").write_text("".join(lines) + '{"type": "Rea', "utf-8")
    (folder / "exit").write_text(f"{code}\n", "utf-8")


def test_the_table_of_jobs_with_the_same_trials(cells, tmp_path, capsys):
    """Parts of a cell have trials of the same key, but not the same ones."""
    refusal = "I could not find that in the document."
    for part, (dense, sparse, text) in enumerate([(1.0, 1.0, "an answer"), (1.0, 0.0, refusal)]):
        job(
            tmp_path,
            f"4096-niah_single_1-{part}",
            trial_result("niah_single_1/4096/0", DENSE, answer("niah_single_1", 0, dense)),
            trial_result(
                "niah_single_1/4096/0",
                SPARSE,
                answer("niah_single_1", 0, sparse, text),
                density=0.25 * (part + 1),
            ),
        )
    job(
        tmp_path,
        "4096-niah_single_2-0",
        trial_result("niah_single_2/4096/0", DENSE, answer("niah_single_2", 0, 0.0)),
        code="130",
    )
    parts = [answer("niah_multivalue", index, 0.25 * index) for index in range(5)]
    job(tmp_path, "4096-niah_multivalue-0", trial_result("niah_multivalue/4096/0", DENSE, *parts))
    missing = {"type": "NotRun", "task": "define", "length": 4096, "reason": "No code."}
    job(
        tmp_path,
        "4096-book-0",
        trial_result(
            "book/4096/0", DENSE, *(answer("absent", index, 1.0, refusal) for index in (0, 1))
        ),
        missing,
    )
    (tmp_path / "jobs.json").write_text('["4096-code-0"]', "utf-8")

    assert cells.main(["--report", str(tmp_path)]) == 0
    text = (tmp_path / "cells.md").read_text("utf-8")
    assert capsys.readouterr().out.strip() == text.strip()
    data = json.loads((tmp_path / "cells.json").read_text("utf-8"))
    rows = {cell["task"]: cell for cell in data["cells"]}
    assert list(rows) == [
        "niah_single_1",
        "niah_single_2",
        "niah_single",
        "niah_multivalue",
        "absent",
    ]
    one = rows["niah_single_1"]
    assert (one["dense"]["right"], one["dense"]["n"], one["sparse"]["right"]) == (2, 2, 1)
    assert (one["same"], one["pairs"], one["density"]) == (0.5, 2, 0.375)
    assert (rows["niah_single_2"]["sparse"], rows["niah_single_2"]["same"]) == (None, None)
    assert (rows["niah_single"]["dense"]["right"], rows["niah_single"]["dense"]["n"]) == (2, 3)
    assert not rows["niah_single"]["complete"]
    many = rows["niah_multivalue"]["dense"]
    assert (many["score"], many["right"], many["n"]) == (0.5, 1, 5)
    assert "| niah_single (2 of 3) |" in text
    assert "| 0.500 (1/5) [" in text
    assert {(r["configuration"], r["refused"], r["n"]) for r in data["false refusals"]} == {
        ("dense", 0, 8),
        ("local-vertical 0.95", 1, 2),
    }
    assert "- define at 4,096: No code." in text
    assert data["unfinished"] == ["4096-code-0: not started", "4096-niah_single_2-0: ended early"]
    wrong = [json.loads(line) for line in (tmp_path / "wrong.jsonl").read_text().splitlines()]
    assert [one["task"] for one in wrong] == ["niah_multivalue"] * 4 + ["niah_single_2"]


def test_wilson_intervals(cells):
    assert cells.wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert cells.wilson(0, 40) == pytest.approx((0.0, 0.0876), abs=1e-4)
    assert cells.wilson(40, 40) == pytest.approx((0.9124, 1.0), abs=1e-4)
    assert cells.wilson(0, 0) == (0.0, 1.0)


def test_jobs_have_all_samples_and_each_cell_a_part_before_the_next(cells):
    tasks = ("niah_single_1", "quote", "define", "fact")
    jobs = cells.jobs_of(tasks, (4096, 131072), 10, split=4, split_from=32768)
    assert len({job.name for job in jobs}) == len(jobs) == 3 + 3 * 4
    assert [job.length for job in jobs] == [131072] * 3 + [4096] * 3 + [131072] * 9
    fewer = cells.jobs_of(tasks, (4096,), 10, 1, 32768, needle_samples=3)
    assert [(job.family, job.samples) for job in fewer if job.family[0] == "n"] == [
        ("niah_single_1", 3)
    ]
    for family, served in (("niah_single_1", tasks[:1]), ("book", ("quote", "fact"))):
        of = [job for job in jobs if (job.family, job.length) == (family, 131072)]
        assert {job.tasks for job in of} == {served}
        assert sorted(job.part for job in of) == [0, 1, 2, 3]
        assert sum(job.samples for job in of) == 10


def test_records_of_the_former_version_make_the_same_table(cells):
    records = [
        trial_result("vt/4096/0", DENSE, answer("vt", 0, 1.0)),
        trial_result("vt/4096/0", SPARSE, answer("vt", 0, 0.5), density=0.25),
    ]
    former = [
        {**record, "type": "ReadingResult", "configuration": {**record["configuration"], **names}}
        for record, names in zip(
            records, ({"method": "joined"}, {"method": "window-columns"}), strict=True
        )
    ]
    assert cells.Table([("job", former)]).cells == cells.Table([("job", records)]).cells
    assert cells.Table([("job", former)]).sparse == ["local-vertical 0.95"]


def test_a_folder_without_jobs_and_methods_that_eval_lacks_are_told(cells, tmp_path, capsys):
    assert cells.main(["--report", str(tmp_path)]) == 2
    assert "has no jobs of a run" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cells.main(["--out", str(tmp_path), "--methods", "none"])
    assert "always runs sparse, too" in capsys.readouterr().err
