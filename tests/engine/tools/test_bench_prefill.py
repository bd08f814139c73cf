"""`sa-engine bench prefill`: models by chance, honest rows, checks before times."""

import json
import math

import pytest
import torch
from bench_shapes import SHAPES, add_presets
from local_models import write_book, write_model

from running import prefill as run_prefill
from sa_chat.engine.cache import KVCache
from sa_chat.engine.cli import main
from sa_chat.engine.sparsity import SelectionSettings
from sa_chat.engine.tokens import load_tokenizer
from sa_chat.engine.tools.bench.models.random_model import random_model
from sa_chat.engine.tools.bench.prefill import check
from sa_chat.engine.tools.bench.prefill import run as prefill
from sa_chat.engine.tools.bench.prefill.check import check_equality, compare
from sa_chat.engine.tools.bench.prefill.material import DocumentText, RandomIds
from sa_chat.engine.tools.bench.prefill.timed_prefill import PrefillBench
from sa_chat.protocol.config import DEFAULT_ALPHA
from sa_chat.protocol.errors import EngineError

CPU = (torch.device("cpu"),)
PARTS = ("tokenize_s", "select_s", "prefill_s", "first_token_s")


@pytest.fixture(autouse=True)
def _presets(monkeypatch):
    add_presets(monkeypatch)


def _reader(settings, length=700, chunk=128):
    loaded = random_model(SHAPES["qwen3"], CPU, torch.float32, context=length)
    return PrefillBench(loaded, CPU, RandomIds(loaded, length), settings, chunk)


def _bench(tmp_path, *options):
    code = main(["bench", "prefill", "--device", "cpu", "--out", str(tmp_path), *options])
    saved = tmp_path / "prefill.json"
    return code, json.loads(saved.read_text()) if saved.exists() else None


@pytest.mark.parametrize("family", SHAPES)
def test_a_random_model_is_that_of_transformers(family):
    shape = SHAPES[family]
    loaded = random_model(shape, CPU, torch.float32, context=512)
    config = loaded.model.config
    options = {k: v for k, v in config.to_dict().items() if k not in ("dtype", "architectures")}
    twin = type(loaded.model)._from_config(type(config)(**options), attn_implementation="eager")
    twin.load_state_dict(loaded.model.state_dict())
    ids = torch.randint(shape.vocabulary, (1, 200), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = twin.eval()(ids).logits[0, -1]
    cache = KVCache(loaded.layers, 200)
    result = run_prefill(loaded, cache, ids[0].tolist(), mode="dense", alpha=1.0, chunk=64)
    torch.testing.assert_close(result.last_logits, expected, atol=1e-5, rtol=1e-4)
    assert "random weights" in loaded.name
    assert config.rope_parameters["rope_theta"] == shape.rope_theta
    head = loaded.model.get_output_embeddings().weight
    assert (head is loaded.model.get_input_embeddings().weight) == shape.tied_embeddings
    assert torch.equal(loaded.model.model.norm.weight, torch.ones(shape.hidden))
    layers = loaded.model.model.layers
    assert not torch.equal(layers[0].mlp.up_proj.weight, layers[1].mlp.up_proj.weight)
    assert layers[0].mlp.up_proj.weight.std().item() == pytest.approx(0.02, rel=0.05)


def test_rows_are_whole_and_consistent(tmp_path, capsys):
    options = ["--preset", "tiny-qwen3", "--lengths", "1024,512", "--rounds", "3"]
    code, saved = _bench(tmp_path, *options, "--chunk", "256", "--density", "0.5")
    assert code == 0
    rows = saved["rows"]
    assert [(row["length"], row["mode"]) for row in rows] == [
        (512, "dense"),
        (512, "sparse"),
        (1024, "dense"),
        (1024, "sparse"),
    ]
    for row in rows:
        assert row["outcome"] == "measured"
        assert row["tokens"] == row["length"]
        assert row["ttft_s"] == pytest.approx(sum(row[part] for part in PARTS))
        assert row["ttft_s"] == sorted(each["ttft_s"] for each in row["rounds"])[1]
        assert row["memory"][0]["device"] == "CPU"
        assert row["memory"][0]["peak_bytes"] > 1e6
        assert row["density"] == 1.0 if row["mode"] == "dense" else 0.0 < row["density"] <= 1.0
        assert len(row["density_by_layer"]) == 2
    assert [row["growth_exponent"] for row in rows[:2]] == [None, None]
    for short, long in zip(rows[:2], rows[2:], strict=True):
        growth = long["ttft_s"] / short["ttft_s"]
        assert long["growth_exponent"] == pytest.approx(math.log2(growth))
    pairs = saved["summary"]["by_length"]
    assert [pair["length"] for pair in pairs] == [512, 1024]
    ratio = rows[2]["ttft_s"] / rows[3]["ttft_s"]
    assert pairs[1]["dense_over_sparse"] == pytest.approx(ratio)
    assert saved["summary"]["check"]["alpha_1"] == {"same_token": True, "kl_nats": 0.0}
    assert saved["settings"]["density_forced"] == 0.5
    assert (tmp_path / "prefill.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    for words in ("random weights", "density 0.5 forced", "random token ids", "loading"):
        assert words in printed
        assert words in (tmp_path / "prefill.md").read_text()


def test_a_forced_density_is_reached():
    settings = SelectionSettings(
        density=0.3, query_block=32, window=32, block=32, num_sink_tokens=2
    )
    reader = _reader(settings)
    assert reader.read(700, "dense").density == 1.0
    assert reader.read(700, "sparse").density == pytest.approx(0.3, abs=0.03)


def test_a_model_folder_reads_a_document(tmp_path, capsys):
    folder = write_model(tmp_path / "model")
    book = write_book(tmp_path / "book.txt", paragraphs=10)  # shorter than the prompt
    options = ["--model", str(folder), "--document", str(book), "--lengths", "512"]
    code, saved = _bench(tmp_path, *options, "--rounds", "1")
    assert code == 0
    assert [row["tokens"] for row in saved["rows"]] == [512, 512]
    assert all(row["tokenize_s"] > 0.0 for row in saved["rows"])
    assert saved["settings"]["density_forced"] is None
    assert [row["attention"] for row in saved["rows"]] == [
        "all pairs",
        f"auto, alpha {DEFAULT_ALPHA}",
    ]
    assert "book.txt" in capsys.readouterr().out
    assert main(["bench", "prefill", "--model", str(folder), "--lengths", "16K"]) == 2
    assert "room for 8,192 tokens" in capsys.readouterr().err


def test_a_document_gives_any_number_of_tokens(tmp_path):
    folder = write_model(tmp_path / "model")
    tokenizer = load_tokenizer(folder)
    material = DocumentText(tokenizer, write_book(tmp_path / "book.txt", paragraphs=40), 4000)
    for tokens in (100, 777, 1201, 3999, 4000):
        ids, seconds = material.read(tokens)
        assert len(ids) == tokens
        assert ids[: len(tokenizer.chat.head)] == [*tokenizer.chat.head]
        assert seconds > 0.0
    assert ids[:500] == material.read(500)[0]


def test_what_runs_out_of_memory_is_a_row_and_the_rest_goes_on(tmp_path, monkeypatch, capsys):
    read = PrefillBench.read

    def limited(self, length, mode, settings=None):
        if mode == "dense" and length >= 512:
            raise torch.OutOfMemoryError
        return read(self, length, mode, settings)

    monkeypatch.setattr(PrefillBench, "read", limited)
    options = ["--preset", "tiny-llama", "--lengths", "256,512,1024", "--rounds", "2"]
    code, saved = _bench(tmp_path, *options)
    assert code == 0
    outcomes = [(row["length"], row["mode"], row["outcome"]) for row in saved["rows"]]
    assert outcomes == [
        (256, "dense", "measured"),
        (256, "sparse", "measured"),
        (512, "dense", "out of memory"),
        (512, "sparse", "measured"),
        (1024, "dense", "not tried: ran out at 512"),
        (1024, "sparse", "measured"),
    ]
    assert [pair["length"] for pair in saved["summary"]["by_length"]] == [256]
    assert "out of memory" in capsys.readouterr().out
    monkeypatch.setattr(
        PrefillBench, "read", lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError())
    )
    assert _bench(tmp_path, *options)[0] == 5
    assert "Not even 256 tokens fit" in capsys.readouterr().err


def test_nothing_is_timed_when_the_results_are_wrong(monkeypatch, tmp_path, capsys):
    def blind(q, k, v, *, causal, scale, window=None):
        return v[:, -1:].repeat_interleave(q.shape[0] // v.shape[0], 0).expand_as(q), None

    monkeypatch.setattr(check, "attend_reference", blind)
    monkeypatch.setattr(check, "MOST_DIVERGENCE", 1e-7)
    monkeypatch.setattr(prefill, "measure", lambda *_: pytest.fail("it was timed"))
    code, saved = _bench(tmp_path, "--preset", "tiny-qwen2", "--lengths", "256")
    assert code == 5
    assert saved["rows"] == []
    assert "Dense attention is wrong" in capsys.readouterr().err


def test_the_check_compares_with_the_definition_and_with_dense():
    settings = SelectionSettings(
        density=0.1, query_block=32, window=32, block=32, num_sink_tokens=2
    )
    row = check_equality(_reader(settings), 600)
    assert row["reference"]["kl_nats"] < 1e-6
    assert row["alpha_1"] == {"same_token": True, "kl_nats": 0.0}
    assert row["sparse"]["kl_nats"] > 1e-9
    broken = _reader(settings)
    broken.loaded.model.model.norm.weight.fill_(float("nan"))
    with pytest.raises(EngineError, match="wrong here: KL nan"):
        check_equality(broken, 300)


def test_divergence_is_in_nats_of_the_dense_distribution():
    dense, sparse = torch.tensor([0.0, 0.0]), torch.tensor([math.log(3.0), 0.0])
    expected = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)
    assert compare(dense, sparse)["kl_nats"] == pytest.approx(expected)
    assert compare(sparse, sparse) == {"same_token": True, "kl_nats": 0.0}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--limit-memory", "8"], "imitates smaller GPUs"),
        (["--gpus", "2"], "needs two CUDA devices"),
        (["--lengths", "128"], "no length of 256 tokens"),
        (["--alpha", "nan"], "no share above 0"),
        (["--density", "1"], "no density between"),
        (["--preset", "gpt"], "invalid choice"),
        (["--preset", "tiny-llama", "--model", "x"], "not allowed with"),
        (["--preset", "tiny-llama", "--document", "x"], "read random token ids"),
        (["--rounds", "0"], "no number from 1"),
    ],
)
def test_usage_errors(options, words, capsys):
    assert main(["bench", "prefill", "--device", "cpu", *options]) == 2
    assert words in capsys.readouterr().err


gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@pytest.mark.gpu
@gpu
def test_on_a_gpu_peaks_are_pytorchs_and_the_drivers(tmp_path):
    options = ["--preset", "tiny-llama", "--lengths", "2K,4K", "--limit-memory", "4"]
    try:
        code = main(["bench", "prefill", "--device", "cuda", "--out", str(tmp_path), *options])
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert code == 0
    saved = json.loads((tmp_path / "prefill.json").read_text())
    assert saved["environment"]["versions"]["cuda"] == torch.version.cuda
    for row in saved["rows"]:
        (peak,) = row["memory"]
        assert peak["device"] == "cuda:0"
        assert 0 < peak["peak_bytes"] <= peak["driver_bytes"] <= peak["total_bytes"]


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_two_gpus_compute_what_one_does():
    devices = tuple(torch.device("cuda", index) for index in range(2))
    split = random_model(SHAPES["qwen3"], devices, torch.float32, context=600)
    assert split.devices == devices
    whole = random_model(SHAPES["qwen3"], devices[:1], torch.float32, context=600)
    whole.model.load_state_dict(split.model.state_dict())
    logits = []
    for loaded in (split, whole):
        cache = KVCache(loaded.layers, 600)
        ids = RandomIds(loaded, 600).read(600)[0]
        result = run_prefill(loaded, cache, ids, mode="dense", alpha=1.0, chunk=256)
        logits.append(result.last_logits.cpu())
        assert {layer.buffers[0].device.index for layer in cache.layers} == {
            device.index for device in loaded.devices
        }
    torch.testing.assert_close(*logits, atol=1e-4, rtol=1e-3)
