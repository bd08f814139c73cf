"""The chunk loop: equal to one dense pass where it must be, and honest about what it skipped."""

import time
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from running import extend, prefill
from sa_chat.engine.attention import PairCounts, RecallSummary
from sa_chat.engine.cache import KVCache
from sa_chat.engine.cache.layers import KVLayer
from sa_chat.engine.cancellation import Stopped
from sa_chat.engine.platform.devices import ACCELERATORS, CPU
from sa_chat.engine.runtime.chunks import chunk_spans, even_keys, pipelined_spans
from sa_chat.engine.runtime.inflight import InflightChunks
from sa_chat.engine.sparsity.sparse_attention import sparse_attention
from sa_chat.protocol.errors import ContextOverflow, EngineError


def _prefill(loaded, ids, **options):
    cache = KVCache(loaded.layers, len(ids) + 64)
    options = {"mode": "sparse", "alpha": 0.95, "chunk": 128, **options}
    return cache, prefill(loaded, cache, ids, **options)


@pytest.fixture
def whole(tiny, token_ids, build_model):
    """Logits after 400 tokens, from transformers' own attention in one pass."""
    with torch.inference_mode():
        return build_model("qwen3", "eager")(torch.tensor([token_ids(400)])).logits[0, -1]


@pytest.mark.parametrize("chunk", [1000, 128, 77])
@pytest.mark.parametrize("mode", ["dense", "sparse"])
def test_dense_and_alpha_one_equal_one_pass(tiny, token_ids, small_settings, whole, chunk, mode):
    settings = replace(small_settings, alpha=1.0)
    cache, result = _prefill(
        tiny, token_ids(400), mode=mode, alpha=1.0, chunk=chunk, settings=settings
    )
    torch.testing.assert_close(result.last_logits, whole, atol=3e-4, rtol=1e-3)
    assert (result.density, result.recall) == (1.0, RecallSummary(1.0, 1.0, 1.0))
    assert cache.length == 400


@pytest.mark.parametrize("chunk", [1000, 128, 77])
def test_likelihood_is_of_each_token_after_all_before_it(tiny, token_ids, build_model, chunk):
    ids = torch.tensor(token_ids(400))
    with torch.inference_mode():
        logits = build_model("qwen3", "eager")(ids[None]).logits[0]
    expected = torch.nn.functional.cross_entropy(logits[:-1], ids[1:]).item()
    _, result = _prefill(tiny, token_ids(400), mode="dense", chunk=chunk, document_nll=True)
    assert result.nll == pytest.approx(expected, rel=1e-5)
    torch.testing.assert_close(result.last_logits, logits[-1], atol=3e-4, rtol=1e-3)


def test_likelihood_is_measured_only_when_asked_for(tiny, token_ids):
    assert _prefill(tiny, token_ids(50))[1].nll is None
    assert _prefill(tiny, token_ids(1), document_nll=True)[1].nll == 0.0


def test_time_includes_what_the_device_has_queued(tiny, token_ids, monkeypatch):
    monkeypatch.setattr(CPU, "synchronize", lambda device: time.sleep(0.5))
    _, result = _prefill(tiny, token_ids(10), mode="dense")
    assert result.prefill_s >= 0.5


def test_sparse_skips_pairs_and_says_so(tiny, token_ids, small_settings):
    reports = []
    _, result = _prefill(tiny, token_ids(400), settings=small_settings, on_chunk=reports.append)
    assert 0.1 < result.density < 0.95
    assert result.select_s > 0.0
    assert 0.0 < result.recall.minimum <= result.recall.p5 <= result.recall.mean
    assert 0.4 < result.recall.mean < 1.0
    assert [r.tokens_done for r in reports] == [128, 256, 384, 400]
    assert {r.tokens_total for r in reports} == {400}
    assert [r.seconds for r in reports] == sorted(r.seconds for r in reports)
    assert reports[-1].density == result.density
    assert reports[-1].density_by_head == result.density_by_head
    assert [len(heads) for heads in result.density_by_head] == [4, 4, 4]
    mean = sum(sum(heads) for heads in result.density_by_head) / 12
    assert mean == pytest.approx(result.density)


def test_more_alpha_is_nearer_to_dense(tiny, token_ids, small_settings, whole):
    results = [
        _prefill(tiny, token_ids(400), settings=replace(small_settings, alpha=alpha))[1]
        for alpha in (0.3, 0.7, 0.99)
    ]
    assert [r.density for r in results] == sorted(r.density for r in results)
    errors = [float((r.last_logits - whole).norm()) for r in results]
    assert errors[2] < errors[0]


def test_default_settings_leave_a_short_document_dense(tiny, token_ids, whole):
    _, result = _prefill(tiny, token_ids(400))
    torch.testing.assert_close(result.last_logits, whole, atol=3e-4, rtol=1e-3)
    assert result.density == 1.0


def test_extend_is_dense_and_continues(tiny, token_ids, whole):
    ids = token_ids(400)
    cache, _ = _prefill(tiny, ids[:350], mode="dense")
    torch.testing.assert_close(
        extend(tiny, cache, ids[350:], chunk=20), whole, atol=3e-4, rtol=1e-3
    )
    cache.truncate(350)
    torch.testing.assert_close(extend(tiny, cache, ids[350:]), whole, atol=3e-4, rtol=1e-3)


def test_cancelled_between_layers_keeps_whole_chunks(tiny, token_ids, whole):
    ids = token_ids(400)
    asked = iter(range(100))
    cache = KVCache(3, 500)
    with pytest.raises(Stopped):
        prefill(
            tiny,
            cache,
            ids,
            mode="dense",
            alpha=1.0,
            chunk=100,
            cancelled=lambda: next(asked) == 7,  # in the second layer of the third chunk
        )
    assert [cache.get_seq_length(layer) for layer in range(3)] == [200, 200, 200]
    rest = prefill(tiny, cache, ids[200:], mode="dense", alpha=1.0, chunk=100)
    torch.testing.assert_close(rest.last_logits, whole, atol=3e-4, rtol=1e-3)


def test_cancelled_question_leaves_the_document(tiny, token_ids):
    cache, _ = _prefill(tiny, token_ids(60), mode="dense")
    asked = iter(range(100))
    with pytest.raises(Stopped):
        extend(tiny, cache, token_ids(30), chunk=10, cancelled=lambda: next(asked) == 4)
    assert cache.length == 60


def test_what_does_not_fit_is_refused_before_work(tiny, token_ids):
    cache = KVCache(3, 100)
    with pytest.raises(ContextOverflow, match="101 more tokens"):
        prefill(tiny, cache, token_ids(101), mode="dense", alpha=1.0)
    assert cache.nbytes == 0


def test_bfloat16_runs_and_stays_close(token_ids, small_settings, build_model, as_loaded):
    loaded = as_loaded(build_model("qwen3"), dtype=torch.bfloat16)
    cache, dense = _prefill(loaded, token_ids(400), mode="dense")
    _, sparse = _prefill(loaded, token_ids(400), settings=replace(small_settings, alpha=0.99))
    assert dense.last_logits.dtype == torch.bfloat16
    assert cache.layers[0].buffers[0].dtype == torch.bfloat16
    cosine = torch.cosine_similarity(dense.last_logits.float(), sparse.last_logits.float(), dim=0)
    assert cosine > 0.95


def _small_chunks(monkeypatch):
    """Chunks that do not fit are halved down to 50 tokens."""
    monkeypatch.setattr(CPU, "sizes", replace(CPU.sizes, smallest_chunk=50))


def _out_of_memory_beyond(monkeypatch, rows, at_call=0):
    """Attention of more than so many rows fails, from a certain call on."""
    calls = []

    def execute_or_fail(q, k, v, plan, *, scale):
        calls.append(q.shape[1])
        if q.shape[1] > rows and len(calls) > at_call:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return sparse_attention(q, k, v, plan, scale=scale)

    monkeypatch.setattr("sa_chat.engine.attention.dense.sparse_attention", execute_or_fail)
    return calls


@pytest.mark.parametrize("at_call", [0, 1, 2])
def test_out_of_memory_halves_the_chunk_and_goes_on(
    tiny, token_ids, whole, monkeypatch, caplog, at_call
):
    _small_chunks(monkeypatch)
    _out_of_memory_beyond(monkeypatch, 100, at_call)
    reports = []
    cache, result = _prefill(
        tiny, token_ids(400), mode="dense", alpha=1.0, chunk=300, on_chunk=reports.append
    )
    assert cache.length == 400
    assert result.density == 1.0
    assert reports[-1].tokens_done == 400
    assert all(report.density == 1.0 for report in reports)
    assert "chunks of 75 tokens now" in caplog.text
    torch.testing.assert_close(result.last_logits, whole, atol=3e-4, rtol=1e-3)


def test_out_of_memory_in_the_smallest_chunk_is_told_and_leaves_whole_chunks(
    tiny, token_ids, monkeypatch
):
    _small_chunks(monkeypatch)
    _out_of_memory_beyond(monkeypatch, 0, 6)  # after two chunks of three layers
    cache = KVCache(tiny.layers, 400)
    with pytest.raises(EngineError, match="memory of cpu is used up after 200 of 400 tokens"):
        prefill(tiny, cache, token_ids(400), mode="dense", alpha=1.0, chunk=100)
    assert cache.length == 200


def test_out_of_memory_in_a_short_tail_still_tries_the_smallest_chunk(
    tiny, token_ids, monkeypatch, caplog
):
    _small_chunks(monkeypatch)
    _out_of_memory_beyond(monkeypatch, 60)
    cache, result = _prefill(tiny, token_ids(80), mode="dense", alpha=1.0, chunk=100)
    assert "chunks of 50 tokens now" in caplog.text
    assert (cache.length, result.density) == (80, 1.0)


@pytest.mark.parametrize("times", [1, 100])
def test_a_cache_that_cannot_be_allocated_is_told_and_works_when_it_can(
    tiny, token_ids, whole, monkeypatch, times
):
    """Its layers are allocated one by one, in the first chunk."""
    _small_chunks(monkeypatch)
    allocate, cache, failed = KVLayer.lazy_initialization, KVCache(tiny.layers, 400), []

    def allocate_or_fail(layer, keys, values):
        if layer is cache.layers[1] and len(failed) < times:
            failed.append(keys.shape[2])
            raise torch.OutOfMemoryError("CUDA out of memory.")
        allocate(layer, keys, values)

    monkeypatch.setattr(KVLayer, "lazy_initialization", allocate_or_fail)
    options = {"mode": "dense", "alpha": 1.0, "chunk": 200}
    if times > 1:
        with pytest.raises(EngineError, match="memory of cpu is used up after 0 of 400 tokens"):
            prefill(tiny, cache, token_ids(400), **options)
        assert failed == [200, 100, 50]
        assert [layer.length for layer in cache.layers] == [0, 0, 0]
        failed.extend([0] * times)
    result = prefill(tiny, cache, token_ids(400), **options)
    assert cache.length == 400
    torch.testing.assert_close(result.last_logits, whole, atol=3e-4, rtol=1e-3)


def test_chunks_over_two_gpus_begin_and_end_short():
    cuda = torch.device("cuda", 0)
    assert chunk_spans(0, 40_000, cuda) == [
        (0, 16_384),
        (16_384, 24_576),
        (24_576, 32_768),
        (32_768, 40_000),
    ]
    assert chunk_spans(20_000, 30_000, cuda) == [(20_000, 28_192), (28_192, 30_000)]
    assert chunk_spans(0, 5000, cuda, 2000) == [(0, 2000), (2000, 4000), (4000, 5000)]
    assert chunk_spans(0, 5000, torch.device("cpu"))[0] == (0, 2048)


@pytest.mark.parametrize("even", [20_000.0, 150_000.0, 1e9])
@pytest.mark.parametrize("end", [1, 4095, 4096, 9000, 40_000, 131_056])
def test_chunks_over_two_stages_cost_the_same(end, even):
    spans = pipelined_spans(end, even, torch.device("cuda", 0))
    assert spans[0][0] == 0
    assert spans[-1][1] == end
    assert all(one[1] == other[0] for one, other in pairwise(spans))
    assert all(stop % 1024 == 0 for _, stop in spans[:-1])
    assert max(stop - start for start, stop in spans) <= 16_384 + 1024
    assert len(spans) > 1 or end < 4096
    costs = [stop - start + (stop**2 - start**2) / (2 * even) for start, stop in spans]
    edge = 1024 * (1 + end / even)  # what rounding an edge moves
    assert max(costs) - min(costs) <= 2 * edge  # at both ends of the one, and of the other


def test_attention_weighs_more_where_everything_is_computed(tiny):
    assert even_keys(tiny, dense=False) == pytest.approx(5 * even_keys(tiny, dense=True))


def test_the_host_is_told_of_chunks_in_order(monkeypatch):
    told = []
    events = []

    class Marker:
        def __init__(self):
            events.append("recorded")

        def wait(self):
            events.append("waited")

    (cuda,) = ACCELERATORS
    monkeypatch.setattr(cuda, "mark", lambda device: Marker())
    devices = torch.device("cuda", 0), torch.device("cuda", 1)
    ahead = InflightChunks(devices, lambda tokens, counted: told.append(tokens))
    nothing = PairCounts((), ())
    ahead.add(10, nothing)
    assert (told, events) == ([], ["recorded"] * 2)
    ahead.add(20, nothing)
    assert (told, events) == ([], ["recorded"] * 4)
    ahead.add(30, nothing)  # one for each GPU, and one more
    assert told == [10]
    ahead.wait()
    assert told == [10, 20, 30]
    assert events.count("waited") == 6


@pytest.mark.parametrize("mode", ["dense", "sparse"])
def test_an_int8_cache_changes_little(tiny, token_ids, small_settings, mode):
    ids, logits = token_ids(400), {}
    for kept, chunk in (("auto", 128), ("int8", 128), ("int8", 77)):
        cache = KVCache(tiny.layers, 410, kept)
        options = {"mode": mode, "alpha": 0.6, "settings": small_settings}
        prefill(tiny, cache, ids[:390], chunk=chunk, **options)
        first = extend(tiny, cache, ids[390:])
        cache.truncate(395)
        again = extend(tiny, cache, ids[395:])  # what was rolled back is written again
        torch.testing.assert_close(first, again, atol=1e-4, rtol=1e-4)
        logits[kept, chunk] = first
    off = (logits["int8", 128] - logits["auto", 128]).norm() / logits["auto", 128].norm()
    assert 0.0 < off < 0.02
    if mode == "dense":  # which sparse chunks select differs with their length
        torch.testing.assert_close(logits["int8", 128], logits["int8", 77], atol=1e-2, rtol=1e-2)
