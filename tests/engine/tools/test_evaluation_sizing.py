"""Trials are counted as the engine counts them, and grown to the asked length."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers_for_tests import CHATML, byte_level

from sa_chat.engine.documents import open_documents
from sa_chat.engine.tokens import Tokenizer, tokenize_documents
from sa_chat.engine.tokens.hf_tokenizer import HFTokenizer
from sa_chat.engine.tools.eval.sizing import TokenCounter, fit, largest, write_files
from sa_chat.engine.tools.eval.trial import NotEnough, Question, Trial
from sa_chat.protocol.config import OpenOptions

ONE = (("text.txt", "The fox.\nThe dog."),)
SEVERAL = (("a.py", "x = 1\n"), ("deep/b.py", "y = 2"), ("deep/c.md", "# C\n\nwords\n"))
QUESTIONS = (
    Question("t", 0, " What is the fox? ", ("fox",), "all", answer_tokens=10),
    Question("t", 1, "Why?", ("dog",), "all", answer_tokens=200),
)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return HFTokenizer(byte_level(CHATML), "bytes")


@pytest.mark.parametrize("files", [ONE, SEVERAL])
def test_files_open_as_they_were_given(files: tuple[tuple[str, str], ...], tmp_path: Path) -> None:
    path = write_files(files, tmp_path)
    assert path.is_file() == (len(files) == 1)
    documents = open_documents(OpenOptions(paths=(str(path),)))
    assert [part.text for part in documents.parts] == [text for _, text in files]
    names = [part.path for part in documents.parts]
    assert names == [name if len(files) == 1 else f"documents/{name}" for name, _ in files]


@pytest.mark.parametrize("files", [ONE, SEVERAL])
def test_the_count_is_prompt_and_longest_turn_and_longest_answer(
    files: tuple[tuple[str, str], ...], tokenizer: Tokenizer, tmp_path: Path
) -> None:
    path = write_files(files, tmp_path)
    prompt = tokenize_documents(open_documents(OpenOptions(paths=(str(path),))), tokenizer)
    turn = tokenizer.chat.turn(tokenizer.encode("What is the fox?"), True)
    counter = TokenCounter(tokenizer)
    assert counter.reserve_tokens(QUESTIONS) == len(turn) + 200
    assert counter.count(files, QUESTIONS) == len(prompt.ids) + len(turn) + 200
    alone = counter.count(files, QUESTIONS[:1])
    assert alone == len(prompt.ids) + len(turn) + 10


@pytest.mark.parametrize("name", ["/etc/x.txt", "../x.txt", "a/../../x.txt"])
def test_files_stay_in_their_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        write_files(((name, "text"),), tmp_path)


class Measured:
    """Sizes whose measures grow by random steps."""

    def __init__(self, steps: Callable[[int], int], offset: int) -> None:
        self._sums = [offset]
        self._steps = steps
        self.taken = 0

    def of(self, size: int) -> int:
        while len(self._sums) <= size:
            self._sums.append(self._sums[-1] + self._steps(len(self._sums)))
        return self._sums[size]

    def __call__(self, size: int) -> int:
        self.taken += 1
        return self.of(size)


@settings(deadline=None)
@given(
    seed=st.integers(0, 999),
    steps=st.tuples(st.integers(0, 3), st.integers(1, 90)),
    limit=st.integers(500, 60_000),
    least=st.integers(0, 5),
    most=st.none() | st.integers(6, 3000),
    guess=st.none() | st.integers(0, 5000),
)
def test_nothing_larger_fits(
    seed: int, steps: tuple[int, int], limit: int, least: int, most: int | None, guess: int | None
) -> None:
    rng = random.Random(seed)
    measured = Measured(lambda size: rng.randint(steps[0], sum(steps)), offset=20)
    found = largest(lambda size: size, measured, limit, least=least, most=most, guess=guess)
    assert least <= found <= (most or found)
    assert measured.of(found) <= limit
    exact = measured.of(found) == limit  # a larger size may have the same measure
    assert exact or found == most or measured.of(found + 1) > limit


@pytest.mark.parametrize("limit", [4096, 16_384, 131_072])
@pytest.mark.parametrize("mean", [1, 7, 90])
def test_few_measurements_are_taken(limit: int, mean: int) -> None:
    rng = random.Random(limit)
    measured = Measured(lambda size: rng.randint(0, 2 * mean) + size // 20_000, offset=200)
    largest(lambda size: size, measured, limit)
    assert measured.taken <= 12


def test_what_does_not_fit_says_so() -> None:
    with pytest.raises(NotEnough, match="takes 1,500 tokens, and 1,000 were asked for"):
        largest(lambda size: size, lambda size: 1500 + size, 1000, least=0)


def trials(tokens: Callable[[int], int]) -> Callable[[int], Trial]:
    return lambda size: Trial("t/0/0", 1000, tokens(size), ONE, QUESTIONS)


def test_content_is_drawn_again_until_it_fits() -> None:
    drawn: list[int] = []

    def draw(rng: random.Random) -> Callable[[int], Trial]:
        drawn.append(rng.randrange(100))
        offset = drawn[-1]
        return trials(lambda size: offset + 100 * size)

    trial = fit(draw, 1000, random.Random(3))
    assert 990 <= trial.tokens <= 1000
    assert len(drawn) > 1
    assert fit(draw, 1000, random.Random(3)) == trial
    assert drawn[: len(drawn) // 2] == drawn[len(drawn) // 2 :]


def test_no_trial_is_silently_short() -> None:
    with pytest.raises(NotEnough, match="None of 1024 draws came within 1%"):
        fit(lambda rng: trials(lambda size: 7 + 100 * size), 1000, random.Random(0))
    with pytest.raises(NotEnough, match="makes 500 tokens, and 1,000 were asked for") as caught:
        fit(lambda rng: trials(lambda size: 10 * size), 1000, random.Random(0), most=50)
    assert caught.value.reason == str(caught.value)
