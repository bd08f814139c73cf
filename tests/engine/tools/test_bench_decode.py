"""`sa-engine bench decode`: rates, and the bound by hand."""

import json

import pytest
import torch
from bench_shapes import SHAPES, add_presets

from sa_chat.engine.cli import main
from sa_chat.engine.runtime import ModelRunner
from sa_chat.engine.tools.bench.decode import bandwidth
from sa_chat.engine.tools.bench.decode import run as decode
from sa_chat.engine.tools.bench.decode.bandwidth import bound_s, token_bytes
from sa_chat.engine.tools.bench.decode.run import filled_cache, token_times
from sa_chat.engine.tools.bench.models.random_model import random_model

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    add_presets(monkeypatch)
    monkeypatch.setattr(bandwidth, "COPIED_BYTES", (2**20, 2**21, 2**22))


def _bench(tmp_path, *options):
    code = main(["bench", "decode", "--device", "cpu", "--out", str(tmp_path), *options])
    return code, json.loads((tmp_path / "decode.json").read_text())


def test_rows_are_whole_and_consistent(tmp_path, capsys):
    options = ["--preset", "tiny-llama", "--lengths", "512,256", "--tokens", "5", "--rounds", "2"]
    code, saved = _bench(tmp_path, *options)
    assert code == 0
    assert [row["length"] for row in saved["rows"]] == [256, 512]
    rate = saved["summary"]["bandwidth_gb_per_s"]["cpu"]
    for row in saved["rows"]:
        assert row["outcome"] == "measured"
        assert row["token_ms_low"] <= row["token_ms"] <= row["token_ms_high"]
        assert row["tokens_per_s"] == pytest.approx(1e3 / row["token_ms"])
        bound = 1e9 * rate / row["bytes_per_token"]["cpu"]
        assert row["bound_tokens_per_s"] == pytest.approx(bound, rel=0.1)  # the rate is rounded
        assert row["share_of_bound"] == pytest.approx(
            row["tokens_per_s"] / row["bound_tokens_per_s"]
        )
    printed = capsys.readouterr().out
    assert "random keys and values" in printed
    assert "GB/s" in (tmp_path / "decode.md").read_text()


@pytest.mark.parametrize("family", SHAPES)
def test_a_token_reads_weights_and_cache_once(family):
    shape = SHAPES[family]
    loaded = random_model(shape, (CPU,), torch.bfloat16, context=128)
    cache = filled_cache(loaded, 50, 80)
    embedding = shape.vocabulary * shape.hidden
    weights = loaded.parameters - (0 if shape.tied_embeddings else embedding)
    per_token = 2 * shape.layers * shape.kv_heads * shape.head_size
    assert token_bytes(loaded, cache, 60) == {CPU: 2 * (weights + 60 * per_token)}


def test_devices_that_work_one_after_another_add_up():
    rates = {torch.device("cuda", 0): 100.0, torch.device("cuda", 1): 50.0}
    amounts = {torch.device("cuda", 0): 200.0, torch.device("cuda", 1): 150.0}
    assert bound_s(amounts, rates) == 5.0


def test_the_cache_is_filled_and_left_as_it_was():
    loaded = random_model(SHAPES["qwen3"], (CPU,), torch.float32, context=128)
    cache = filled_cache(loaded, 50, 60)
    assert [layer.get_seq_length() for layer in cache.layers] == [50, 50]
    for layer in cache.layers:
        assert layer.buffers[0][:, :, :50].isfinite().all()
        assert layer.buffers[1][:, :, 1:50].std().item() == pytest.approx(1.0, abs=0.1)
    assert len(token_times(ModelRunner(loaded, cache), 8)) == 8
    assert cache.length == 50


def test_the_bandwidth_counts_what_is_read_and_written(monkeypatch):
    copied = []

    def measure(function, device, repeats):
        function()
        copied.append(device)
        return type("Timing", (), {"median_s": 0.5})

    monkeypatch.setattr(bandwidth, "measure", measure)
    assert bandwidth.bandwidth(CPU) == 2 * 2**21 / 0.5  # the middle size
    assert copied == [CPU] * 3


def test_what_runs_out_of_memory_is_a_row(tmp_path, monkeypatch):
    fill = decode.filled_cache

    def limited(loaded, filled, capacity, kept):
        if filled >= 500:
            raise torch.OutOfMemoryError
        return fill(loaded, filled, capacity)

    monkeypatch.setattr(decode, "filled_cache", limited)
    options = ["--preset", "tiny-qwen3", "--lengths", "256,512", "--tokens", "3", "--rounds", "1"]
    code, saved = _bench(tmp_path, *options)
    assert code == 0
    assert [row["outcome"] for row in saved["rows"]] == ["measured", "out of memory"]
    assert "out of memory" in (tmp_path / "decode.md").read_text()


def test_limits_need_a_gpu(capsys):
    assert main(["bench", "decode", "--device", "cpu", "--limit-memory", "8"]) == 2
    assert "imitates smaller GPUs" in capsys.readouterr().err
