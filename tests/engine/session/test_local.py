"""Opening documents with a real, tiny model: what is said, in which order, and what is refused."""

import json
import shutil
import subprocess
import sys
import time
from itertools import groupby

import pytest
from local_models import CONTEXT, READER, write_book, write_model

from sa_chat.engine.model.context import context_of
from sa_chat.engine.session.local import LocalEngine
from sa_chat.engine.sparsity import autotune
from sa_chat.engine.sparsity.calibration import Calibration
from sa_chat.protocol.config import DEFAULT_ALPHA, EngineConfig, OpenOptions
from sa_chat.protocol.errors import (
    EXIT_CODES,
    ContextOverflow,
    DocumentError,
    ModelError,
    UsageError,
)
from sa_chat.protocol.events import (
    Answer,
    CalibrationProgress,
    Cancelled,
    DocumentReady,
    LoadProgress,
    ModelReady,
    PrefillDone,
    PrefillProgress,
    TextDelta,
)


class Session:
    """An engine, all that it said, and a way to cancel it from inside an event."""

    def __init__(self, model, **config):
        self.said = []
        self.cancel_at = None  # predicate of the event at which the work is cancelled
        options = {"device": "cpu", "max_answer_tokens": 6, **config}
        self.engine = LocalEngine(EngineConfig(model=str(model), **options), self._hear)

    def _hear(self, event):
        self.said.append(event)
        if self.cancel_at is not None and self.cancel_at(event):
            self.engine.cancel()

    def open(self, *paths, **options):
        """What was said while opening."""
        return self._during(
            lambda: self.engine.open(OpenOptions(tuple(map(str, paths)), **options))
        )

    def ask(self, question):
        """What was said while answering."""
        return self._during(lambda: self.engine.ask(question))

    def _during(self, work):
        before = len(self.said)
        work()
        return self.said[before:]

    def of(self, kind):
        return [event for event in self.said if isinstance(event, kind)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """Some 5,000 tokens: three chunks."""
    return write_book(tmp_path_factory.mktemp("book") / "ships.txt", 210)


@pytest.fixture(scope="module")
def note(tmp_path_factory):
    return write_book(tmp_path_factory.mktemp("note") / "note.txt", 4)


@pytest.fixture
def no_weights(monkeypatch):
    """Loading weights is a failure of the test."""

    def refuse(*_, **__):
        pytest.fail("the weights were loaded")

    monkeypatch.setattr("sa_chat.engine.model.load.load_model", refuse)


def kinds(events):
    """The types of events, repetitions folded; loading by its stage.  Calibration is left out,
    because which test comes first decides who waits for it."""
    names = (
        e.stage if isinstance(e, LoadProgress) else type(e).__name__
        for e in events
        if not isinstance(e, CalibrationProgress)
    )
    return [name for name, _ in groupby(names)]


@pytest.fixture
def slow_calibration(tmp_path, monkeypatch):
    """A machine that was never measured, and takes half a second for it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = Calibration(
        dense_ns=1.0, kept_ns=1.0, gather_ns=1.0, query_block_ns=1.0, break_even=None
    )

    def measure(shape, progress):
        progress(0.0)
        time.sleep(0.5)
        progress(1.0)
        return found

    monkeypatch.setattr(autotune, "measure", measure)
    autotune.forget_calibrations()
    yield
    autotune.forget_calibrations()


def test_the_machine_is_measured_once_before_the_prefill_and_not_in_its_time(
    model, book, slow_calibration
):
    session = Session(model)
    said = session.open(book)
    told = [type(event) for event in said if not isinstance(event, LoadProgress)]
    first = told.index(CalibrationProgress)
    assert told[first - 1] == ModelReady
    assert told[first : first + 3] == [CalibrationProgress, CalibrationProgress, PrefillProgress]
    begun, ended = session.of(CalibrationProgress)
    assert (begun.fraction, ended.fraction) == (0.0, 1.0)
    assert 0.5 <= ended.seconds < 5.0
    progress = session.of(PrefillProgress)
    done = said[-1]
    assert done.ttft.select_s + done.ttft.prefill_s >= progress[-1].seconds
    assert abs(done.ttft.select_s + done.ttft.prefill_s - progress[-1].seconds) < 0.4
    other = Session(model)
    other.open(book)
    assert not other.of(CalibrationProgress)


def test_measuring_the_machine_can_be_cancelled(model, book, slow_calibration):
    session = Session(model)
    session.cancel_at = lambda event: isinstance(event, CalibrationProgress)
    assert session.open(book)[-1] == Cancelled("prefill")
    session.cancel_at = None
    assert isinstance(session.open(book)[-1], PrefillDone)
    assert len(session.of(CalibrationProgress)) == 3  # nothing was kept of the first


def test_opening_says_each_stage_in_order(model, book):
    said = Session(model).open(book)
    assert kinds(said) == [
        "parse",
        "tokenize",
        "DocumentReady",
        "model",
        "ModelReady",
        "PrefillProgress",
        "PrefillDone",
    ]
    for stage in ("parse", "tokenize", "model"):
        steps = [e for e in said if isinstance(e, LoadProgress) and e.stage == stage]
        assert steps[-1].fraction == 1.0
        assert [e.fraction for e in steps] == sorted(e.fraction for e in steps)
        assert [e.seconds for e in steps] == sorted(e.seconds for e in steps)


def test_what_opening_says(model, book):
    session = Session(model)
    session.open(book)
    (ready,), (loaded,), (done,) = map(session.of, (DocumentReady, ModelReady, PrefillDone))
    assert (ready.paths, ready.left_out) == ((str(book),), ())
    assert (ready.context_tokens, ready.reserve_tokens) == (CONTEXT, 1024)
    assert 4500 < ready.prompt_tokens < CONTEXT - 1024
    assert 0.9 * ready.prompt_tokens < ready.sections[0].tokens <= ready.prompt_tokens
    assert (loaded.name, loaded.layers, loaded.heads) == (model.name, 2, 4)
    assert (loaded.context_tokens, loaded.device) == (CONTEXT, "cpu")
    assert loaded.dtype in ("float32", "bfloat16")
    assert loaded.parameters > 16_384 * 32
    assert loaded.load_s > 0
    chunks = session.of(PrefillProgress)
    assert [c.tokens_done for c in chunks] == [2048, 4096, ready.prompt_tokens]
    assert {c.tokens_total for c in chunks} == {ready.prompt_tokens}
    assert [c.seconds for c in chunks] == sorted(c.seconds for c in chunks)
    assert all(0 < c.density <= 1 and c.devices[0].used_bytes > 0 for c in chunks)
    assert [len(heads) for heads in chunks[-1].density_by_head] == [4, 4]
    assert done.tokens == ready.prompt_tokens
    assert (done.attention.mode, done.attention.alpha) == ("sparse", DEFAULT_ALPHA)
    assert done.attention.density == chunks[-1].density
    assert done.density_by_head == chunks[-1].density_by_head


def test_the_parts_of_the_time_to_first_token(model, book):
    session = Session(model)
    session.open(book)
    prefill = session.of(PrefillDone)[0].ttft
    assert min(prefill.parse_s, prefill.tokenize_s, prefill.prefill_s) > 0
    assert prefill.select_s >= 0
    assert prefill.first_token_s == 0
    session.ask("What left the harbour?")
    session.ask("And then?")
    first, second = session.of(Answer)
    assert first.ttft.first_token_s == first.question_ttft_s > 0
    assert first.ttft.prefill_s == prefill.prefill_s
    assert second.ttft == first.ttft
    assert second.question_ttft_s != first.question_ttft_s


def test_a_folder_with_the_reader_s_ranks_is_framed_as_the_reader(tmp_path, model, note):
    folder = write_model(tmp_path / "own")
    for name in ("reader.tiktoken", "tiktoken.json"):
        shutil.copy(READER / name, folder)
    session = Session(folder)
    session.open(note)
    assert isinstance(session.ask("Which ship?")[-1], Answer)
    other = Session(model)  # its template is split, which adds an instruction
    other.open(note)
    tokens = [s.of(DocumentReady)[0].prompt_tokens for s in (session, other)]
    assert tokens[0] < tokens[1] - 30


@pytest.mark.parametrize("stage", ["parse", "tokenize", "model"])
def test_cancelled_before_the_prefill(model, book, stage):
    session = Session(model)
    session.cancel_at = lambda event: isinstance(event, LoadProgress) and event.stage == stage
    said = session.open(book)
    assert said[-1] == Cancelled("prefill")
    assert not session.of(PrefillProgress)
    assert bool(session.of(DocumentReady)) == (stage == "model")
    session.cancel_at = None
    assert isinstance(session.open(book)[-1], PrefillDone)


def test_cancelled_in_the_prefill(model, book):
    session = Session(model)
    session.cancel_at = lambda event: isinstance(event, PrefillProgress)
    assert kinds(session.open(book))[-2:] == ["PrefillProgress", "Cancelled"]
    assert [c.tokens_done for c in session.of(PrefillProgress)] == [2048]
    session.cancel_at = None
    assert isinstance(session.open(book)[-1], PrefillDone)
    assert len(session.of(ModelReady)) == 1
    assert session.ask("Which ship?")[-1].stop_reason == "length"


def test_another_document_reuses_the_model(model, book, note):
    session = Session(model)
    session.open(book)
    said = session.open(note)
    assert kinds(said) == ["parse", "tokenize", "DocumentReady", "PrefillProgress", "PrefillDone"]
    answer = session.ask("Which ship?")[-1]
    fresh = Session(model)
    fresh.open(note)
    assert fresh.ask("Which ship?")[-1].text == answer.text


def test_alpha_one_says_what_dense_says(model, book):
    texts = []
    for options in ({"attention": "sparse", "alpha": 1.0}, {"attention": "dense"}):
        session = Session(model, max_answer_tokens=20, **options)
        done = session.open(book)[-1]
        assert done.attention.density == done.attention.recall == 1.0
        texts.append(session.ask("Which ship left on day 40?")[-1].text)
    assert texts[0] == texts[1] != ""


def test_memory_is_told_at_any_time(model, note):
    session = Session(model)
    assert session.engine.stats()[0].used_bytes > 0
    session.open(note)
    (use,) = session.engine.stats()
    assert 0 < use.used_bytes <= use.peak_bytes <= use.total_bytes
    assert 0 < use.driver_bytes < use.total_bytes
    assert use.weights_bytes > 16_384 * 32
    assert use.kv_bytes > 0


def test_memory_tells_the_cache_that_is_in_use(model, book):
    session = Session(model)
    session.cancel_at = lambda event: isinstance(event, PrefillProgress)
    session.open(book)
    (reading,) = session.of(PrefillProgress)
    kv_bytes = reading.devices[0].kv_bytes
    assert kv_bytes > 0
    assert session.engine.stats()[0].kv_bytes == 0  # a cache that is given up is let go
    session.cancel_at = None
    (done,) = (event for event in session.open(book) if isinstance(event, PrefillDone))
    assert done.devices[0].kv_bytes == session.engine.stats()[0].kv_bytes == kv_bytes


def test_a_document_too_long_is_refused_before_weights(model, book, no_weights):
    session = Session(model, max_context=2048)
    with pytest.raises(ContextOverflow, match=r"tokens too long.*2,048 of context") as caught:
        session.open(book)
    assert EXIT_CODES[caught.value.kind] == 4
    assert caught.value.hint
    assert kinds(session.said) == ["parse", "tokenize", "DocumentCounted"]


def test_more_context_than_the_model_has_is_refused(model, note, no_weights):
    session = Session(model, max_context=CONTEXT + 1)
    with pytest.raises(UsageError, match="reads 8,192 tokens at most, not 8,193"):
        session.open(note)
    assert not session.of(DocumentReady)


def test_less_context_is_what_counts(model, note):
    session = Session(model, max_context=512)
    session.open(note)
    (ready,) = session.of(DocumentReady)
    assert (ready.context_tokens, ready.reserve_tokens) == (512, 128)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("max_position_embeddings"), "does not declare how much"),
        (lambda c: c.update(max_position_embeddings=0), "does not declare how much"),
        (lambda c: c.update(max_position_embeddings="many"), "does not declare how much"),
        (None, "is not JSON"),
    ],
)
def test_a_config_that_does_not_tell_the_context(tmp_path, model, change, message):
    data = json.loads((model / "config.json").read_text())
    if change is not None:
        change(data)
    (tmp_path / "config.json").write_text(json.dumps(data) if change else "{")
    with pytest.raises(ModelError, match=message) as caught:
        context_of(EngineConfig(model=str(tmp_path)), tmp_path)
    assert caught.value.hint


def test_the_context_of_a_model_with_a_text_part(tmp_path):
    (tmp_path / "config.json").write_text('{"text_config": {"max_position_embeddings": 777}}')
    assert context_of(EngineConfig(), tmp_path) == 777
    assert context_of(EngineConfig(max_context=300), tmp_path) == 300


def test_a_model_under_the_home_folder(tmp_path, note, monkeypatch):
    write_model(tmp_path / "tiny")
    monkeypatch.setenv("HOME", str(tmp_path))
    session = Session("~/tiny")
    assert isinstance(session.open(note)[-1], PrefillDone)


def test_a_failed_open_forgets_the_document_before_it(model, note, tmp_path):
    session = Session(model)
    session.open(note)
    with pytest.raises(DocumentError):
        session.open(tmp_path / "missing.txt")
    with pytest.raises(AssertionError):
        session.ask("Which ship?")


@pytest.mark.parametrize("question", ["", "  \n\t"])
def test_an_empty_question_is_refused(model, note, question):
    session = Session(model)
    session.open(note)
    with pytest.raises(UsageError, match="empty"):
        session.ask(question)
    assert not session.of(TextDelta)
    assert isinstance(session.ask("Which ship?")[-1], Answer)


DOCUMENT_FIRST = """
import sys
from sa_chat.protocol.config import EngineConfig, OpenOptions
from sa_chat.protocol.errors import DocumentError, ModelError
from sa_chat.engine.session.local import LocalEngine

model, path = sys.argv[1:]
try:
    LocalEngine(EngineConfig(model=model), print).open(OpenOptions((path,)))
except (DocumentError, ModelError) as error:
    print(error.kind, *(name for name in ("torch", "transformers") if name in sys.modules))
"""


@pytest.mark.parametrize(
    ("wrong", "kind"), [("document", "document"), ("model", "model"), ("both", "model")]
)
def test_bad_input_is_told_before_anything_heavy_is_imported(model, note, tmp_path, wrong, kind):
    given = str(model) if wrong == "document" else str(tmp_path / "nothing")
    path = str(note) if wrong == "model" else str(tmp_path / "missing.txt")
    command = [sys.executable, "-c", DOCUMENT_FIRST, given, path]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert output.splitlines()[-1] == kind
