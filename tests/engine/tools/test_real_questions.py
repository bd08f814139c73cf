"""benchmarks/reader_real_questions.py: its judges, and dense against sparse on one model."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "reader_real_questions.py"
PASSAGE = "As you value your life or your reason keep away from the moor."


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("reader_real_questions", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.mark.parametrize(
    ("answer", "expected", "right"),
    [
        ("He should keep away from the moor if he values his life.", [PASSAGE], True),
        ("He should keep off.", [PASSAGE], False),
        ("He should stay at home.", ["It was brown.", PASSAGE], False),
        ("It was brown leather.", ["It was brown.", PASSAGE], True),
        ("I could not find that in the document.", [PASSAGE], False),
        ("I could not find that in the document.", None, True),
        ("To keep away from the moor.", None, False),
    ],
)
def test_own_words(script, answer, expected, right):
    assert script.in_own_words(answer, "What did the letter warn about?", expected) is right


def _judged(script, mode, number, right):
    return script.Judged(
        "a.txt", mode, number, "what", f"Question {number}?", ("x",), "", 0, 0, right, False, 1, ""
    )


def test_a_comparison_names_what_was_lost_and_won(script):
    dense, sparse = [True] * 6 + [False], [False] * 5 + [True] * 2
    judged = [_judged(script, "dense", n, right) for n, right in enumerate(dense, 1)]
    judged += [_judged(script, "sparse", n, right) for n, right in enumerate(sparse, 1)]
    text = script.comparison(judged)
    assert text.count("- lost: a.txt") == 5
    assert "- won: a.txt 7. Question 7?" in text
    assert "- by quotation: right 6 dense and 2 sparse of 7; 5 lost, 1 won, McNemar p 0.219" in text
    assert "- by words: right 0 dense and 0 sparse of 7; 0 lost, 0 won, McNemar p 1.000" in text


def test_one_model_reads_dense_and_sparse(script, tmp_path, monkeypatch, capsys):
    text = " ".join(f"The lamp of pier {n} was lit by keeper number {n * 31}." for n in range(40))
    (tmp_path / "piers.txt").write_text(text, "utf-8")
    questions = [
        {
            "kind": "who",
            "question": "Who lit the lamp of pier 7?",
            "expected": ["keeper number 217"],
        },
        {"kind": "absent", "question": "What colour was the ferry?", "expected": None},
    ]
    entry = {"path": "piers.txt", "range": "all", "until": None, "questions": questions}
    file = tmp_path / "questions.json"
    file.write_text(json.dumps({"documents": [entry]}), "utf-8")
    monkeypatch.setattr(script, "QUESTIONS", file)
    answers = tmp_path / "answers.json"
    wanted = ["--documents", str(tmp_path), "--device", "cpu", "--json", str(answers)]
    assert script.main([*wanted, "--compare", "--max-context", "4096"]) == 0
    written = json.loads(answers.read_text())
    assert written["settings"]["modes"] == ["dense", "sparse"]
    assert written["settings"]["max_context"] == 4096
    modes = [(one["mode"], one["number"]) for one in written["answers"]]
    assert modes == [("dense", 1), ("dense", 2), ("sparse", 1), ("sparse", 2)]
    first, second = written["answers"][::2]
    assert first["text"] == second["text"]  # so short a document is read densely
    out = capsys.readouterr().out
    assert "## piers.txt, sparse" in out
    assert "0 lost, 0 won, McNemar p 1.000" in out
    assert script.main([*wanted, "--rope-scaling", "yarn:2"]) == 2
    assert "reads 131,072 tokens already" in capsys.readouterr().err
