"""Memory that runs out on GPUs, at every stage, thrown and for real: nothing is wrong afterwards,
and nothing stays behind."""

import gc
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from running import decode, extend, no_graph, prefill
from sa_chat.engine.attention import sparse
from sa_chat.engine.cache import KVCache
from sa_chat.engine.model import load_model
from sa_chat.engine.platform.devices import ACCELERATORS
from sa_chat.engine.runtime import ModelRunner
from sa_chat.engine.runtime.graphs import GraphStep
from sa_chat.engine.sparsity import SelectionSettings
from sa_chat.protocol.config import EngineConfig
from sa_chat.protocol.errors import EngineError, ModelError

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
two_gpus = pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
WHERE = pytest.mark.parametrize(
    ("gpus", "at"),  # so many, and which of them runs out of memory
    [(1, 0), pytest.param(2, 0, marks=two_gpus), pytest.param(2, 1, marks=two_gpus)],
)
TOKENS = 20_000
CHUNK = 4096
WIDE = 16_384  # of the MLP: a row takes 64 KiB with the gate in one kernel, else 96
MIB = 2**20
LEVEL = 2 * MIB  # what may stay behind


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model whose memory is in the chunks that its MLPs compute: 512 to 768 MiB for 8,192 rows,
    128 to 192 for 2,048, 32 to 48 for 512."""
    torch.manual_seed(3)
    config = LlamaConfig(
        hidden_size=128,
        intermediate_size=WIDE,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=64,
        vocab_size=97,
        max_position_embeddings=40_000,
        initializer_range=0.1,
    )
    model = LlamaForCausalLM(config)
    for layer in model.model.layers:
        layer.mlp.down_proj.weight.data *= (256 / WIDE) ** 0.5  # as loud as a narrow one
    path = tmp_path_factory.mktemp("wide")
    model.bfloat16().save_pretrained(path)
    return path


def _load(folder, gpus):
    config = EngineConfig(model=str(folder), device="cuda", gpus=gpus)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sa_chat.engine.model.fit.SMALL_WEIGHTS", 0)  # else it stays on one
        return load_model(
            config, progress=lambda stage, part: None, dtype=torch.bfloat16, tokens=TOKENS
        )


@pytest.fixture(scope="module")
def models(folder):
    """`models(gpus)`: the model over so many, loaded once."""
    loaded = {}

    def get(gpus):
        if gpus not in loaded:
            loaded[gpus] = _load(folder, gpus)
            assert len(loaded[gpus].devices) == gpus
        return loaded[gpus]

    yield get
    loaded.clear()
    _let_go()


class Limit:
    """Memory taken away, until it is lifted."""

    def __init__(self):
        self._ballast = []

    def __call__(self, device, room):
        """PyTorch may take so many bytes more there, and no others that it has but does not use."""
        with torch.cuda.device(device):
            torch.cuda.synchronize()
            torch.cuda.empty_cache()
            self._allow(0)
            for size in (256, 64, 16, 4, 2):  # between what is in use, where something else fits
                while self._fill(size * MIB):
                    pass
            self._allow(room)

    def ballast(self, index):
        """Bytes that are in use there for nothing."""
        return sum(each.nbytes for each in self._ballast if each.device.index == index)

    def lift(self):
        self._ballast.clear()
        for index in range(torch.cuda.device_count()):
            torch.cuda.set_per_process_memory_fraction(1.0, index)

    def _allow(self, room):
        allowed = max(1, torch.cuda.memory_reserved() + room)
        torch.cuda.set_per_process_memory_fraction(allowed / torch.cuda.mem_get_info()[1])

    def _fill(self, size):
        try:
            self._ballast.append(torch.empty(size, dtype=torch.uint8, device="cuda"))
        except torch.OutOfMemoryError:
            return False
        return True


@pytest.fixture
def limit():
    limit = Limit()
    yield limit
    limit.lift()


def _let_go():
    """Until no work is queued and nothing is held that is not used."""
    gc.collect()
    for index in range(torch.cuda.device_count()):
        with torch.cuda.device(index):
            torch.cuda.synchronize()
            torch.cuda.empty_cache()


def _used(limit=None):
    """Of each GPU, in bytes, without the ballast of a limit."""
    _let_go()
    return [
        torch.cuda.memory_allocated(index) - (limit.ballast(index) if limit else 0)
        for index in range(torch.cuda.device_count())
    ]


def _is_back_at(level, limit=None):
    return all(now <= before + LEVEL for now, before in zip(_used(limit), level, strict=True))


def _check_logits(found, expected):
    """As near as bfloat16 lets other chunks come."""
    found, expected = found.float().cpu(), expected.float()
    assert (found - expected).norm() / expected.norm() < 2e-2


def _read(loaded, cache, ids, **options):
    """The prefill from the start; its logits are given back on the CPU."""
    cache.truncate(0)
    options = {"mode": "dense", "alpha": 1.0, **options}
    result = prefill(loaded, cache, ids, **options)
    return result.last_logits.cpu(), result


def _prepared(loaded, ids, **options):
    """A cache, the logits of an undisturbed prefill, and the memory that is in use after it."""
    cache = KVCache(loaded.layers, TOKENS + 100)
    expected, _ = _read(loaded, cache, ids, **options)
    return cache, expected, _used()


def _layer_on(loaded, at):
    """The last of those on the model's GPU of this number."""
    layers = loaded.model.model.layers
    there = [layer for layer in layers if next(layer.parameters()).device == loaded.devices[at]]
    assert there
    return there[-1]


class Fault:
    """Is thrown at certain calls of what it is put into."""

    def __init__(self, *calls):
        self._calls = calls
        self._seen = 0
        self.thrown = 0

    def __call__(self, *_, **__):
        """Also a hook; counts from 1."""
        self._seen += 1
        if self._seen in self._calls:
            self.thrown += 1
            raise torch.OutOfMemoryError("CUDA out of memory. Thrown by a test.")


@contextmanager
def _thrown_in(place, layer, fault):
    """After the layer or its attention, and before its MLP has computed anything."""
    module = {"layer": layer, "attention": layer.self_attn, "mlp": layer.mlp}[place]
    hook = module.register_forward_pre_hook if place == "mlp" else module.register_forward_hook
    handle = hook(fault)
    try:
        yield
    finally:
        handle.remove()


# ---- Loading


@pytest.mark.parametrize("gpus", [1, pytest.param(2, marks=two_gpus)])
def test_weights_that_do_not_fit_are_told_and_leave_nothing(
    folder, limit, gpus, token_ids, monkeypatch
):
    """Where another process took the memory after it was measured; else the plan tells it."""
    (cuda,) = ACCELERATORS
    monkeypatch.setattr(cuda, "free", lambda device: 2**40)
    level = _used()
    for index in range(torch.cuda.device_count()):
        limit(index, 8 * MIB)
    with pytest.raises(ModelError) as raised:
        _load(folder, gpus)
    assert f"The model {folder} does not fit into the memory of cuda:" in raised.value.message
    assert raised.value.message.count("cuda:") == gpus
    assert raised.value.hint
    del raised
    end = time.monotonic() + 5  # transformers' threads may be at their last weights
    while not _is_back_at(level, limit):
        assert time.monotonic() < end, "memory was not given back"
        time.sleep(0.05)
    limit.lift()
    loaded = _load(folder, gpus)
    cache = KVCache(loaded.layers, 100)
    assert extend(loaded, cache, token_ids(40)).isfinite().all()


@WHERE
def test_a_cache_that_does_not_fit_is_told_and_leaves_nothing(models, token_ids, limit, gpus, at):
    loaded, ids = models(gpus), token_ids(TOKENS)
    cache, expected, _ = _prepared(loaded, ids)
    del cache
    level = _used()
    limit(loaded.devices[at], 1536 * MIB)
    said = []

    def fails():
        large = KVCache(loaded.layers, 4_000_000)  # 1.9 GiB a layer
        try:
            _read(loaded, large, ids)
        except EngineError as error:
            said.append(error.message)
        assert large.length == large.nbytes_on(loaded.devices[at]) == 0

    fails()
    (message,) = said
    assert f"is used up after 0 of {TOKENS:,} tokens." in message
    assert _is_back_at(level, limit)
    limit.lift()
    _check_logits(_read(loaded, KVCache(loaded.layers, TOKENS), ids)[0], expected)


# ---- The prefill, thrown


@WHERE
@pytest.mark.parametrize("place", ["layer", "attention", "mlp", "selection"])
def test_thrown_once_in_the_prefill_halves_its_chunks_and_changes_nothing(
    models, token_ids, monkeypatch, caplog, gpus, at, place
):
    loaded, ids, fault = models(gpus), token_ids(TOKENS), Fault(3)
    cache, expected, level = _prepared(loaded, ids, chunk=CHUNK)
    done = []
    options = {"chunk": CHUNK, "on_chunk": lambda report: done.append(report.tokens_done)}
    if place == "selection":  # at alpha 1 it is asked, and keeps everything
        _throw_in_selection(monkeypatch, loaded.devices[at], fault)
        logits, result = _read(loaded, cache, ids, mode="sparse", **options)
    else:
        with _thrown_in(place, _layer_on(loaded, at), fault):
            logits, result = _read(loaded, cache, ids, **options)
    assert fault.thrown == 1
    assert f"chunks of {CHUNK // 2} tokens now" in caplog.text
    assert done == sorted(set(done))
    assert done[-1] == TOKENS
    assert len(done) > -(-TOKENS // CHUNK)
    assert [cache.get_seq_length(layer) for layer in range(loaded.layers)] == (
        [TOKENS] * loaded.layers
    )
    assert result.density == 1.0
    _check_logits(logits, expected)
    del result
    assert _is_back_at(level)


def _throw_in_selection(monkeypatch, device, fault):
    select = sparse.select

    def select_or_fail(q, k, **options):
        selected = select(q, k, **options)
        if q.device == device:
            fault()
        return selected

    monkeypatch.setattr(sparse, "select", select_or_fail)


@WHERE
def test_thrown_in_a_selection_that_leaves_pairs_out_counts_none_twice(
    models, token_ids, monkeypatch, caplog, gpus, at
):
    loaded, ids, fault = models(gpus), token_ids(TOKENS), Fault(7)
    options = {"mode": "sparse", "settings": SelectionSettings(density=0.2), "chunk": CHUNK}
    cache, _, level = _prepared(loaded, ids, **options)
    _throw_in_selection(monkeypatch, loaded.devices[at], fault)
    logits, result = _read(loaded, cache, ids, **options)
    assert fault.thrown == 1
    assert f"chunks of {CHUNK // 2} tokens now" in caplog.text
    assert cache.length == TOKENS
    assert logits.isfinite().all()
    assert 0.1 < result.density < 0.5
    assert 0.0 < result.recall.mean <= 1.0 + 1e-3
    del result
    assert _is_back_at(level)


# ---- The prefill, for real


@WHERE
def test_memory_for_smaller_chunks_only_is_enough(models, token_ids, limit, caplog, gpus, at):
    loaded, ids = models(gpus), token_ids(TOKENS)
    cache, expected, level = _prepared(loaded, ids)  # the longest chunks are some 10,000 or 16,384
    limit(loaded.devices[at], 280 * MIB)
    logits, result = _read(loaded, cache, ids)
    assert "out of memory" in caplog.text
    assert (cache.length, result.density) == (TOKENS, 1.0)
    _check_logits(logits, expected)
    del result
    assert _is_back_at(level, limit)


@WHERE
def test_memory_that_is_used_up_is_told_once_and_leaves_whole_chunks(
    models, token_ids, limit, monkeypatch, gpus, at
):
    (cuda,) = ACCELERATORS
    monkeypatch.setattr(cuda, "sizes", replace(cuda.sizes, smallest_chunk=CHUNK // 2))
    loaded, ids = models(gpus), token_ids(TOKENS)
    cache, expected, level = _prepared(loaded, ids, chunk=CHUNK)

    def take_memory(report):
        if report.tokens_done == CHUNK:
            limit(loaded.devices[at], 60 * MIB)  # 2,048 rows take 64 of the gate alone

    said = []

    def fails():
        try:
            _read(loaded, cache, ids, chunk=CHUNK, on_chunk=take_memory)
        except EngineError as error:
            said.append((error.message, error.hint))

    fails()
    ((message, hint),) = said
    assert f"is used up after {cache.length:,} of {TOKENS:,} tokens." in message
    assert all(str(device) in message for device in loaded.devices)
    assert hint
    assert _is_back_at(level, limit)
    assert 0 < cache.length < TOKENS
    assert cache.length % CHUNK == 0
    assert len({cache.get_seq_length(layer) for layer in range(loaded.layers)}) == 1
    some = ids[:200]
    within, _ = _read(loaded, cache, some)  # there still is room for these
    limit.lift()
    _check_logits(within, _read(loaded, cache, some)[0])
    _check_logits(_read(loaded, cache, ids, chunk=CHUNK)[0], expected)
    assert _is_back_at(level)


# ---- Answers


def _answer(loaded, cache, ids):
    cache.truncate(0)
    logits = extend(loaded, cache, ids)
    return [*decode(loaded, cache, logits, stop_ids=(), max_tokens=12)]


@WHERE
@pytest.mark.parametrize("call", [1, 3], ids=["before the capture", "in the capture"])
@pytest.mark.parametrize("times", [1, 2])
def test_thrown_while_an_answer_is_captured_changes_no_token(
    models, token_ids, monkeypatch, caplog, gpus, at, call, times
):
    loaded, ids = models(gpus), token_ids(40)
    capacity = 100
    _answer(loaded, KVCache(loaded.layers, capacity), ids)  # what is allocated once, is
    with monkeypatch.context() as patch:
        if times == 2:  # it is tried again once, then calls follow one another
            patch.setattr("sa_chat.engine.runtime.runner.captured_step", no_graph)
        expected = _answer(loaded, KVCache(loaded.layers, capacity), ids)
    level = _used()
    cache = KVCache(loaded.layers, capacity)
    runner = ModelRunner(loaded, cache)
    logits = runner.extend(ids)
    fault = Fault(*(call * attempt for attempt in range(1, times + 1)))
    with _thrown_in("mlp", _layer_on(loaded, at), fault):
        tokens = [*runner.decode(logits, stop_ids=(), max_tokens=12)]
    assert fault.thrown == times
    assert isinstance(runner.graph, GraphStep) == (times == 1)
    assert ("without a device graph" in caplog.text) == (times == 2)
    assert all(layer.position is None for layer in cache.layers)
    assert tokens == expected
    assert cache.length == 40 + 12
    assert not loaded.decode_graphs.failed
    other = KVCache(loaded.layers, capacity)
    _answer(loaded, other, ids)
    assert isinstance(ModelRunner(loaded, other).graph, GraphStep)
    del cache, other, logits, runner
    assert _is_back_at(level)


@WHERE
def test_thrown_in_a_step_leaves_the_tokens_before_it(models, token_ids, monkeypatch, gpus, at):
    monkeypatch.setattr("sa_chat.engine.runtime.runner.captured_step", no_graph)
    loaded, ids = models(gpus), token_ids(40)
    cache = KVCache(loaded.layers, 100)
    expected = _answer(loaded, cache, ids)
    level = _used()
    cache.truncate(0)
    logits = extend(loaded, cache, ids)
    answer = decode(loaded, cache, logits, stop_ids=(), max_tokens=12)
    tokens = []
    with (
        _thrown_in("attention", _layer_on(loaded, at), Fault(5)),
        pytest.raises(torch.OutOfMemoryError),
    ):
        tokens.extend(answer)
    assert tokens == expected[:5]
    assert {cache.get_seq_length(layer) for layer in range(loaded.layers)} == {40 + 4}
    del answer, logits
    assert _is_back_at(level)
    assert _answer(loaded, cache, ids) == expected
