"""Tasks on real documents ask what the documents answer, and nothing else."""

from __future__ import annotations

import ast
import random
import re
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sa_chat.engine.documents import open_documents
from sa_chat.engine.tokens import load_tokenizer
from sa_chat.engine.tools.eval.documents import DOCUMENT_TASKS, PER_DOCUMENT, book_trial, code_trial
from sa_chat.engine.tools.eval.documents.facts import RELATIONS, Inventor
from sa_chat.engine.tools.eval.documents.symbols import symbols_of
from sa_chat.engine.tools.eval.prose import sentences_of
from sa_chat.engine.tools.eval.scoring import RULES
from sa_chat.engine.tools.eval.sizing import TokenCounter, write_files
from sa_chat.engine.tools.eval.sources import Sources, load_sources
from sa_chat.engine.tools.eval.trial import NotEnough, Question, Trial
from sa_chat.protocol.config import OpenOptions

ROOT = Path(__file__).parents[3]
LENGTHS = st.integers(1_500, 6_000)
SEEDS = st.integers(0, 10_000)
few = settings(max_examples=10, deadline=None)


@cache
def counter() -> TokenCounter:
    return TokenCounter(load_tokenizer(ROOT / "assets" / "reader"))


@cache
def demonstration() -> Sources:
    return load_sources()


def book(length: int, seed: int, index: int = 0) -> Trial:
    return book_trial(length, index, random.Random(seed), counter(), demonstration())


def code(length: int, seed: int, index: int = 0) -> Trial:
    return code_trial(length, index, random.Random(seed), counter(), demonstration())


def asked(trial: Trial, task: str) -> list[Question]:
    return [question for question in trial.questions if question.task == task]


def words_of(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]+", text.lower()))


def sentences_in(trial: Trial) -> list[str]:
    ((_, text),) = trial.files
    return [s for paragraph in text.strip().split("\n\n") for s in sentences_of(paragraph)]


@few
@given(LENGTHS, SEEDS, st.integers(0, 30))
def test_trials_are_of_the_asked_length_and_carry_four_samples_a_task(
    length: int, seed: int, index: int
) -> None:
    for make, key in ((book, "book"), (code, "code")):
        trial = make(length, seed, index)
        assert trial.key == f"{key}/{length}/{index}"
        assert trial.tokens == counter().count(trial.files, trial.questions)
        assert 0.99 * length <= trial.tokens <= length
        tasks = [task for task, maker in DOCUMENT_TASKS.items() if maker.__name__ == f"{key}_trial"]
        assert {question.task for question in trial.questions} == set(tasks)
        for task in tasks:
            questions = asked(trial, task)
            first = index * PER_DOCUMENT
            assert [q.index for q in questions] == list(range(first, first + PER_DOCUMENT))
            assert all(question.rule in RULES for question in questions)
            assert len({question.text for question in questions}) == PER_DOCUMENT


@few
@given(LENGTHS, SEEDS)
def test_key_words_of_a_quote_are_in_its_sentence_and_together_in_no_other(
    length: int, seed: int
) -> None:
    trial = book(length, seed)
    ((_, text),) = trial.files
    sentences = sentences_in(trial)
    for question in asked(trial, "quote"):
        (expected,) = question.expected
        match = re.fullmatch(
            r"Quote the sentence with the words (.+), (.+) and (.+)\.", question.text
        )
        assert match
        keys = {word.lower() for word in match.groups()}
        assert len(keys) == 3
        assert [s for s in sentences if keys <= words_of(s)] == [expected]
        assert text.count(expected) == 1
        assert 8 <= len(expected.split()) <= 40
        assert question.depth == pytest.approx(100 * text.index(expected) / (len(text) - 1))
        assert RULES[question.rule](f"> {expected}", question.expected) == 1.0


@few
@given(LENGTHS, SEEDS)
def test_what_continues_follows_in_the_same_paragraph(length: int, seed: int) -> None:
    trial = book(length, seed)
    ((_, text),) = trial.files
    for question in asked(trial, "continue"):
        match = re.fullmatch(
            r'Which sentence comes directly after this one: "([^"]+)"\?', question.text
        )
        assert match
        (expected,) = question.expected
        assert text.count(match[1]) == 1
        assert text[text.index(match[1]) + len(match[1]) :].startswith(f" {expected}")
        assert sentences_of(f"{match[1]} {expected}") == [match[1], expected]
        assert all(6 <= len(sentence.split()) <= 40 for sentence in (match[1], expected))


@few
@given(st.integers(1_024, 6_000), SEEDS)
def test_facts_are_far_apart_and_their_values_nowhere_else(length: int, seed: int) -> None:
    trial = book(length, seed)
    ((_, text),) = trial.files
    for question in asked(trial, "recall_far"):
        first, second = question.expected
        for value in question.expected:
            assert text.casefold().count(value.casefold()) == 1
        assert text.index(first) <= 0.2 * len(text)
        assert text.index(second) >= 0.8 * len(text)
        assert question.depth is not None
        start = round(question.depth * (len(text) - 1) / 100)
        assert text[start - 1] in " \n"
        assert first in sentences_of(text[start:].partition("\n\n")[0])[0]
        keys = [key for key in re.findall(r"\b[A-Z][a-z]+\b", question.text)[1:] if key in text]
        assert len(keys) == 2
        assert f"{first} {second}" not in question.text
        assert RULES[question.rule](f"{first}; {second}", question.expected) == 1.0
        assert RULES[question.rule](first, question.expected) == 0.0


@few
@given(LENGTHS, SEEDS, st.integers(0, 30))
def test_single_facts_are_at_either_end_and_those_of_the_pairs(
    length: int, seed: int, index: int
) -> None:
    trial = book(length, seed, index)
    ((_, text),) = trial.files
    pairs = [question.expected for question in asked(trial, "recall_far")]
    values = []
    for j, question in enumerate(asked(trial, "fact")):
        (value,) = question.expected
        values.append(value)
        assert value == pairs[j][j % 2]
        at = text.index(value)
        assert at <= 0.2 * len(text) if j % 2 == 0 else at >= 0.8 * len(text)
        assert question.depth is not None
        start = round(question.depth * (len(text) - 1) / 100)
        (sentence, *_) = sentences_of(text[start:].partition("\n\n")[0])
        assert value in sentence
        *_, key = re.findall(r"\b[A-Z][a-z]+\b", question.text)
        assert key in sentence
        assert value not in question.text
        assert question.text.endswith("?")
        assert question.rule == "all"
        assert RULES[question.rule](f"> {sentence}", question.expected) == 1.0
        assert RULES[question.rule]("It is another one.", question.expected) == 0.0
    assert len(set(values)) == PER_DOCUMENT == 2


@few
@given(LENGTHS, SEEDS)
def test_what_is_absent_has_a_near_miss_and_no_answer(length: int, seed: int) -> None:
    trial = book(length, seed)
    ((_, text),) = trial.files
    pairs = " ".join(question.text.lower() for question in asked(trial, "recall_far"))
    for question in asked(trial, "absent"):
        *_, key = re.findall(r"\b[A-Z][a-z]+\b", question.text)
        assert key.casefold() not in text.casefold()
        before, after = question.text.rstrip("?").lower().split(key.lower())
        assert re.search(rf"{re.escape(before)}[a-z]+{re.escape(after)}", pairs)
        assert (question.expected, question.depth) == ((), None)


@few
@given(LENGTHS, SEEDS)
def test_planted_sentences_are_not_asked_for_as_passages(length: int, seed: int) -> None:
    trial = book(length, seed)
    planted = [value for question in asked(trial, "recall_far") for value in question.expected]
    for question in (*asked(trial, "quote"), *asked(trial, "continue")):
        assert not [v for v in planted if v in question.text or v in question.expected[0]]


def test_depths_are_spread_over_the_document() -> None:
    trials = [book(6_000, seed) for seed in range(48)]
    for task in ("quote", "continue"):
        depths = [question.depth or 0 for trial in trials for question in asked(trial, task)]
        quarters = [sum(25 * q <= depth < 25 * (q + 1) for depth in depths) for q in range(4)]
        assert min(quarters) >= 12
        assert min(sum(quarters[:2]), sum(quarters[2:])) >= 40


@few
@given(LENGTHS, SEEDS)
def test_a_definition_is_in_the_expected_file_alone(length: int, seed: int) -> None:
    trial = code(length, seed)
    whole = dict(demonstration().code)
    for question in asked(trial, "define"):
        match = re.fullmatch(r"In which file is `(\w{5,})` defined\?", question.text)
        assert match
        (path,) = question.expected
        files = dict(trial.files)
        assert files[path] == whole[path]
        assert match[1] in _defined(files[path])
        others = [text for other, text in trial.files if other != path]
        assert not [text for text in others if re.search(rf"(def|class) {match[1]}\b", text)]
        assert not [other for other in files if other.endswith(f"/{path}")]


def _defined(text: str) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }


@few
@given(LENGTHS, SEEDS)
def test_all_files_but_one_are_whole(length: int, seed: int) -> None:
    whole = dict(demonstration().code)
    cut = [(path, text) for path, text in code(length, seed).files if text != whole[path]]
    assert len(cut) <= 1
    for path, text in cut:
        assert text.endswith("\n")
        assert whole[path].startswith(text)


def test_files_are_read_in_their_order_under_the_paths_that_are_expected(tmp_path: Path) -> None:
    trial = code(6_000, seed=3)
    documents = open_documents(OpenOptions(paths=(str(write_files(trial.files, tmp_path)),)))
    shown = [part.path for part in documents.parts]
    assert [path.partition("/")[2] for path in shown] == [path for path, _ in trial.files]
    text = "".join(part.text for part in documents.parts)
    for question in trial.questions:
        (path,) = question.expected
        (place,) = (s for s in shown if s.endswith(f"/{path}"))
        name = question.text.split("`")[1]
        definition = rf"^ *(async def|def|class) {name}\b"
        (at,) = (match.start() for match in re.finditer(definition, text, re.M))
        assert question.depth == pytest.approx(100 * at / len(text))
        assert RULES[question.rule](f"`{name}` is defined in {place}:", question.expected) == 1.0


@settings(max_examples=3, deadline=None)
@given(LENGTHS, SEEDS)
def test_a_trial_is_the_same_for_the_same_seed(length: int, seed: int) -> None:
    assert book(length, seed) == book(length, seed) != book(length, seed + 1)
    assert code(length, seed) == code(length, seed) != code(length, seed + 1)


def test_short_documents_are_told_with_their_size() -> None:
    with pytest.raises(NotEnough, match=r"have about \d\d,\d00 tokens of prose; 65,536 were asked"):
        book(65_536, seed=1)
    with pytest.raises(NotEnough, match=r"about \d\d\d,\d00 tokens of source code.*; 900,000 were"):
        code(900_000, seed=1)


@pytest.mark.parametrize("make", [book_trial, code_trial])
def test_no_documents_are_not_enough(make: object) -> None:
    assert callable(make)
    with pytest.raises(NotEnough):
        make(2_000, 0, random.Random(1), counter(), Sources((), ()))


def test_prose_that_repeats_itself_cannot_be_asked_for() -> None:
    text = "\n\n".join(["The same sentence stands here again and again and again."] * 900)
    with pytest.raises(NotEnough, match="too few whole sentences"):
        book_trial(2_000, 0, random.Random(1), counter(), Sources((("a.txt", text),), ()))


def test_documents_of_the_user(tmp_path: Path) -> None:
    rng = random.Random(5)
    vocabulary = [f"{a}{b}{c}" for a in "bdfgk" for b in ("ala", "ori", "une") for c in "lmnrst"]
    sentences = [" ".join(rng.choices(vocabulary, k=10)).capitalize() + "." for _ in range(400)]
    paragraphs = [" ".join(sentences[at : at + 5]) for at in range(0, 400, 5)]
    (tmp_path / "notes.md").write_text("# Notes\n\n" + "\n\n".join(paragraphs), "utf-8")
    for name in "abcdef":
        (tmp_path / "src" / name).mkdir(parents=True)
        lines = [f"def work_{name}_{number}():\n    return {number}\n" for number in range(40)]
        (tmp_path / "src" / name / "tool.py").write_text("\n".join(lines), "utf-8")
    sources = load_sources((str(tmp_path),))
    trial = book_trial(2_500, 0, random.Random(1), counter(), sources)
    assert all(question.expected[0] in sentences for question in asked(trial, "quote"))
    trial = code_trial(2_500, 0, random.Random(1), counter(), sources)
    for question in trial.questions:
        (path,) = question.expected
        top, folder, name = path.split("/")
        assert question.text.startswith(f"In which file is `work_{folder}_")
        assert (top, name) == ("src", "tool.py")
        assert RULES["path"]("tool.py", question.expected) == 0.0


@given(SEEDS)
def test_inventions_are_in_no_text_and_in_no_other(seed: int) -> None:
    text = " ".join(map(str, range(10_000, 60_000)))
    inventor = Inventor(random.Random(seed), text)
    facts = [inventor.fact(relation) for relation in RELATIONS]
    made = [word for fact in facts for word in (fact.key, fact.value)]
    assert not [word for word in made if word in text]
    assert not [(a, b) for a in made for b in made if a is not b and a.lower() in b.lower()]
    for fact in facts:
        assert fact.key in fact.statement
        assert fact.value in fact.statement
        assert fact.key in fact.question
        assert fact.value not in fact.question
        assert sentences_of(fact.statement) == [fact.statement]


def test_wordings_are_not_those_that_the_reader_was_trained_on() -> None:
    folder = ROOT / "assets" / "reader" / "recipe"
    recipe = "".join(file.read_text("utf-8") for file in sorted(folder.rglob("*.py")))
    assert "{key}" in recipe
    assert {relation.kind for relation in RELATIONS} == {"name", "number", "colour"}
    assert len(RELATIONS) >= 8
    for relation in RELATIONS:
        assert len(relation.statements) >= 3
        for form in (relation.question, *relation.statements):
            core = form.strip("?.")
            assert core not in recipe


SOURCE = {
    "a.py": (
        "limit = 3\nclass Store:\n    size: int = 0\n    def take(self): ...\n",
        [("Store", True), ("limit", False), ("size", False), ("take", True)],
    ),
    "old.py": ("print 'x'\ndef older(a):\n    pass\nclass Oldest: pass\n", ["older", "Oldest"]),
    "a.ts": ("export default async function load(x) {}\nexport class Box<T> {\n", ["load", "Box"]),
    "a.go": ("func (s *Store) Take(n int) {\ntype Store struct {\ntype X = Y\n", ["Take", "Store"]),
    "a.rs": ("pub(crate) async fn take<T>() {}\n    pub struct Store;\n", ["take", "Store"]),
    "a.java": ("public final class Store<T> {\n  // class of things\n", ["Store"]),
    "a.rb": ("class Store\n  def self.take(x)\n", ["Store", "take"]),
    "a.php": ("class Store {\n  public static function take($x)\n", ["Store", "take"]),
    "a.c": ("int take(void) {}\n", []),
}


@pytest.mark.parametrize("path", SOURCE)
def test_symbols_of_a_language(path: str) -> None:
    text, expected = SOURCE[path]
    symbols = symbols_of(path, text)
    found = {(symbol.name, symbol.is_definition) for symbol in symbols}
    assert found == {item if isinstance(item, tuple) else (item, True) for item in expected}
    for symbol in symbols:
        line = text[symbol.offset :].split("\n")[0]
        assert symbol.name in line
        assert symbol.offset == 0 or text[symbol.offset - 1] == "\n"
