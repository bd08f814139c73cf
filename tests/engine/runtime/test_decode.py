"""Answers, token by token."""

from dataclasses import replace

import pytest
import torch
from transformers import Qwen3Config

from running import decode, extend
from sa_chat.engine.cache import KVCache
from sa_chat.engine.model.loaded import DecodeGraphs
from sa_chat.engine.platform.devices import CPU
from sa_chat.engine.runtime import ModelRunner, graphs


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
    tokens, reason = _drain(decode(tiny, cache, logits, stop_ids=(), max_tokens=12))
    assert (tokens, reason) == (expected, "length")
    assert cache.length == 52  # every yielded token is there for the next question


def test_stop_token_is_neither_yielded_nor_cached(tiny, prompt, expected):
    stop = next(t for i, t in enumerate(expected) if i >= 3 and t not in expected[:i])
    cache = KVCache(3, 100)
    logits = extend(tiny, cache, prompt)
    tokens, reason = _drain(decode(tiny, cache, logits, stop_ids={stop}, max_tokens=12))
    assert (tokens, reason) == (expected[: expected.index(stop)], "stop")
    assert cache.length == 40 + len(tokens)


def test_cancelled_between_tokens(tiny, prompt, expected):
    cache = KVCache(3, 100)
    logits = extend(tiny, cache, prompt)
    asked = iter([False, False, True])
    answer = decode(tiny, cache, logits, stop_ids=(), max_tokens=12, cancelled=lambda: next(asked))
    assert _drain(answer) == (expected[:2], "cancelled")
    assert cache.length == 42


def test_a_full_cache_ends_the_answer(tiny, prompt, expected):
    cache = KVCache(3, 45)
    logits = extend(tiny, cache, prompt)
    answer = decode(tiny, cache, logits, stop_ids=(), max_tokens=12)
    assert _drain(answer) == (expected[:5], "length")
    assert cache.free == 0


def test_another_way_to_choose_is_used(tiny, prompt):
    cache = KVCache(3, 100)
    logits = extend(tiny, cache, prompt)
    tokens, _ = _drain(
        decode(tiny, cache, logits, stop_ids=(), max_tokens=3, choose=lambda row: int(row.argmin()))
    )
    assert tokens[0] == int(logits.argmin())


def test_a_capture_that_fails_is_told_and_not_tried_again_for_the_model(
    tiny, prompt, expected, monkeypatch, caplog
):
    tried = []

    def fails(loaded, cache, capture):
        tried.append(cache)
        raise RuntimeError("operation not permitted when stream is capturing")

    _as_if_captured(monkeypatch, fails)
    tiny = replace(tiny, decode_graphs=DecodeGraphs())
    for _ in range(2):
        cache = KVCache(3, 100)
        logits = extend(tiny, cache, prompt)
        tokens, _ = _drain(decode(tiny, cache, logits, stop_ids=(), max_tokens=12))
        assert tokens == expected
    assert len(tried) == 1
    assert "without a device graph: operation not permitted" in caplog.text


def _as_if_captured(monkeypatch, capture):
    """A CPU whose steps can be captured, by `capture`."""
    monkeypatch.setattr(CPU, "graphs", object())
    monkeypatch.setattr(graphs, "decode_attention_supported", lambda *buffers: True)
    monkeypatch.setattr(graphs, "GraphStep", capture)


def call_by_call(loaded, cache):
    """A step in the place of a captured one."""
    return lambda token: ModelRunner(loaded, cache).extend([token])


def _short_of_memory(tried, times, *, at_the_end=False):
    """A capture for which there is no memory so many times, and then single calls instead."""

    def capture(loaded, cache, platform_capture):
        tried.append(cache)
        with cache.writing_at({torch.device("cpu"): torch.zeros(1, dtype=torch.long)}):
            if len(tried) <= times:
                try:
                    raise torch.OutOfMemoryError("CUDA out of memory.")
                finally:
                    if at_the_end:
                        raise RuntimeError("operation failed due to a previous error")
        return call_by_call(loaded, cache)

    return capture


@pytest.mark.parametrize("at_the_end", [False, True])
def test_a_capture_without_memory_is_tried_once_more_and_again_for_another_cache(
    tiny, prompt, expected, monkeypatch, caplog, at_the_end
):
    tried = []
    capture = _short_of_memory(tried, 2, at_the_end=at_the_end)
    _as_if_captured(monkeypatch, capture)
    caches = KVCache(3, 100), KVCache(3, 100)
    for cache, tries in zip(caches, (2, 3), strict=True):
        logits = extend(tiny, cache, prompt)
        tokens, _ = _drain(decode(tiny, cache, logits, stop_ids=(), max_tokens=12))
        assert tokens == expected
        assert len(tried) == tries
        assert all(layer.position is None for layer in cache.layers)
    assert caplog.text.count("without a device graph") == 1
    assert not tiny.decode_graphs.failed


def test_memory_that_pytorch_keeps_is_given_back_for_a_capture(
    tiny, prompt, expected, monkeypatch, caplog
):
    tried, given_back = [], []
    _as_if_captured(monkeypatch, _short_of_memory(tried, 1))
    monkeypatch.setattr(CPU, "release", lambda device: given_back.append(len(tried)))
    cache = KVCache(3, 100)
    logits = extend(tiny, cache, prompt)
    assert _drain(decode(tiny, cache, logits, stop_ids=(), max_tokens=12))[0] == expected
    assert (len(tried), given_back) == (2, [1])
    assert caplog.text == ""


def test_out_of_memory_in_a_step_leaves_the_tokens_before_it(tiny, prompt, expected, monkeypatch):
    cache = KVCache(3, 100)
    logits = extend(tiny, cache, prompt)
    answer = decode(tiny, cache, logits, stop_ids=(), max_tokens=12)
    assert [next(answer) for _ in range(3)] == expected[:3]  # the third is not in the cache yet

    def fails(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with monkeypatch.context() as patch:
        patch.setattr("sa_chat.engine.attention.dense.sparse_attention", fails)
        with pytest.raises(torch.OutOfMemoryError):
            next(answer)
    assert cache.length == 42
    logits = extend(tiny, cache, expected[2:3])
    rest = decode(tiny, cache, logits, stop_ids=(), max_tokens=9)
    assert _drain(rest)[0] == expected[3:]


@pytest.mark.parametrize(
    ("told", "waits"),
    [
        ({"rope_type": "default"}, False),
        ({"rope_type": "dynamic"}, True),
        ({"full_attention": {"rope_type": "longrope"}}, True),
        (None, False),
    ],
)
def test_rotary_embeddings_that_wait_for_the_gpu_are_not_captured(told, waits):
    config = Qwen3Config()
    config.rope_parameters = told
    assert graphs.waits_for_positions(config) == waits
