"""The tasks of RULER against their published definitions (arXiv 2404.06654, NVIDIA/RULER)."""

from __future__ import annotations

import math
import random
import re
import uuid
from collections import Counter as Tally
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers_for_tests import CHATML, byte_level

from sa_chat.engine.tokens import load_tokenizer
from sa_chat.engine.tokens.hf_tokenizer import HFTokenizer
from sa_chat.engine.tools.eval.ruler import RULER_TASKS
from sa_chat.engine.tools.eval.ruler.haystacks import hide, real_text
from sa_chat.engine.tools.eval.ruler.needles import DEPTHS, NEEDLE_TASKS, depth_of
from sa_chat.engine.tools.eval.ruler.words import all_words
from sa_chat.engine.tools.eval.scoring import RULES
from sa_chat.engine.tools.eval.sizing import TokenCounter
from sa_chat.engine.tools.eval.trial import NotEnough, Trial

READER = Path(__file__).parents[3] / "assets" / "reader"
NOISE = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again."
NEEDLE = re.compile(r"One of the special magic (numbers|uuids) for ([^:]+) is: ([-\w]+)\.")
# name: (haystack, keys, values, keys hidden, values a key, keys asked), as in synthetic.yaml
NIAH = {
    "niah_single_1": ("noise", "words", "numbers", 1, 1, 1),
    "niah_single_2": ("essay", "words", "numbers", 1, 1, 1),
    "niah_single_3": ("essay", "words", "uuids", 1, 1, 1),
    "niah_multikey_1": ("essay", "words", "numbers", 4, 1, 1),
    "niah_multikey_2": ("needle", "words", "numbers", 1, 1, 1),
    "niah_multikey_3": ("needle", "uuids", "uuids", 1, 1, 1),
    "niah_multivalue": ("essay", "words", "numbers", 1, 4, 1),
    "niah_multiquery": ("essay", "words", "numbers", 4, 1, 4),
}
SINGLE = [name for name in NIAH if name.startswith("niah_single")]
SINGLE += ["niah_multikey_2", "niah_multikey_3"]

SHORT = st.integers(2000, 6000)
CELLS = {
    "length": st.one_of(SHORT, SHORT, SHORT, st.just(16_384)),
    "index": st.integers(0, 3),
    "seed": st.integers(0, 10**6),
}
few = settings(max_examples=8, deadline=None)


@cache
def prose() -> str:
    rng = random.Random(0)
    sentences = (rng.choices(all_words(), k=rng.randint(4, 20)) for _ in range(1500))
    return "\n".join(" ".join(words).capitalize() + "." for words in sentences)


@cache
def counter() -> TokenCounter:
    return TokenCounter(load_tokenizer(READER))


def make(name: str, length: int, index: int = 0, seed: int = 0, samples: int = 4) -> Trial:
    return RULER_TASKS[name](length, index, samples, random.Random(seed), counter(), prose())


def text_of(trial: Trial) -> str:
    ((name, text),) = trial.files
    assert name == "text.txt"
    return text


def test_the_tasks_are_the_published_ones_in_order() -> None:
    assert list(RULER_TASKS) == [*NIAH, "vt", "cwe", "fwe"]
    assert [
        (s.haystack, s.keys, s.values, s.key_count, s.values_per_key, s.queried_keys)
        for s in NEEDLE_TASKS
    ] == list(NIAH.values())


@pytest.mark.parametrize("name", RULER_TASKS)
@few
@given(**CELLS)
def test_lengths_are_met_and_seeds_decide(name: str, length: int, index: int, seed: int) -> None:
    trial = make(name, length, index, seed)
    assert 0.99 * length <= trial.tokens <= length
    assert trial.tokens == counter().count(trial.files, trial.questions)
    assert trial.key == f"{name}/{length}/{index}"
    assert trial.length == length
    (question,) = trial.questions
    assert (question.task, question.index, question.rule) == (name, index, "all")
    assert question.answer_tokens == 128
    assert RULES["all"](", ".join(question.expected).upper(), question.expected) == 1.0
    assert RULES["all"]("?!", question.expected) == 0.0  # no word, for "green" may be asked
    assert make(name, length, index, seed) == trial
    assert text_of(make(name, length, index, seed + 1)) != text_of(trial)


@pytest.mark.parametrize("name", RULER_TASKS)
def test_long_texts_take_few_counts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []
    count = TokenCounter.count

    def counted(*arguments: object) -> int:
        counts.append(count(*arguments))  # type: ignore[arg-type]
        return counts[-1]

    monkeypatch.setattr(TokenCounter, "count", counted)
    trial = make(name, 131_072, index=2)
    assert 0.999 * 131_072 <= trial.tokens <= 131_072
    assert len(counts) <= 10


@pytest.mark.parametrize("name", ["niah_single_1", "niah_multikey_3", "niah_multivalue", "fwe"])
def test_lengths_are_in_the_tokens_of_the_model(name: str) -> None:
    letters = TokenCounter(HFTokenizer(byte_level(CHATML), "bytes"))
    trial = RULER_TASKS[name](12_000, 1, 4, random.Random(1), letters, prose())
    assert 0.99 * 12_000 <= trial.tokens <= 12_000
    assert trial.tokens == letters.count(trial.files, trial.questions)
    assert counter().count(trial.files, trial.questions) < 0.7 * 12_000


@pytest.mark.parametrize("name", NIAH)
@few
@given(**CELLS)
def test_needles_are_hidden_as_published(name: str, length: int, index: int, seed: int) -> None:
    haystack, keys, values, hidden, values_a_key, asked = NIAH[name]
    trial = make(name, length, index, seed)
    (question,) = trial.questions
    text = text_of(trial)
    one = asked * values_a_key == 1
    kind = values.removesuffix("s") if one else values
    are, is_are = ("A", "is") if one else ("Some", "are")
    intro = (
        f"{are} special magic {kind} {is_are} hidden within the following text. "
        f"Make sure to memorize it. I will quiz you about the {kind} afterwards.\n"
    )
    ask = "What is the" if one else "What are all the"
    asking = re.fullmatch(
        rf"{ask} special magic {kind} for (.+) mentioned in the provided text\?", question.text
    )
    assert text.startswith(intro)
    assert asking is not None
    found = NEEDLE.findall(text)
    assert {plural for plural, _, _ in found} == {values}
    queried = [key for _, key, _ in found if key in re.split(r", and |, ", asking[1])]
    assert len(set(queried)) == asked
    assert len(queried) == asked * values_a_key
    assert [value for _, key, value in found if key in queried] == list(question.expected)
    assert all(text.count(value) == 1 for value in question.expected)
    assert Tally(key for _, key, _ in found).most_common(1)[0][1] == values_a_key
    assert len({value for _, _, value in found}) == len(found)
    rest = NEEDLE.sub("", text.removeprefix(intro))
    if haystack == "needle":
        assert len(found) > 10
        assert not rest.strip()
    else:
        assert len(found) == hidden * values_a_key
    if haystack == "noise":
        assert set(rest.split("\n")) == {NOISE, ""}
    if haystack == "essay":
        words = prose().split()
        rest_words = rest.split()
        assert rest_words == (words * (len(rest_words) // len(words) + 1))[: len(rest_words)]
    for key in {key for _, key, _ in found}:
        assert "-" in key
        assert keys == "words" or is_uuid_4(key)
    for _, _, value in found:
        assert is_uuid_4(value) if values == "uuids" else 10**6 <= int(value) < 10**7


def is_uuid_4(text: str) -> bool:
    parsed = uuid.UUID(text)
    return str(parsed) == text and parsed.version == 4 and parsed.variant == uuid.RFC_4122


def test_wordings_of_one_and_of_several_needles() -> None:
    one = make("niah_single_2", 2000)
    assert text_of(one).startswith(
        "A special magic number is hidden within the following text. Make sure to memorize it. "
        "I will quiz you about the number afterwards.\n"
    )
    (_, key, value) = NEEDLE.findall(text_of(one))[0]
    assert f"One of the special magic numbers for {key} is: {value}." in text_of(one)
    assert one.questions[0].text == (
        f"What is the special magic number for {key} mentioned in the provided text?"
    )
    several = make("niah_multiquery", 2000)
    assert text_of(several).startswith(
        "Some special magic numbers are hidden within the following text. Make sure to memorize "
        "it. I will quiz you about the numbers afterwards.\n"
    )
    assert re.fullmatch(
        r"What are all the special magic numbers for [^,]+, [^,]+, [^,]+, and [^,]+ mentioned in "
        r"the provided text\?",
        several.questions[0].text,
    )


def test_depths_are_the_published_grid() -> None:
    assert DEPTHS[:5] == (0, 3, 5, 8, 10)
    assert (len(DEPTHS), DEPTHS[-1]) == (40, 100)
    assert [depth_of(index, 4) for index in range(4)] == [0, 33, 67, 100]
    assert [depth_of(index, 40) for index in range(40)] == list(DEPTHS)
    assert depth_of(0, 1) in (49, 51)


@given(samples=st.integers(2, 100))
def test_depths_are_evenly_spaced(samples: int) -> None:
    depths = [depth_of(index, samples) for index in range(samples)]
    assert (depths[0], depths[-1]) == (0, 100)
    assert all(
        abs(depth - 100 * index / (samples - 1)) <= 1.5 for index, depth in enumerate(depths)
    )


@pytest.mark.parametrize("name", [*SINGLE, "niah_multikey_1"])
@pytest.mark.parametrize("index", range(4))
def test_the_needle_lies_at_its_depth(name: str, index: int) -> None:
    trial = make(name, 8192, index, seed=index)
    (question,) = trial.questions
    context = text_of(trial).partition("\n")[2]
    assert question.depth is not None
    if name in SINGLE:
        assert question.depth == (0, 33, 67, 100)[index]
    assert question.depth in DEPTHS
    at = context.index(question.expected[0])
    before = 100 * at / len(context)
    assert before == pytest.approx(question.depth, abs=6)


@pytest.mark.parametrize("name", ["niah_multivalue", "niah_multiquery", "vt", "cwe", "fwe"])
def test_what_is_in_many_places_has_no_depth(name: str) -> None:
    assert make(name, 2500).questions[0].depth is None


@given(
    count=st.integers(0, 60),
    depths=st.lists(st.sampled_from(DEPTHS), min_size=1, max_size=6, unique=True).map(sorted),
)
def test_needles_are_hidden_between_units(count: int, depths: list[float]) -> None:
    units = [f"unit {number}" for number in range(count)]
    needles = [f"needle {number}" for number in range(len(depths))]
    hidden = hide(needles, depths, units)
    assert [text for text in hidden if text.startswith("unit")] == units
    assert [text for text in hidden if text.startswith("needle")] == needles
    for number, (needle, depth) in enumerate(zip(needles, depths, strict=True)):
        assert hidden.index(needle) - number == int(count * depth / 100)


def test_short_prose_is_repeated_and_none_is_refused() -> None:
    units = real_text("One fox ran. Two dogs\nslept!")
    assert units(9) == ["One fox ran.", "Two dogs slept!", "One fox ran."]
    assert units(2) == ["One fox"]
    assert units(0) == []
    with pytest.raises(NotEnough, match="there is none"):
        real_text(" \n")
    trial = RULER_TASKS["niah_single_2"](4096, 0, 1, random.Random(0), counter(), "It rains.")
    assert text_of(trial).count("It rains.") > 500


@few
@given(**CELLS)
def test_a_chain_is_tracked(length: int, index: int, seed: int) -> None:
    trial = make("vt", length, index, seed)
    (question,) = trial.questions
    example, _, text = text_of(trial).rpartition("\n\nMemorize and track")
    intro = " the chain(s) of variable assignment hidden in the following text.\n\n"
    assert text.startswith(intro)
    lines = text.removeprefix(intro).split("\n")
    chain = [line for line in lines if line != NOISE]
    names = [line.split()[1] for line in chain]
    value = chain[0].removeprefix(f"VAR {names[0]} = ")
    assert 10_000 <= int(value) < 99_999
    assert chain == [
        f"VAR {names[0]} = {value}",
        *(f"VAR {name} = VAR {names[at]} " for at, name in enumerate(names[1:])),
    ]
    assert all(re.fullmatch("[A-Z]{5}", name) for name in names)
    assert len(set(names)) == 5
    assert question.expected == tuple(names)
    assert question.text == (
        f"Question: Find all variables that are assigned the value {value} in the text above."
    )
    check_example_chain(example, value)


@pytest.mark.parametrize("seed", range(8))
def test_between_assignments_is_noise(seed: int) -> None:
    lines = text_of(make("vt", 1000, seed=seed)).split("\n")
    assignments = [at for at, line in enumerate(lines) if line.startswith("VAR ")]
    assert len(assignments) == 10
    assert all(lines[at + 1] == NOISE for at in assignments)


def check_example_chain(example: str, value: str) -> None:
    match = re.fullmatch(
        r"Memorize and track the chain\(s\) of variable assignment hidden in the following text\."
        r"\n\n(.*)\nQuestion: Find all variables that are assigned the value (\d{5}) in the text "
        r"above\. Answer: According to the chain\(s\) of variable assignment in the text above, 5 "
        r"variables are assigned the value \2, they are: ((?:[A-Z]{3} ?){5})",
        example,
        re.DOTALL,
    )
    assert match is not None
    names = [line.split()[1] for line in match[1].split("\n") if line != NOISE]
    assert names == match[3].split()
    assert match[2] != value
    assert 400 <= len(load_tokenizer(READER).encode(example)) <= 600


@few
@given(**CELLS)
def test_common_words_come_more_often(length: int, index: int, seed: int) -> None:
    trial = make("cwe", length, index, seed)
    (question,) = trial.questions
    common, other, examples = (6, 1, (20, 3, 1)) if length < 4096 else (30, 3, (40, 10, 3))
    intro = (
        "Below is a numbered list of words. In these words, some appear more often than others. "
        "Memorize the ones that appear most often.\n"
    )
    begin, example, text = text_of(trial).split(intro)
    assert not begin
    words = numbered(text)
    assert_frequencies(words, set(question.expected), common, other)
    assert len(question.expected) == 10
    assert set(words) <= set(all_words())
    assert question.text == "Question: What are the 10 most common words in the above list?"
    shown, _, answer = example.partition(
        f"\n{question.text} Answer: The top 10 words that appear most often in the list are: "
    )
    assert answer.endswith("\n")
    count, example_common, example_other = examples
    assert len(set(numbered(shown))) == count
    assert len(numbered(answer[:-1])) == 10
    assert_frequencies(numbered(shown), set(numbered(answer[:-1])), example_common, example_other)


def numbered(text: str) -> list[str]:
    """The words of "1. word 2. word", numbers checked."""
    parts = re.split(r"(?:^| )(\d+)\. ", text)
    assert [int(number) for number in parts[1::2]] == list(range(1, len(parts) // 2 + 1))
    return parts[2::2]


def assert_frequencies(words: list[str], common: set[str], often: int, seldom: int) -> None:
    for word, times in Tally(words).items():
        assert times == (often if word in common else seldom)
    assert common < set(words)


def test_no_more_words_than_there_are() -> None:
    with pytest.raises(NotEnough, match="All that there is makes"):
        make("cwe", 262_144)


@few
@given(**CELLS)
def test_frequencies_fall_with_the_square_of_the_rank(length: int, index: int, seed: int) -> None:
    trial = make("fwe", length, index, seed)
    (question,) = trial.questions
    intro = (
        "Read the following coded text and track the frequency of each coded word. "
        "Find the three most frequently appeared coded words. "
    )
    assert text_of(trial).startswith(intro)
    assert question.text == (
        "Question: Do not provide any explanation. Please ignore the dots '....'. "
        "What are the three most frequently appeared words in the above coded text?"
    )
    tally = Tally(text_of(trial).removeprefix(intro).split(" "))
    ranked = tally.most_common()
    assert ranked[0][0] == "..."
    assert tuple(word for word, _ in ranked[1:4]) == question.expected
    assert ranked[3][1] > ranked[4][1]
    assert all(re.fullmatch("[a-z]{6}", word) for word, _ in ranked[1:])
    zeta = sum(rank**-2.0 for rank in range(1, 200_000)) + 1 / 200_000
    size = next(
        size
        for size in range(math.floor(ranked[0][1] * zeta), math.ceil((ranked[0][1] + 1) * zeta) + 1)
        if counts(size, zeta, length // 50) == [times for _, times in ranked]
    )
    assert size >= 100


def counts(size: int, zeta: float, vocabulary: int) -> list[int]:
    """How often the words of each rank come: those that come at all."""
    times = (int(size * rank**-2.0 / zeta) for rank in range(1, vocabulary + 1))
    return [count for count in times if count]


@pytest.mark.parametrize("name", RULER_TASKS)
def test_what_does_not_fit_is_said(name: str) -> None:
    with pytest.raises(NotEnough, match=r"Its smallest form takes .* 140 were asked"):
        make(name, 140)
