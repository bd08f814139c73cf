"""The embedded reader, through the command line, in its own process."""

from __future__ import annotations

import json
import subprocess

import pytest
from asking import FACTS, ROOT, ask

REFUSAL = "I could not find that in the document."


@pytest.fixture(scope="module")
def answers(planted):
    """One prefill, all questions."""
    questions = [*FACTS, "What is the voucher of Zebra Quarry?", "Who is Zorvath Quillington?"]
    arguments = [word for question in questions for word in ("--ask", question)]
    return ask(planted, *arguments)


def test_it_finds_planted_facts_and_quotes_them(answers):
    found = [a for a in answers["answers"] if FACTS.get(a["question"], ("", "\0"))[1] in a["text"]]
    assert len(found) >= len(FACTS) - 1, [a["text"] for a in answers["answers"]]
    for answer in found:
        (citation, *_) = answer["citations"]
        assert citation["verified"]
        assert citation["path"] == "notes.txt"
        assert citation["page"] is None
        assert citation["line"] > 0


def test_it_says_what_is_not_there(answers):
    assert [a["text"] for a in answers["answers"][-2:]] == [REFUSAL, REFUSAL]
    assert all(a["citations"] == [] for a in answers["answers"][-2:])


def test_every_figure_is_measured(answers):
    assert answers["dropped_tokens"] == 0
    assert 1_000 < answers["prompt_tokens"] < 20_000
    assert all(seconds > 0 for name, seconds in answers["ttft"].items() if name != "select_s")
    assert answers["attention"]["mode"] == "sparse"
    assert all(a["tokens"] > 0 and a["tokens_per_s"] > 0 for a in answers["answers"])


def test_it_quotes_a_sentence_by_its_words(planted):
    result = ask(planted, "--ask", "Quote the sentence with the words composer, quartet and pump.")
    (answer,) = result["answers"]
    (citation,) = answer["citations"]
    assert citation["verified"]
    assert "wrote a quartet about the pump" in citation["quote"]


def test_it_says_where_code_is_defined():
    result = ask(
        ROOT / "engine" / "budget" / "check.py",
        ROOT / "protocol" / "errors.py",
        "--ask",
        "Where is `check_budget` defined?",
        "--ask",
        "Where is `ContextOverflow` defined?",
    )
    first, second = result["answers"]
    assert "check.py" in first["text"]
    assert "errors.py" in second["text"]
    for answer in (first, second):
        (citation, *_) = answer["citations"]
        assert citation["verified"]


def test_it_cites_printed_page_labels():
    handbook = ROOT / "assets" / "handbook.pdf"
    result = ask(
        handbook,
        "--pages",
        "5-9",
        "--ask",
        "Quote the sentence with the words waits, type and reading.",
        "--ask",
        "Quote the sentence with the words scripts, pipes and jobs.",
    )
    assert result["documents"] == [str(handbook)]
    citations = [citation for answer in result["answers"] for citation in answer["citations"]]
    verified = [citation for citation in citations if citation["verified"]]
    assert verified
    assert {citation["path"] for citation in verified} == {"handbook.pdf"}
    assert {citation["page"] for citation in verified} <= {"1", "2", "3", "4", "5"}


def test_dense_and_alpha_one_keep_everything(planted):
    question = next(iter(FACTS))
    dense = ask(planted, "--ask", question, "--attention", "dense")
    whole = ask(planted, "--ask", question, "--alpha", "1")
    for result in (dense, whole):
        assert result["attention"]["density"] == 1.0
        assert result["attention"]["coverage"] == 1.0
        assert result["ttft"]["select_s"] < 0.1
    assert dense["answers"][0]["text"] == whole["answers"][0]["text"]


def test_the_reader_is_as_light_as_its_card_says():
    config = json.loads((ROOT / "assets" / "reader" / "config.json").read_text("utf-8"))
    assert config["architectures"] == ["Qwen3ForCausalLM"]
    assert config["max_position_embeddings"] == 131_072
    info = subprocess.run(
        ["sa-engine", "info", "--json"], capture_output=True, text=True, check=True, timeout=120
    )
    assert "32648960" in info.stdout.replace(",", "")
