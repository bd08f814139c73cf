"""Models that bring code: it never runs, nobody is asked, and their names are shown clean."""

import json
import os
import pty
import subprocess
import sys

import pytest
import torch
from local_models import write_book, write_model

from sa_chat.engine.model import load_model
from sa_chat.engine.tokens import load_tokenizer
from sa_chat.protocol.config import EngineConfig
from sa_chat.protocol.errors import ModelError

CODE = """
import pathlib
pathlib.Path(__file__).with_name("ran").write_text("ran")
from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerFast
class Config(PretrainedConfig):
    model_type = "own"
class Model(PreTrainedModel):
    config_class = Config
class Tokenizer(PreTrainedTokenizerFast):
    pass
"""
IN_CONFIG = {"AutoConfig": "code.Config", "AutoModelForCausalLM": "code.Model"}
IN_TOKENIZER = {"AutoTokenizer": ["code.Tokenizer", "code.Tokenizer"]}


@pytest.fixture
def model(tmp_path):
    folder = write_model(tmp_path / "model")
    (folder / "code.py").write_text(CODE)
    return folder


def change(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def load(folder):
    config = EngineConfig(model=str(folder), device="cpu")
    return load_model(config, progress=lambda *_: None, dtype=torch.float32)


def test_a_model_of_an_unknown_type_is_refused_by_name(model):
    change(model / "config.json", model_type="own", architectures=["Model"], auto_map=IN_CONFIG)
    with pytest.raises(ModelError, match=r"model brings code of its own, and sa-chat runs nobody"):
        load(model)
    assert not list(model.rglob("ran"))


def test_a_known_type_is_run_by_the_code_that_is_installed(model):
    change(model / "config.json", auto_map=IN_CONFIG)
    assert type(load(model).model).__module__.startswith("transformers.")
    assert not list(model.rglob("ran"))


def test_no_code_of_a_tokenizer_is_run(model):
    change(model / "tokenizer_config.json", tokenizer_class="Tokenizer", auto_map=IN_TOKENIZER)
    change(model / "config.json", model_type="own")
    with pytest.raises(ModelError, match="brings code of its own"):
        load_tokenizer(str(model))
    assert not list(model.rglob("ran"))


def test_a_tokenizer_that_is_installed_needs_none_of_the_model(model):
    change(model / "tokenizer_config.json", auto_map=IN_TOKENIZER)
    assert load_tokenizer(str(model)).encode("One sentence.")
    assert not list(model.rglob("ran"))


@pytest.mark.parametrize(
    "command",
    [
        ["sa_chat.engine.cli", "info", "--model", "{model}", "--tokens", "2000"],
        ["sa_chat.engine.cli", "eval", "--model", "{model}", "--lengths", "1024"],
        ["sa_chat.app.cli", "{book}", "--model", "{model}", "--ask", "Who?"],
    ],
    ids=lambda command: command[1].strip("{}"),
)
def test_nothing_is_asked_on_a_terminal_with_yes_typed_ahead(model, tmp_path, command):
    change(model / "config.json", model_type="own", architectures=["Model"], auto_map=IN_CONFIG)
    change(model / "tokenizer_config.json", tokenizer_class="Tokenizer", auto_map=IN_TOKENIZER)
    book = write_book(tmp_path / "book.txt", 20)
    module, *words = (word.format(model=model, book=book) for word in command)
    script = f"import sys; from {module} import main; sys.exit(main({words!r}))"
    ours, theirs = pty.openpty()
    os.write(ours, b"y\ny\ny\n")
    done = subprocess.run(
        [sys.executable, "-c", script], stdin=theirs, capture_output=True, text=True,
        cwd=tmp_path, env=os.environ | {"HF_HUB_OFFLINE": "1"}, timeout=120,
    )  # fmt: skip
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 5
    assert "brings code of its own" in done.stderr
    assert "[y/N]" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert not list(model.rglob("ran"))


def test_names_in_model_files_reach_no_terminal_raw(model, tmp_path):
    hostile = "\x1b]0;owned\x07\u202eoops\x9b31m"
    change(model / "config.json", model_type=hostile)
    with pytest.raises(ModelError) as caught:
        load(model)
    assert caught.value.message.isprintable()
    change(model / "config.json", model_type="qwen3", layer_types=[hostile, hostile])
    with pytest.raises(ModelError) as caught:
        load(model)
    assert caught.value.message.isprintable()
    assert "layer_types" in caught.value.message
    change(model / "config.json", layer_types=["full_attention"] * 2)
    renamed = model.rename(tmp_path / "evil\x1b]0;owned\x07name")
    script = "import sys; from sa_chat.engine.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", script, "info", "--model", str(renamed), "--tokens", "2000"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert "evilname" in done.stdout + done.stderr
    assert "\x1b" not in done.stdout + done.stderr
