"""tiktoken in place of Hugging Face tokenizers: equal on any text, or not used."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken
from tokenizers_for_tests import (
    LLAMA_PATTERN,
    QWEN_PATTERN,
    byte_level,
    every_split_merged,
    merged_bytes,
    sentence_piece_like,
)

from sa_chat.engine.tokens import proof
from sa_chat.engine.tokens.bpe_json import NotEquivalent
from sa_chat.engine.tokens.byte_level import ByteLevel
from sa_chat.engine.tokens.hf_tokenizer import HFTokenizer
from sa_chat.engine.tokens.stretches import shortest, stretches

MANY = 10_000_000  # characters
THINK = "<think>"
MADE: dict[str, Callable[[], Any]] = {
    "gpt-2": merged_bytes,
    "qwen": lambda: merged_bytes(QWEN_PATTERN, nfc=True, added=[AddedToken(THINK)]),
    "llama-3": lambda: merged_bytes(LLAMA_PATTERN, change=every_split_merged),
}
KINDS = pytest.mark.parametrize("kind", list(MADE))
SPECIAL = st.sampled_from(["<|im_end|>", THINK])
SHORT = st.sampled_from(
    ["it's", " THEY'LL", "1234", " ", "  ", "\n", "\r\n", "\t", "x=", "----", "'", "\x00", "\x1c"]
)
WORDS = st.sampled_from(
    ["日本語", "русский", "👩\u200d👩\u200d👧", "e\u0301", "\u0345", "ſ", "𐐀", "\u2028"]
)
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
TEXTS = st.lists(WORDS | SHORT | SPECIAL | ANY).map("".join)


@pytest.fixture(scope="module")
def prepared() -> dict[str, HFTokenizer]:
    tokenizers = {kind: HFTokenizer(make(), kind) for kind, make in MADE.items()}
    for tokenizer in tokenizers.values():
        tokenizer.prepare(MANY)
    return tokenizers


def proven(wrapped: Any) -> ByteLevel:
    """What stands in for a tokenizer of transformers."""
    own = HFTokenizer(wrapped, "own")
    return ByteLevel.proven(wrapped.backend_tokenizer, own.encode_many_with_starts)


@KINDS
def test_it_is_proven_for_the_usual_kinds(prepared: dict[str, HFTokenizer], kind: str) -> None:
    encoded = proven(MADE[kind]()).encode_many_with_starts(["it's 12 日本語\n"])
    assert encoded[0] is not None
    long = "a b " * 200_000  # only what is proven is cut
    assert len(prepared[kind].stretches(long)) > 1


@KINDS
@settings(max_examples=300, deadline=None)
@given(texts=st.lists(TEXTS, max_size=4))
def test_ids_and_starts_are_those_of_the_tokenizer(
    prepared: dict[str, HFTokenizer], kind: str, texts: list[str]
) -> None:
    tokenizer = prepared[kind]
    for text, (ids, starts) in zip(texts, tokenizer.encode_many_with_starts(texts), strict=True):
        own_ids, own_starts = tokenizer.encode_with_starts(text)
        assert ids.tolist() == own_ids.tolist()
        assert starts.tolist() == own_starts.tolist()
        assert (ids.dtype, starts.dtype) == (np.int32, np.int64)


@KINDS
@settings(max_examples=100, deadline=None)
@given(text=TEXTS)
def test_ids_of_stretches_joined_are_those_of_the_text(
    prepared: dict[str, HFTokenizer], kind: str, text: str
) -> None:
    pieces = shortest(text)
    assert "".join(pieces) == text
    apart = [ids for ids, _ in prepared[kind].encode_many_with_starts(pieces)]
    assert np.concatenate(apart).tolist() == prepared[kind].encode(text)


def test_texts_that_only_the_tokenizer_can_encode_go_to_it(
    prepared: dict[str, HFTokenizer],
) -> None:
    tokenizer = prepared["qwen"]
    texts = [f"a{THINK}b", "e\u0301te", "x" + " " * 20_000 + "y", "plain"]
    fast = proven(MADE["qwen"]()).encode_many_with_starts(texts)
    assert [row is None for row in fast] == [True, True, True, False]
    rows = tokenizer.encode_many_with_starts(texts)
    assert [ids.tolist() for ids, _ in rows] == [tokenizer.encode(text) for text in texts]
    assert len(rows[0][0]) == 3


def fallback(data: dict[str, Any]) -> None:
    data["model"]["byte_fallback"] = True


def no_byte(data: dict[str, Any]) -> None:
    del data["model"]["vocab"]["Ā"]


def with_merges(data: dict[str, Any], *merges: tuple[str, str]) -> None:
    for left, right in merges:
        data["model"]["vocab"].setdefault(left + right, 1000 + len(data["model"]["vocab"]))
        data["model"]["merges"].append([left, right])


def unreachable(data: dict[str, Any]) -> None:
    with_merges(data, ("q", "z"), ("x", "q"), ("xq", "z"))


def twice(data: dict[str, Any]) -> None:
    with_merges(data, ("x", "q"), ("xq", "z"), ("q", "z"), ("x", "qz"))


def unmade(data: dict[str, Any]) -> None:
    data["model"]["vocab"]["qqqq"] = 1000
    data["model"]["ignore_merges"] = True


def several_steps(data: dict[str, Any]) -> None:
    byte_step = data["pre_tokenizer"]
    digits = {"type": "Digits", "individual_digits": True}
    data["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [digits, byte_step]}


def prefixed(data: dict[str, Any]) -> None:
    data["pre_tokenizer"]["add_prefix_space"] = True


def lower(data: dict[str, Any]) -> None:
    data["normalizer"] = {"type": "Lowercase"}


OTHERS = [fallback, no_byte, unreachable, twice, unmade, several_steps, prefixed, lower]


@pytest.mark.parametrize("change", OTHERS)
def test_other_kinds_count_with_their_own_tokenizer(
    change: Callable[[dict[str, Any]], None], caplog: pytest.LogCaptureFixture
) -> None:
    tokenizer = HFTokenizer(merged_bytes(change=change), "other")
    with caplog.at_level(logging.INFO):
        tokenizer.prepare(MANY)
    assert "other counts with its own tokenizer: " in caplog.text
    (row,) = tokenizer.encode_many_with_starts(["It's 12 the fox"])
    assert row[0].tolist() == tokenizer.encode("It's 12 the fox")
    assert tokenizer.stretches("a b " * 200_000) == ["a b " * 200_000]


@pytest.mark.parametrize(
    "token",
    [AddedToken("two words"), AddedToken("<x>", lstrip=True), AddedToken("x", single_word=True)],
)
def test_added_tokens_that_look_around_are_refused(token: AddedToken) -> None:
    with pytest.raises(NotEquivalent, match="added tokens"):
        proven(merged_bytes(added=[token]))


def test_sentence_pieces_count_with_their_own_tokenizer() -> None:
    tokenizer = HFTokenizer(sentence_piece_like(), "pieces")
    tokenizer.prepare(MANY)
    texts = ["the fox", "", " x"]
    rows = tokenizer.encode_many_with_starts(texts)
    assert [ids.tolist() for ids, _ in rows] == [tokenizer.encode(text) for text in texts]


def test_a_difference_on_the_test_text_is_found() -> None:
    wrapped = byte_level()
    tokenizer = HFTokenizer(wrapped, "bytes")

    def late(texts: Any) -> Any:
        return [(ids, starts + 1) for ids, starts in tokenizer.encode_many_with_starts(texts)]

    with pytest.raises(NotEquivalent, match="encodes a text otherwise"):
        ByteLevel.proven(wrapped.backend_tokenizer, late)


def test_few_characters_are_not_worth_a_proof() -> None:
    tokenizer = HFTokenizer(byte_level(), "bytes")
    tokenizer.prepare(1_000)
    assert tokenizer.stretches("a b " * 200_000) == ["a b " * 200_000]


def test_long_texts_are_cut_between_words() -> None:
    text = "word " * 200_000
    pieces = stretches(text)
    assert "".join(pieces) == text
    assert len(pieces) > 2
    assert all(piece.startswith(" word") for piece in pieces[1:])


def test_the_test_text_has_what_tokenizers_differ_in() -> None:
    text = "".join(proof.texts())
    categories = {unicodedata.category(char) for char in text}
    assert {
        "Lu",
        "Ll",
        "Lt",
        "Lm",
        "Lo",
        "Mn",
        "Mc",
        "Me",
        "Nd",
        "Nl",
        "No",
        "Cc",
        "Cf",
    } <= categories
    assert {"Zs", "Zl", "Zp", "Sm", "Sc", "So", "Co"} <= categories
