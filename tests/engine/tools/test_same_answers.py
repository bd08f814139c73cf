"""benchmarks/same_answers: what it compares by hand-made answers, and a run over a short text."""

import json
import random
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from benchmark_modules import names_of

from sa_chat.engine.tools.eval.trial import Question, Trial
from sa_chat.protocol.errors import UsageError

MODULES = ("ways", "comparing", "__main__")


@pytest.fixture(scope="module")
def same():
    """All names of its modules."""
    return names_of("same_answers", MODULES)


TOKENIZER = SimpleNamespace(token_bytes=lambda token: b"t%d" % token)
TRIALS = [
    Trial(
        key=f"book/4096/{index}",
        length=4096,
        tokens=4090,
        files=(("book.txt", "A text."),),
        questions=tuple(Question(task, index, "Who?", ("Kim",), "all") for task in tasks),
    )
    for index, tasks in enumerate([("quote", "fact"), ("quote", "absent")])
]


def run(way, *answers, mode="dense", prompts=("p", "q")):
    """`answers` are (token ids, score)."""
    return {
        "mode": mode,
        "way": way,
        "devices": ["cpu"],
        "dtype": "float32",
        "seconds": 1.0,
        "density": 1.0,
        "prompts": list(prompts),
        "answers": [
            {"ids": ids, "leads": [0.5 / (at + 1) for at in range(len(ids))], "score": score}
            for ids, score in answers
        ],
    }


SAID = [([1, 2, 9], 1.0), ([3, 9], 1.0), ([4, 9], 0.0), ([5, 9], 1.0)]


def test_dense_answers_have_the_same_tokens(same):
    first, again = run("cpu", *SAID), run("gpu", *SAID)
    other = run("gpus", SAID[0], ([3, 7, 9], 1.0), ([6, 9], 0.0), SAID[3])
    rows, differences = same.compare([first, again, other], TRIALS, TOKENIZER)
    assert [(row["same"], row["questions"], row["good"]) for row in rows] == [
        (4, 4, True),
        (4, 4, True),
        (2, 4, False),
    ]
    told = "gpus, question 1 (fact): token 1 is b't7', not b't9'; the best logit leads the second"
    assert differences == [f"{told} by 0.25 and 0.25"]
    text = same.shown("dense", rows, differences)
    assert "2 of 4" in text
    assert f"- {told}" in text
    assert text.endswith("All tokens are the same: NO.")
    assert same.shown("dense", rows[:2], []).endswith("All tokens are the same: yes.")


def test_an_answer_that_goes_on_differs_behind_the_end_of_the_other(same):
    rows, (told,) = same.compare(
        [run("cpu", *SAID), run("gpu", ([1, 2], 1.0), *SAID[1:])], TRIALS, TOKENIZER
    )
    assert not rows[1]["good"]
    assert "question 0 (quote): token 1 is" in told


def test_sparse_answers_may_differ_while_scores_lie_in_the_interval(same):
    scores = {
        "cpu": (1.0, 1.0, 0.0, 1.0),
        "gpu": (1.0, 0.0, 1.0, 1.0),
        "gpus": (0.0, 0.0, 0.0, 0.0),
    }
    runs = [
        run(way, *(([at, 9], score) for at, score in enumerate(of_way)), mode="sparse")
        for way, of_way in scores.items()
    ]
    rows, differences = same.compare(runs, TRIALS, TOKENIZER)
    assert [row["score"] for row in rows] == [0.75, 0.75, 0.0]
    assert [row["good"] for row in rows] == [True, True, False]
    assert [(row["better"], row["worse"]) for row in rows] == [(0, 0), (1, 1), (0, 3)]
    assert rows[1]["ratio interval"] == (0.5, 2.0)  # the two documents of the first way: 2 and 1
    assert differences == []
    text = same.shown("sparse", rows, differences)
    assert "0.750 [0.30, 0.95]" in text
    assert text.endswith("All scores are in the interval: NO.")


def test_all_right_is_in_the_interval_of_all_right(same):
    runs = [run(way, *[([1], 1.0)] * 4, mode="sparse") for way in ("cpu", "gpu")]
    rows, _ = same.compare(runs, TRIALS, TOKENIZER)
    assert all(row["within"] for row in rows)


def test_other_tokens_of_the_documents_are_refused(same):
    runs = [run("cpu", *SAID), run("gpu", *SAID, prompts=("p", "x"))]
    with pytest.raises(UsageError, match="gpu read other tokens than cpu"):
        same.compare(runs, TRIALS, TOKENIZER)


def test_the_recorder_keeps_what_was_chosen_and_by_how_much(same):
    recorder = same.Recorder([("book.txt", "One day")], lambda token: b"abcdef"[token : token + 1])
    choose = recorder.chooser({5})
    logits = torch.tensor([0.0, 1.0, 4.0, 2.5, 0.0, 0.0])
    assert [choose(logits), choose(logits.roll(3))] == [2, 5]
    assert (recorder.ids, recorder.leads) == ([2, 5], [1.5, 1.5])
    recorder.chooser({5})
    assert (recorder.ids, recorder.leads) == ([], [])


def test_what_was_asked_comes_back_from_its_file(same, tmp_path):
    file = tmp_path / "saved.json"
    runs = [run("cpu", *SAID)]
    trials = [replace(trial, files=(*trial.files, ("x/y.py", "é = 1\n"))) for trial in TRIALS]
    same.save(file, trials, runs, {"seed": 1})
    assert same.load_saved(file) == (trials, runs, {"seed": 1})
    file.write_text('{"trials": []}')
    with pytest.raises(UsageError, match="cannot be used"):
        same.load_saved(file)


def test_options_that_are_none_are_told(same, capsys, tmp_path):
    for options, told in [
        (["--ways", "cpu,tpu"], "'tpu' is not one of cpu, cpu-1000, gpu"),
        (["--modes", "thick"], "'thick' is not one of dense, sparse"),
        (["book.txt", "--against", "x.json"], "--against has its own documents"),
    ]:
        with pytest.raises(SystemExit):
            same.main(options)
        assert told in capsys.readouterr().err
    assert same.main(["--against", str(tmp_path / "none.json")]) == 2
    assert "none.json cannot be used" in capsys.readouterr().err
    assert same.main([str(tmp_path / "none.txt")]) == 3
    assert same.parse_ways("gpu-1000,cpu") == tuple(
        w for w in same.WAYS if w.name in ("cpu", "gpu-1000")
    )


def test_a_way_that_is_wanted_and_not_possible_is_an_error(same, monkeypatch, tmp_path, capsys):
    file = tmp_path / "saved.json"
    same.save(file, TRIALS, [run("cpu", *SAID)], {"seed": 1})
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert same.main(["--against", str(file), "--modes", "dense", "--ways", "cpu,gpus"]) == 2
    assert "gpus needs 2 GPU(s), and 1 can be seen" in capsys.readouterr().err
    assert [way.name for way in same.available_ways(None)] == [
        w.name for w in same.WAYS if w.gpus < 2
    ]


def test_a_way_alone_is_compared_with_nothing(same):
    rows, differences = same.compare([run("cpu", *SAID)], TRIALS, TOKENIZER)
    text = same.shown("dense", rows, differences)
    assert text.endswith("All tokens are the same: nothing to compare yet.")


def test_two_devices_have_half_of_the_layers_each(same, build_model, as_loaded):
    devices = torch.device("cpu"), torch.device("meta")
    loaded = same.split(as_loaded(build_model("qwen3")), devices)
    assert loaded.devices == devices
    model = loaded.model.model
    on = [next(layer.parameters()).device for layer in model.layers]
    assert on == [devices[0], devices[0], devices[1]]
    assert model.embed_tokens.weight.device == devices[0]
    assert model.norm.weight.device == loaded.model.lm_head.weight.device == devices[1]


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """Sentences of invented words: whole, and each of its own."""
    rng = random.Random(3)
    words = [
        "".join(rng.choice(s) for s in ("bdfgkl", "aeiou", "mnprst", "aeo")) for _ in range(400)
    ]
    sentences = [f"The {' '.join(rng.sample(words, 9))}." for _ in range(120)]
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("\n\n".join(" ".join(sentences[n : n + 5]) for n in range(0, 120, 5)), "utf-8")
    return path


def test_every_way_that_is_possible_here_answers_the_same(same, text, tmp_path, capsys):
    """Saved by one process, gone on with by another, as over two machines."""
    saved, out = tmp_path / "cpu.json", tmp_path / "out"
    options = ["--modes", "dense", "--save", str(saved)]
    asked = [str(text), "--tokens", "1100", "--tasks", "fact", "--samples", "1", "--ways", "cpu"]
    assert same.main([*asked, *options]) == 0
    assert same.main(["--against", str(saved), "--out", str(out), *options]) == 0
    assert "All tokens are the same: yes." in capsys.readouterr().out
    data = json.loads((out / "same-answers.json").read_text())
    ways = [way.name for way in same.WAYS if way.gpus <= torch.cuda.device_count()]
    assert [row["way"] for row in data["rows"]] == ways
    assert all(row["same"] == row["questions"] == 1 for row in data["rows"])
    assert all(row["dtype"] == "float32" and row["density"] == 1.0 for row in data["rows"])
    assert data["summary"] == {"good": True}
    assert (out / "same-answers.md").read_text().startswith("# The same answers in every way\n")
    answers = [run["answers"] for run in json.loads(saved.read_text())["runs"]]
    assert len(answers) == len(ways)
    assert all(len(answer["ids"]) == len(answer["leads"]) > 1 for answer in answers[0])
