"""Loading: the embedded reader's format, other models, and every way it can fail."""

import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    BertConfig,
    BloomConfig,
    BloomForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    GptOssConfig,
    LlamaConfig,
    MistralConfig,
    Qwen2Config,
    Qwen3Config,
    Qwen3ForCausalLM,
    T5Config,
)

from sa_chat.engine.attention import CONTEXT_KEYWORD, NAME, ForwardContext, register
from sa_chat.engine.model import check_model, load_model, local_folder
from sa_chat.engine.model.embedded import load_reader
from sa_chat.engine.model.support import refuse_unsupported
from sa_chat.engine.platform.devices import resolve_device
from sa_chat.engine.session.memory import device_use
from sa_chat.protocol.config import EngineConfig
from sa_chat.protocol.errors import ModelError

READER = {
    "model_type": "qwen3",
    "architectures": ["Qwen3ForCausalLM"],
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "vocab_size": 128,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": True,
    "rope_parameters": {"rope_type": "default", "rope_theta": 2e6},
}


def _ignore(stage: str, fraction: float) -> None:
    pass


def _load(model):
    config = EngineConfig(model=str(model), device="cpu")
    return load_model(config, progress=_ignore, dtype=torch.float32)


@pytest.fixture
def saved_qwen3(tmp_path, build_model):
    """A folder with a tiny Qwen3, as `save_pretrained` writes it."""
    build_model("qwen3").save_pretrained(tmp_path / "tiny-qwen3")
    return tmp_path / "tiny-qwen3"


@pytest.fixture
def quantised(tmp_path):
    """A folder in the reader's own format, and the weights that it stands for."""
    register()
    torch.manual_seed(1)
    model = Qwen3ForCausalLM._from_config(Qwen3Config(**READER), attn_implementation=NAME)
    stored, exact = {}, {}
    for name, weight in model.state_dict().items():
        if name == "lm_head.weight":
            continue
        if weight.ndim == 2:
            scale = (weight.abs().amax(dim=1) / 127).half()
            stored[name] = (weight / scale.float()[:, None]).round().clamp(-127, 127).char()
            stored[name + "_scale"] = scale
            exact[name] = stored[name].float() * scale.float()[:, None]
        else:
            stored[name] = weight.half()
            exact[name] = stored[name].float()
    save_file(stored, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(READER))
    return tmp_path, exact


def test_reader_weights_are_rows_times_scales(quantised):
    folder, exact = quantised
    seen = []
    model = load_reader(folder, torch.device("cpu"), torch.float32, seen.append)
    state = model.state_dict()
    for name, weight in exact.items():
        torch.testing.assert_close(state[name], weight, rtol=0, atol=0)
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert not any(p.is_meta for p in [*model.parameters(), *model.buffers()])
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_reader_computes_what_transformers_computes(quantised, token_ids):
    folder, exact = quantised
    twin = Qwen3ForCausalLM._from_config(Qwen3Config(**READER), attn_implementation="eager").eval()
    twin.load_state_dict({**exact, "lm_head.weight": exact["model.embed_tokens.weight"]})
    model = load_reader(folder, torch.device("cpu"), torch.float32, lambda part: None)
    tokens = torch.tensor([token_ids(90)])
    with torch.inference_mode():
        out = model(tokens, use_cache=False, **{CONTEXT_KEYWORD: ForwardContext()}).logits
        expected = twin(tokens).logits
    torch.testing.assert_close(out, expected, atol=1e-4, rtol=1e-3)


def test_reader_without_a_weight_is_refused(quantised):
    folder, _ = quantised
    weights = load_file(folder / "model.safetensors")
    del weights["model.norm.weight"]
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(ModelError, match=r"lack model\.norm\.weight"):
        load_reader(folder, torch.device("cpu"), torch.float32, lambda part: None)


def test_embedded_reader_is_what_its_config_says():
    loaded = load_model(EngineConfig(device="cpu"), progress=_ignore)
    assert (loaded.layers, loaded.heads) == (10, 8)
    assert loaded.context_tokens == 131072
    assert loaded.parameters == 32_648_960


def test_a_folder_loads_and_is_described(saved_qwen3):
    stages = []
    loaded = load_model(
        EngineConfig(model=str(saved_qwen3), device="cpu"),
        progress=lambda stage, fraction: stages.append((stage, fraction)),
        dtype=torch.float32,
    )
    assert loaded.name == "tiny-qwen3"
    assert loaded.folder == saved_qwen3
    assert (loaded.layers, loaded.heads, loaded.context_tokens) == (3, 4, 4096)
    assert loaded.parameters == sum(p.numel() for p in loaded.model.parameters())
    assert loaded.load_s > 0
    assert loaded.devices == (torch.device("cpu"),)
    assert stages[0] == ("model", 0.0)
    assert stages[-1] == ("model", 1.0)


def test_what_is_no_model_folder_is_told_without_heavy_imports(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    script = (
        "import sys\n"
        "from sa_chat.protocol.config import EngineConfig\n"
        "from sa_chat.protocol.errors import ModelError\n"
        "from sa_chat.engine.model import check_model\n"
        "for name in sys.argv[1:]:\n"
        "    try:\n"
        "        check_model(EngineConfig(model=name))\n"
        "    except ModelError as error:\n"
        "        assert error.hint\n"
        "        print(error.message)\n"
        "assert 'torch' not in sys.modules\n"
        "assert 'transformers' not in sys.modules\n"
    )
    names = [str(tmp_path / "empty"), str(tmp_path / "file"), str(tmp_path / "none"), "Qwen/Qwen3"]
    done = subprocess.run(
        [sys.executable, "-c", script, *names], capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    assert "config.json is missing" in lines[0]
    assert "is a file" in lines[1]
    assert "no model folder" in lines[2]


def test_folders_are_told_from_hub_ids(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    assert local_folder("Qwen/Qwen3-0.6B") is None
    assert local_folder("gpt2") is None
    for missing in ("models/none", "./none", "a/b/c", "none/", "", "../x"):
        with pytest.raises(ModelError, match="no model folder"):
            local_folder(missing)
    check_model(EngineConfig())


def test_pickled_weights_are_refused(saved_qwen3):
    weights = saved_qwen3 / "model.safetensors"
    torch.save(load_file(weights), saved_qwen3 / "pytorch_model.bin")
    weights.unlink()
    with pytest.raises(ModelError, match="pickled weights only") as caught:
        _load(saved_qwen3)
    assert "safetensors" in caught.value.hint


def test_damaged_folders_are_one_sentence(saved_qwen3):
    weights = saved_qwen3 / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError) as caught:
        _load(saved_qwen3)
    assert "cannot be loaded" in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint
    weights.unlink()
    with pytest.raises(ModelError, match="cannot be loaded"):
        _load(saved_qwen3)
    (saved_qwen3 / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="cannot be loaded"):
        _load(saved_qwen3)


def test_an_unreachable_hub_is_said_quietly():
    script = (
        "from sa_chat.protocol.config import EngineConfig\n"
        "from sa_chat.protocol.errors import ModelError\n"
        "from sa_chat.engine.model import load_model\n"
        "config = EngineConfig(model='nobody/nothing', device='cpu')\n"
        "try:\n"
        "    load_model(config, progress=lambda *a: None)\n"
        "except ModelError as error:\n"
        "    print(error.message)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True, text=True, check=True,
        env={"HF_HUB_OFFLINE": "1", "HF_HOME": "/nonexistent", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.stdout == (
        "There is no folder nobody/nothing here, and the Hugging Face hub cannot be reached.\n"
    )
    assert done.stderr == ""


def test_another_kind_of_model_is_refused(tmp_path):
    for config in (T5Config(), BertConfig()):
        config.save_pretrained(tmp_path)
        with pytest.raises(ModelError, match="not a decoder-only language model"):
            _load(tmp_path)


def _refusal(config):
    """Why this model is refused; empty if it is not."""
    try:
        refuse_unsupported(config)
    except ModelError as error:
        return error.message
    return ""


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (Gemma2Config(), "soft-capped"),
        (Gemma2Config(layer_types=["full_attention"] * 26), "soft-capped"),
        (Gemma3TextConfig(use_bidirectional_attention=True), "bidirectional"),
        (LlamaConfig(is_causal=False), "bidirectional"),
        (Qwen2Config(layer_types=["sliding_attention"] * 32), "sliding windows of no size"),
    ],
)
def test_attention_that_is_not_computed_is_refused_by_name(config, name):
    assert name in _refusal(config)


@pytest.mark.parametrize(
    "config",
    [
        Qwen3Config(),
        Qwen2Config(),
        LlamaConfig(),
        MistralConfig(sliding_window=None),
        MistralConfig(),
        Qwen2Config(use_sliding_window=True, max_window_layers=1),
        Gemma3TextConfig(),
        GptOssConfig(),
    ],
)
def test_attention_that_is_computed_is_accepted(config):
    assert _refusal(config) == ""


def test_a_model_that_does_not_attend_here_is_refused(tmp_path):
    config = BloomConfig(hidden_size=32, n_layer=2, n_head=2, vocab_size=64)
    BloomForCausalLM(config).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"attention cannot be replaced|attend as sa-chat"):
        _load(tmp_path)


def test_a_missing_gpu_is_said(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ModelError, match="No CUDA device"):
        resolve_device("cuda")
    assert resolve_device("auto").type == "cpu"


def test_process_memory_is_reported(tiny):
    for loaded in (None, tiny):
        (use,) = device_use(loaded)
        assert use.name == "CPU"
        assert 0 < use.used_bytes <= use.peak_bytes < use.total_bytes
