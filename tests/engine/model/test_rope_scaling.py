"""YaRN by option is YaRN by config.json; what cannot be scaled is refused."""

import json

import pytest
import torch
from local_models import READER, write_model
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    LlamaConfig,
    Qwen2Config,
)

from running import prefill
from sa_chat.engine.cache import KVCache
from sa_chat.engine.cli import main
from sa_chat.engine.info.info import fit_info
from sa_chat.engine.model import load_model
from sa_chat.engine.model.context import context_of
from sa_chat.protocol.arguments import config_arguments
from sa_chat.protocol.config import EMBEDDED_CONTEXT, EngineConfig, yarn_factor
from sa_chat.protocol.errors import UsageError

SMALL = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 97,
    "max_position_embeddings": 128,
    "initializer_range": 0.3,
    "pad_token_id": 0,
}
FAMILIES = [LlamaConfig(**SMALL, rope_theta=50_000.0), Qwen2Config(**SMALL)]


def _saved(config, folder):
    torch.manual_seed(7)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder


def _config(folder, scaling="yarn:4"):
    return EngineConfig(model=str(folder), device="cpu", rope_scaling=scaling)


def _logits(folder, ids, scaling):
    config = _config(folder, scaling)
    loaded = load_model(config, progress=lambda stage, part: None, dtype=torch.float32)
    cache = KVCache(loaded.layers, len(ids))
    logits = prefill(loaded, cache, ids, mode="dense", alpha=1.0, chunk=100).last_logits
    return loaded, logits


@pytest.mark.parametrize("config", FAMILIES, ids=lambda config: config.model_type)
def test_the_option_is_what_transformers_makes_of_the_same_config_json(config, tmp_path):
    _saved(config, tmp_path)
    ids = torch.randint(1, 97, (400,), generator=torch.Generator().manual_seed(3)).tolist()
    loaded, mine = _logits(tmp_path, ids, "yarn:4")
    assert loaded.context_tokens == context_of(_config(tmp_path), tmp_path) == 512
    _, unscaled = _logits(tmp_path, ids, None)

    file = tmp_path / "config.json"
    declared = json.loads(file.read_text())
    theta = declared["rope_parameters"]["rope_theta"]
    declared["max_position_embeddings"] = 512
    declared["rope_parameters"] = {
        "rope_type": "yarn",
        "rope_theta": theta,
        "factor": 4.0,
        "original_max_position_embeddings": 128,
    }
    file.write_text(json.dumps(declared))
    theirs = AutoModelForCausalLM.from_pretrained(
        tmp_path, attn_implementation="eager", dtype=torch.float32
    )
    with torch.inference_mode():
        expected = theirs(torch.tensor(ids)[None]).logits[0, -1]
    torch.testing.assert_close(mine, expected, atol=1e-3, rtol=1e-3)
    assert (unscaled - expected).abs().max() > 0.05
    assert loaded.model.config.rope_parameters == theirs.config.rope_parameters

    with pytest.raises(UsageError, match=r"scales its rotary embeddings already \(yarn\)"):
        context_of(_config(tmp_path), tmp_path)
    with pytest.raises(UsageError, match=r"scales its rotary embeddings already \(yarn\)"):
        load_model(_config(tmp_path), progress=lambda stage, part: None)


def test_the_form_of_earlier_configs_is_known(tmp_path):
    file = tmp_path / "config.json"
    declared = {"max_position_embeddings": 1000, "rope_theta": 1e4, "rope_scaling": None}
    file.write_text(json.dumps(declared))
    assert context_of(_config(tmp_path, "yarn:2.5"), tmp_path) == 2500
    file.write_text(json.dumps(declared | {"rope_scaling": {"type": "linear", "factor": 2.0}}))
    with pytest.raises(UsageError, match=r"already \(linear\)"):
        context_of(_config(tmp_path), tmp_path)


@pytest.mark.parametrize(
    "config",
    [
        GPT2Config(n_embd=64, n_layer=2, n_head=4, vocab_size=97, n_positions=128),
        Gemma3TextConfig(**SMALL, head_dim=16, sliding_window=32),
    ],
    ids=lambda config: config.model_type,
)
def test_models_without_one_kind_of_rotary_embeddings_are_refused(config, tmp_path):
    folder = _saved(config, tmp_path)
    with pytest.raises(UsageError, match="no rotary embeddings, or several kinds") as caught:
        load_model(_config(folder), progress=lambda stage, part: None)
    assert caught.value.hint


@pytest.mark.parametrize(
    "text", ["", "yarn", "yarn:", "yarn:x", "yarn:1", "yarn:65", "yarn:nan", "linear:2", "4"]
)
def test_other_forms_are_refused(text):
    with pytest.raises(UsageError, match="Unknown scaling") as caught:
        EngineConfig(model="x", rope_scaling=text)
    assert "yarn:4" in caught.value.hint


def test_the_factor_and_the_arguments():
    assert [yarn_factor(f"yarn:{text}") for text in ("4", "1.5", "64")] == [4.0, 1.5, 64.0]
    assert config_arguments(_config("x"))[-1] == "--rope-scaling=yarn:4"


def test_the_embedded_reader_takes_none():
    declared = json.loads((READER / "config.json").read_text())
    assert declared["max_position_embeddings"] == EMBEDDED_CONTEXT
    with pytest.raises(UsageError, match="reads 131,072 tokens already"):
        EngineConfig(rope_scaling="yarn:4")


def test_info_counts_the_longer_context(tmp_path, capsys):
    folder = write_model(tmp_path)
    assert fit_info(str(folder), None, "auto", "yarn:4").tokens == 4 * 8192
    assert main(["info", "--rope-scaling", "yarn:4"]) == 2
    assert "--rope-scaling belongs to --model" in capsys.readouterr().err


def test_bench_measures_beyond_what_the_model_declares(tmp_path, capsys):
    folder = write_model(tmp_path / "model", context=512)
    wanted = ["--device", "cpu", "--model", str(folder), "--lengths", "1K", "--rounds", "1"]
    out = tmp_path / "out"
    assert main(["bench", "prefill", *wanted]) == 2
    capsys.readouterr()
    scaled = [*wanted, "--rope-scaling", "yarn:2", "--out", str(out)]
    assert main(["bench", "prefill", *scaled]) == 0
    assert json.loads((out / "prefill.json").read_text())["settings"]["rope_scaling"] == "yarn:2"
    assert main(["bench", "prefill", "--preset", "qwen3-4b", "--rope-scaling", "yarn:2"]) == 2
    assert "Leave it out with --preset" in capsys.readouterr().err
