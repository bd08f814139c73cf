"""Answers, token by token, and their text."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sa_chat.engine.cache import KVCache
from sa_chat.engine.decode import TextStream, generate
from sa_chat.engine.pipeline import extend


def _drain(generator):
    tokens = []
    while True:
        try:
            tokens.append(next(generator))
        except StopIteration as end:
            return tokens, end.value


@pytest.fixture
def prompt(token_ids):
    return token_ids(40)


@pytest.fixture
def expected(prompt, build_model):
    """Twelve greedy tokens by transformers' own attention, without a cache."""
    model, ids = build_model("qwen3", "eager"), list(prompt)
    with torch.inference_mode():
        for _ in range(12):
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    return ids[40:]


def test_greedy_equals_transformers(tiny, prompt, expected):
    cache = KVCache(3, 100)
    logits = extend(tiny, cache, prompt)
    tokens, reason = _drain(generate(tiny, cache, logits, stop_ids=(), max_tokens=12))
    assert (tokens, reason) == (expected, "length")
    assert cache.length == 52  # every yielded token is there for the next question


def test_stop_token_is_neither_yielded_nor_cached(tiny, prompt, expected):
    stop = next(t for i, t in enumerate(expected) if i >= 3 and t not in expected[:i])
    cache = KVCache(3, 100)
    logits = extend(tiny, cache, prompt)
    tokens, reason = _drain(generate(tiny, cache, logits, stop_ids={stop}, max_tokens=12))
    assert (tokens, reason) == (expected[: expected.index(stop)], "stop")
    assert cache.length == 40 + len(tokens)


def test_cancelled_between_tokens(tiny, prompt, expected):
    cache = KVCache(3, 100)
    logits = extend(tiny, cache, prompt)
    asked = iter([False, False, True])
    answer = generate(
        tiny, cache, logits, stop_ids=(), max_tokens=12, cancelled=lambda: next(asked)
    )
    assert _drain(answer) == (expected[:2], "cancelled")
    assert cache.length == 42


def test_a_full_cache_ends_the_answer(tiny, prompt, expected):
    cache = KVCache(3, 45)
    logits = extend(tiny, cache, prompt)
    answer = generate(tiny, cache, logits, stop_ids=(), max_tokens=12)
    assert _drain(answer) == (expected[:5], "length")
    assert cache.free == 0


def test_another_way_to_choose_is_used(tiny, prompt):
    cache = KVCache(3, 100)
    logits = extend(tiny, cache, prompt)
    tokens, _ = _drain(
        generate(
            tiny, cache, logits, stop_ids=(), max_tokens=3, choose=lambda row: int(row.argmin())
        )
    )
    assert tokens[0] == int(logits.argmin())


@given(text=st.text(max_size=30), cuts=st.lists(st.integers(1, 3), min_size=1))
def test_any_split_of_the_bytes_gives_whole_characters(text, cuts):
    data, pieces, at = text.encode("utf-8"), [], 0
    while at < len(data):
        size = cuts[len(pieces) % len(cuts)]
        pieces.append(data[at : at + size])
        at += size
    stream = TextStream(lambda ids: b"".join(pieces[i] for i in ids))
    parts = [stream.feed(i) for i in range(len(pieces))]
    assert "".join(parts) + stream.finish() == text
    so_far = ""
    for part in parts:
        so_far += part
        assert text.startswith(so_far)


def test_a_character_comes_with_its_last_byte():
    stream = TextStream(lambda ids: bytes(ids))
    assert [stream.feed(byte) for byte in "é€😀".encode()] == [
        "", "é", "", "", "€", "", "", "", "😀",
    ]  # fmt: skip
    assert stream.finish() == ""


def test_broken_bytes_become_the_replacement_character():
    stream = TextStream(lambda ids: bytes(ids))
    assert stream.feed(0xFF) == "\ufffd"
    assert stream.feed(0xE2) == ""
    assert stream.feed(0x41) == "\ufffdA"
    assert stream.feed(0xF0) == ""
    assert stream.finish() == "\ufffd"
