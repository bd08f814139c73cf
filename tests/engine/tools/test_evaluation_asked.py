"""Natural questions over real documents: what is asked, of which text, and what counts as right."""

from __future__ import annotations

import json
import lzma
import random
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sa_chat.engine.cli import main
from sa_chat.engine.tokens import load_tokenizer
from sa_chat.engine.tools.eval.asked.context import file_names, files_of, paragraphs_in
from sa_chat.engine.tools.eval.asked.judge import judge
from sa_chat.engine.tools.eval.asked.questions import (
    SourceQuestion,
    by_document,
    read_questions,
)
from sa_chat.engine.tools.eval.asked.trials import QUESTIONS_PER_DOCUMENT, asked_trial
from sa_chat.engine.tools.eval.asked.words import content_words, numbers, stem, word_f1
from sa_chat.engine.tools.eval.sizing import TOLERANCE, TokenCounter
from sa_chat.engine.tools.eval.sources import Sources, load_sources
from sa_chat.engine.tools.eval.tasks import GROUPS, parse_tasks, trial_specs
from sa_chat.engine.tools.eval.trial import NotEnough
from sa_chat.protocol.errors import UsageError

ROOT = Path(__file__).parents[3]
few = settings(max_examples=8, deadline=None)
SENTENCE = "The harbour of Brell was closed by the storm for 12 days in March."
ASKED = SourceQuestion("a/b.txt", "Why was the harbour of Brell closed?", "A storm", SENTENCE)


@cache
def counter() -> TokenCounter:
    return TokenCounter(load_tokenizer(ROOT / "assets" / "reader"))


def document(name: str, paragraphs: int) -> tuple[str, list[SourceQuestion]]:
    text, questions = [], []
    for number in range(paragraphs):
        sentence = f"In {name} the keeper of lamp {number} was paid {number * 7 + 100} crowns."
        text.append(f"{sentence}\nIt rained in the valley,\nand nobody came to the gate that day.")
        question = f"How much did keeper {number} of {name} get?"
        questions.append(
            SourceQuestion(f"x/{name}.txt", question, f"{number * 7 + 100} crowns", sentence)
        )
    return "\n\n".join(text), questions


def sources(**sizes: int) -> Sources:
    made = {name: document(name, size) for name, size in sizes.items()}
    prose = tuple((f"docs/x/{name}.txt", text) for name, (text, _) in made.items())
    return Sources(prose, (), tuple(q for _, questions in made.values() for q in questions))


@pytest.mark.parametrize(
    ("question", "answer", "useful"),
    [
        ("Why was the harbour closed?", "Because of a storm.", True),
        ("What does the sentence tell about Brell?", "A storm", False),
        ("What is the main point of this passage?", "A storm", False),
        ("Why does the author mention the harbour?", "A storm", False),
        ("Who is Kim?", "A boy", False),
        ("Why did he do that then?", "A storm", False),  # no content
        ("Was the harbour of Brell closed?", "Yes, it was closed.", False),  # in the question
        ("For how many days was Brell closed?", "12", True),
        ("Was Brell closed for 12 days?", "12", False),
        ("Was the harbour of Brell closed by the storm in March?", "Wind", False),  # repeats it
    ],
)
def test_questions_that_say_nothing_are_left_out(question: str, answer: str, useful: bool) -> None:
    assert SourceQuestion("a", question, answer, SENTENCE).useful is useful


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("It was closed because of storms.", True),  # the plural, too
        ("It was closed by the sea.", False),
        (f"> {SENTENCE}", True),
        ("> the harbour of Brell was closed by a storm for 12 days in March.", True),
        ("The storm? I could not find that in the document.", False),
        ("", False),
    ],
)
def test_words_or_the_quoted_sentence_make_an_answer_right(answer: str, right: bool) -> None:
    verdict = judge(answer, ASKED.question, ASKED.answer, ASKED.sentence)
    assert verdict.right is right
    assert (verdict.quote_f1 >= 0.6) is answer.startswith(">")


def test_numbers_must_all_be_there_and_half_of_the_words() -> None:
    question, expected = "How long was Brell closed?", "For 12 days in March, by the harbour master"

    def found(answer: str) -> tuple[float, bool, bool]:
        verdict = judge(answer, question, expected, "Nothing like it.")
        return verdict.word_recall, verdict.numbers_found, verdict.right

    assert found("Twelve days in March") == (0.5, True, True)
    assert found("days in March") == (0.5, False, False)
    assert found("12 days") == (0.25, True, False)
    assert judge("1,200 crowns", "How much?", "1200", "x").right
    assert not judge("crowns", "How much?", "1200", "x").right


def test_a_verified_quotation_counts_even_beside_other_words() -> None:
    quotes = [f"It was so. {SENTENCE}"]
    verdict = judge("See there.", ASKED.question, ASKED.answer, SENTENCE, quotes)
    assert (verdict.word_recall, verdict.quote_f1, verdict.right) == (0.0, 1.0, True)


def test_words_by_hand() -> None:
    stems = {"stopped": "stop", "causes": "caus", "cause": "caus", "boxes": "box", "ladies": "lady"}
    assert {word: stem(word) for word in stems} == stems
    assert [stem(word) for word in ("this", "glass", "falling", "king", "red")] == [
        "this",
        "glass",
        "fall",
        "king",
        "red",
    ]
    assert content_words("The keeper’s lamps, and 12 of them.") == {"keeper", "lamp"}
    assert numbers("On the 18th, twenty men had 1,200 crowns") == {"18", "20", "1200"}
    assert word_f1("a b c", "b c d e") == pytest.approx(2 * 2 / 7)
    assert word_f1("", "b") == 0.0


def test_files_of_questions_are_read_plain_and_compressed(tmp_path: Path) -> None:
    entry = {"doc": "a/b.txt", "q": ASKED.question, "a": "A  storm", "s": SENTENCE, "s0": 4}
    useless = {**entry, "q": "Who?"}
    lines = "\n".join(json.dumps(each) for each in (entry, useless, entry)) + "\n"
    plain, packed = tmp_path / "q.jsonl", tmp_path / "q.jsonl.xz"
    plain.write_text(lines, "utf-8")
    packed.write_bytes(lzma.compress(lines.encode()))
    assert read_questions(plain) == read_questions(packed) == (ASKED,)
    for bad in ('{"doc": "a"}', "[1]", "no", '{"doc": "a", "q": "b", "a": 1, "s": "c"}'):
        plain.write_text(f"{json.dumps(entry)}\n{bad}\n", "utf-8")
        with pytest.raises(UsageError, match=r"Line 2 of .* is not a question"):
            read_questions(plain)
    packed.write_bytes(b"no xz")
    for missing in (packed, tmp_path / "none.jsonl"):
        with pytest.raises(UsageError, match="cannot be read"):
            read_questions(missing)


def test_documents_are_found_by_the_longest_common_tail() -> None:
    asked = [
        SourceQuestion(doc, "q", "a", "s") for doc in ("dev/x/b.txt", "y/b.txt", "c.txt", "d.txt")
    ]
    found = by_document(asked, ["top/y/b.txt", "x/b.txt", "c.txt", "e.txt"])
    assert {path: [q.document for q in those] for path, those in found.items()} == {
        "top/y/b.txt": ["y/b.txt"],
        "x/b.txt": ["dev/x/b.txt"],
        "c.txt": ["c.txt"],
    }


@few
@given(length=st.integers(1_024, 6_000), index=st.integers(0, 7), seed=st.integers(0, 99))
def test_contexts_are_whole_paragraphs_of_the_length_and_have_the_answers(
    length: int, index: int, seed: int
) -> None:
    made = sources(alba=90, brell=200, corve=40)
    trial = asked_trial(length, index, random.Random(seed), counter(), made)
    assert trial == asked_trial(length, index, random.Random(seed), counter(), made)
    assert length * (1 - TOLERANCE) <= trial.tokens <= length
    assert trial.tokens == counter().count(trial.files, trial.questions)
    whole = {block for _, text in made.prose for block in text.split("\n\n")}
    *others, last = (block for _, text in trial.files for block in text.strip().split("\n\n"))
    assert set(others) <= whole
    assert any(block.startswith(last) for block in whole)
    first = ("alba", "brell", "corve")[index % 3]
    assert trial.files[0][0].removeprefix("001-") == f"{first}.txt"
    assert 0 < len(trial.questions) <= QUESTIONS_PER_DOCUMENT
    joined = " ".join(" ".join(text.split()) for _, text in trial.files)
    for question in trial.questions:
        assert question.expected[1] in joined
        assert question.index // QUESTIONS_PER_DOCUMENT == index
    depths = [question.depth or 0.0 for question in trial.questions]
    assert depths == sorted(depths)
    assert depths[0] < 20 or len(depths) < 5
    assert depths[-1] > 80 or len(depths) < 5


def test_every_trial_begins_elsewhere() -> None:
    made = sources(alba=300, brell=40)
    trials = [
        asked_trial(2_048, index, random.Random(index), counter(), made) for index in range(6)
    ]
    assert len({trial.files[0][1][:40] for trial in trials}) == 6
    assert [len(trial.files) for trial in trials[::2]] == [1, 1, 1]  # alba is long enough


def test_short_documents_follow_one_another_as_files() -> None:
    made = sources(alba=20, brell=20, corve=20, dorn=20)
    trial = asked_trial(2_048, 1, random.Random(0), counter(), made)
    names = [name for name, _ in trial.files]
    assert names[:2] == ["001-brell.txt", "002-corve.txt"]
    assert len({question.expected[1].split()[1] for question in trial.questions}) == len(names)


def test_what_is_missing_is_said() -> None:
    short = sources(alba=5)
    rng = random.Random(0)
    for given_sources, words in (
        (Sources(short.prose, ()), "give a file with --questions"),
        (Sources((("other.txt", "Text. " * 999),), (), short.asked), "among the documents"),
        (Sources(short.prose, (), ()), "No question of --questions can be judged"),
        (short, "tokens of paragraphs"),
    ):
        with pytest.raises(NotEnough, match=words):
            asked_trial(2_048, 0, rng, counter(), given_sources)


def test_long_paragraphs_are_divided_at_line_ends_and_nothing_is_lost() -> None:
    text = "\n".join(f"line {number} of one block" for number in range(900))
    parts = paragraphs_in("a.txt", text)
    assert len(parts) > 3
    ((name, joined),) = files_of(parts)
    assert (name, joined) == ("a.txt", text + "\n")
    assert file_names(["x/a.pdf", "y/a.txt"]) == {"x/a.pdf": "a.txt", "y/a.txt": "a-2.txt"}


def test_groups_and_specifications() -> None:
    assert parse_tasks("near-lossless") == (*GROUPS["ruler"], "quote", "define", "asked")
    specs = [spec for spec in trial_specs(("asked", "quote"), (4096,), 5)]
    assert [spec.key for spec in specs if spec.family == "asked"] == [
        f"asked/4096/{index}" for index in range(3)
    ]


def test_a_run_asks_them_all_and_records_both_parts(tmp_path: Path) -> None:
    text, questions = document("alba", 60)
    (tmp_path / "alba.txt").write_text(text, "utf-8")
    file = tmp_path / "q.jsonl"
    entries = [
        {"doc": q.document, "q": q.question, "a": q.answer, "s": q.sentence}
        for q in questions[8:12]
    ]
    file.write_text("\n".join(map(json.dumps, entries)), "utf-8")
    wanted = ["--documents", str(tmp_path / "alba.txt"), "--lengths", "1024", "--samples", "1"]
    out = tmp_path / "out"
    command = ["eval", *wanted, "--tasks", "asked", "--device", "cpu", "--out", str(out)]
    assert main([*command, "--questions", str(file)]) == 0
    lines = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    answers = [answer for line in lines if "answers" in line for answer in line["answers"]]
    assert len(answers) == 2 * 4
    for answer in answers:
        said = answer["word_recall"] >= 0.5 and answer["numbers_found"]
        assert answer["score"] == float(said or answer["quote_f1"] >= 0.6)
    assert load_sources((str(tmp_path / "alba.txt"),), file).fingerprint in json.dumps(lines[0])


def test_without_questions_the_cell_is_not_run(tmp_path: Path) -> None:
    out = tmp_path / "out"
    code = main(["eval", "--tasks", "asked", "--lengths", "1024", "--out", str(out)])
    assert code == 3
    line = (out / "results.jsonl").read_text().splitlines()[-1]
    reason = "It needs questions about the documents: give a file with --questions."
    assert json.loads(line) == {"type": "NotRun", "task": "asked", "length": 1024, "reason": reason}
    assert reason in (out / "report.md").read_text()
