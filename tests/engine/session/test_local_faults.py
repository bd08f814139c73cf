"""Faults that a user can meet, through the whole engine: each is told by its cause and survived."""

import json
import shutil
import time
from dataclasses import replace

import pytest
import torch
from local_models import READER, write_book, write_model

from sa_chat.engine.model import load_model
from sa_chat.engine.platform.devices import CPU
from sa_chat.engine.server.worker import Worker
from sa_chat.engine.session.conversation import LEAST_ANSWER_TOKENS
from sa_chat.engine.session.local import LocalEngine
from sa_chat.engine.sparsity.sparse_attention import sparse_attention
from sa_chat.engine.tokens import load_tokenizer
from sa_chat.protocol.config import EngineConfig, OpenOptions
from sa_chat.protocol.errors import EXIT_CODES, ModelError
from sa_chat.protocol.events import (
    Answer,
    Closed,
    EngineFailed,
    Failed,
    LoadProgress,
    PrefillDone,
    TextDelta,
)
from sa_chat.protocol.requests import Ask, Open

QUESTION, NEXT = "Which ship left on day 3?", "And on day 4?"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def note(tmp_path_factory):
    return write_book(tmp_path_factory.mktemp("note") / "note.txt", 8)


def _config(model, **config):
    return EngineConfig(model=str(model), device="cpu", **{"max_answer_tokens": 6, **config})


# ---- Tokenizers


def _write(name, content):
    return lambda folder: (folder / name).write_bytes(content)


def _remove(*names):
    def change(folder):
        for name in names:
            (folder / name).unlink()

    return change


def _edit(name, **changes):
    def change(folder):
        told = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**told, **changes}))

    return change


def _of_type(kind):
    """Without a tokenizer; of several kinds transformers then makes an empty one."""

    def change(folder):
        _remove("tokenizer.json", "tokenizer_config.json")(folder)
        _edit("config.json", model_type=kind)(folder)

    return change


def _own_format(change):
    """A folder in the embedded reader's format, changed."""

    def own(folder):
        for name in ("reader.tiktoken", "tiktoken.json"):
            shutil.copy(READER / name, folder)
        change(folder)

    return own


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_remove("tokenizer.json"), "tokenizer.json is missing"),
        (_of_type("qwen3"), "tokenizer.json is missing"),
        (_of_type("llama"), "tokenizer.json is missing"),
        (_of_type("gemma3_text"), "tokenizer.json is missing"),
        (_of_type("gpt_neox"), "tokenizer.json is missing"),
        (_write("tokenizer.json", b'{"version": "1.0", '), "tokenizer.json is not JSON"),
        (_write("tokenizer.json", b"\xff\xfe\x00\x01"), "tokenizer.json is not JSON"),
        (_write("tokenizer.json", b""), "tokenizer.json is empty"),
        (_write("tokenizer.json", b"{}"), "tokenizer.json is not what its name says"),
        (_write("tokenizer_config.json", b"{"), "tokenizer_config.json is not JSON"),
        (_write("tokenizer_config.json", b"[]"), "tokenizer_config.json is not what its name says"),
        (
            _write("generation_config.json", b"[]"),
            "generation_config.json is not what its name says",
        ),
        (
            _edit("config.json", vocab_size=1000, eos_token_id=None),
            "it belongs to another model, as it has ids up to 16,381, and this model's vocabulary "
            "ends at 999",
        ),
        (
            _own_format(_edit("config.json", vocab_size=16_000)),
            "it belongs to another model, as it has ids up to 16,383, and this model's vocabulary "
            "ends at 15,999",
        ),
        (_own_format(_remove("tiktoken.json")), "tiktoken.json is missing"),
        (_own_format(_write("tiktoken.json", b"{")), "tiktoken.json is not JSON"),
        (
            _own_format(_write("reader.tiktoken", b"")),
            "reader.tiktoken does not have a token for every byte",
        ),
        (_own_format(_edit("tiktoken.json", special_tokens={})), "it lacks '<|im_end|>'"),
    ],
)
def test_a_tokenizer_that_cannot_be_used_is_told_before_weights(
    tmp_path, model, note, monkeypatch, change, message
):
    monkeypatch.setattr(
        "sa_chat.engine.model.load.load_model", lambda *_, **__: pytest.fail("weights were loaded")
    )
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    change(folder)
    said = []
    with pytest.raises(ModelError) as raised:
        LocalEngine(_config(folder), said.append).open(OpenOptions((str(note),)))
    where = "in" if (folder / "reader.tiktoken").exists() and "vocabulary" not in message else "of"
    assert raised.value.message == f"The tokenizer {where} {folder} cannot be loaded: {message}."
    assert raised.value.hint
    assert EXIT_CODES[raised.value.kind] == 5
    assert {event.stage for event in said if isinstance(event, LoadProgress)} == {"parse"}


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{% if %}", "Expected an expression"),
        ([{"name": "rag", "template": "x"}], "multiple chat templates with no default"),
        ("{{ messages[0].role }}", "it drops or repeats messages"),
    ],
)
def test_a_chat_template_that_cannot_be_used_is_one_sentence(
    tmp_path, model, note, template, message
):
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    _edit("tokenizer_config.json", chat_template=template)(folder)
    with pytest.raises(ModelError, match=message) as raised:
        LocalEngine(_config(folder), lambda event: None).open(OpenOptions((str(note),)))
    assert raised.value.message.endswith(".")
    assert not raised.value.message.endswith("..")
    assert "\n" not in raised.value.message


def test_special_tokens_that_no_text_has_may_be_beyond_the_vocabulary(tmp_path, model, note):
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    tokens = json.loads((folder / "tokenizer.json").read_text())["added_tokens"]
    beyond = {**tokens[-1], "id": 16_384, "content": "<|padding|>"}
    _edit("tokenizer.json", added_tokens=[*tokens, beyond])(folder)
    said = []
    LocalEngine(_config(folder), said.append).open(OpenOptions((str(note),)))
    assert isinstance(said[-1], PrefillDone)


# ---- Memory


class Faults:
    """Attention that runs out of memory at certain calls, counted from `arm` on."""

    def __init__(self):
        self.calls = 0
        self.at = ()
        self.fired = 0

    def arm(self, *calls):
        self.calls, self.at = 0, calls

    def sparse_attention(self, *args, **options):
        self.calls += 1
        if self.calls in self.at:
            self.fired += 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return sparse_attention(*args, **options)


@pytest.fixture
def faults(monkeypatch):
    faults = Faults()
    monkeypatch.setattr("sa_chat.engine.attention.dense.sparse_attention", faults.sparse_attention)
    return faults


class Hosted:
    """A worker with a document open, as the screen has it; requests are waited for."""

    def __init__(self, model, note, **config):
        self.said = []
        self.engine = None
        self._worker = Worker(lambda emit: self._made(_config(model, **config), emit), self._hear)
        self._worker.start()
        assert isinstance(self._done(Open("o1", OpenOptions((str(note),))))[-1], PrefillDone)

    def ask(self, question, request_id="q"):
        return self._done(Ask(request_id, question))

    def close(self):
        self._worker.finish()
        assert self._worker.join(10)
        assert isinstance(self.said[-1], Closed)

    @property
    def cache_length(self):
        return self.engine.opened.runner.length

    def _made(self, config, emit):
        self.engine = LocalEngine(config, emit)
        return self.engine

    def _hear(self, event):
        self.said.append(event)

    def _done(self, job):
        before = len(self.said)
        self._worker.submit(job)
        end = time.monotonic() + 60
        while not isinstance((self.said[before:] or [None])[-1], PrefillDone | Answer | Failed):
            assert time.monotonic() < end, "it hangs"
            time.sleep(0.005)
        return self.said[before:]


@pytest.fixture
def hosted(model, note):
    made = []

    def make(**config):
        made.append(Hosted(model, note, **config))
        return made[-1]

    yield make
    for each in made:
        each.close()


LAYERS = 2


@pytest.mark.parametrize(
    ("call", "deltas"),
    [
        (1, False),  # the question, in the first layer
        (2, False),  # and in the second, when the first has written
        (LAYERS + 1, True),  # the answer's first token
        (LAYERS + 2, True),
        (3 * LAYERS + 2, True),
    ],
)
@pytest.mark.parametrize("turn", [1, 2])
def test_out_of_memory_in_a_question_or_its_answer_is_survived(
    hosted, faults, capsys, call, deltas, turn
):
    chat = hosted()
    if turn == 2:
        chat.ask("Which ship left first?")
    before = chat.cache_length
    faults.arm(call)
    *said, failed = chat.ask(QUESTION, "q7")
    assert faults.fired == 1
    assert isinstance(failed, Failed)
    assert failed.message == "The engine ran out of memory."
    assert (type(failed), failed.request_id, failed.fatal) == (EngineFailed, "q7", False)
    assert failed.hint
    assert failed.exception().exit_code == 5
    assert "out of memory" in capsys.readouterr().err  # the log has the whole of it
    assert all(isinstance(event, TextDelta) for event in said)
    assert bool(said) == deltas
    assert chat.cache_length == before
    assert (
        chat.engine.opened.runner.cache.layers[0].length
        == chat.engine.opened.runner.cache.layers[1].length
        == before
    )
    *_, answer = chat.ask(NEXT)
    fresh = hosted()
    if turn == 2:
        fresh.ask("Which ship left first?")
    assert isinstance(answer, Answer)
    assert answer.text == fresh.ask(NEXT)[-1].text != ""


def test_turns_forgotten_for_a_question_that_failed_are_told_with_the_next_answer(
    hosted, faults, model
):
    chat = hosted(max_context=1024, max_answer_tokens=40)
    tokenizer = load_tokenizer(model)
    turn = len(tokenizer.chat.turn(tokenizer.encode(QUESTION), False))
    while chat.engine.opened.runner.cache.free >= turn + LEAST_ANSWER_TOKENS:
        assert not chat.ask(QUESTION)[-1].forgot_turns
    faults.arm(1)
    assert isinstance(chat.ask(QUESTION)[-1], Failed)
    assert chat.cache_length == chat.engine.opened.conversation.document_tokens
    assert chat.ask(QUESTION)[-1].forgot_turns
    assert not chat.ask(QUESTION)[-1].forgot_turns


def test_out_of_memory_in_the_prefill_is_survived_without_a_message(hosted, faults, monkeypatch):
    monkeypatch.setattr(CPU, "sizes", replace(CPU.sizes, smallest_chunk=50))
    faults.arm(LAYERS + 2)  # loading tries the layers once
    chat = hosted()
    assert faults.fired == 1
    assert chat.ask(QUESTION)[-1].text == hosted().ask(QUESTION)[-1].text != ""


def test_out_of_memory_that_cannot_be_mended_names_memory_and_lets_the_cache_go(
    model, note, faults
):
    said = []
    worker = Worker(lambda emit: LocalEngine(_config(model), emit), said.append)
    faults.arm(*range(LAYERS + 1, 50))
    worker.start()
    worker.submit(Open("o1", OpenOptions((str(note),))))
    worker.submit(Ask("q", QUESTION))
    worker.finish()
    assert worker.join(60)
    failed, refused, closed = said[-3:]
    assert "memory of cpu is used up after 0 of" in failed.message
    assert (type(failed), refused.message) == (EngineFailed, "No document is open.")
    assert isinstance(closed, Closed)
    assert worker.stats()[0].kv_bytes == 0


@pytest.mark.parametrize("name", [None, "model"])
@pytest.mark.parametrize("stage", ["weights", "probe"])
def test_out_of_memory_while_loading_names_model_and_memory(model, monkeypatch, name, stage):
    def fails(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    module = "sa_chat.engine.model"
    weights = f"{module}.load.load_reader" if name is None else f"{module}.pretrained.read_weights"
    attention = "sa_chat.engine.attention.dense.sparse_attention"
    monkeypatch.setattr(weights if stage == "weights" else attention, fails)
    config = EngineConfig(device="cpu") if name is None else _config(model)
    with pytest.raises(ModelError, match=r"does not fit into the memory of cpu\.$") as raised:
        load_model(config, progress=lambda stage, part: None)
    assert raised.value.message.startswith("The embedded reader" if name is None else "The model")
