"""The embedded reader on a GPU: both readings of a document, and turns said before."""

import pytest
import torch
from local_models import write_book

from sa_chat.engine.runtime import ModelRunner
from sa_chat.engine.session.local import LocalEngine
from sa_chat.protocol.config import EngineConfig, OpenOptions
from sa_chat.protocol.errors import SaChatError
from sa_chat.protocol.events import Answer, PrefillDone
from sa_chat.protocol.values import PastTurn

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
QUESTION = "Which ship left on day 3?"
SAID = (PastTurn("Which ship left on day 4?", "Ship 148 did."),)


@pytest.fixture
def engine(tmp_path):
    """Open on a text of some ten thousand tokens, with what it says."""
    said = []
    engine = LocalEngine(EngineConfig(device="cuda"), said.append)
    book = write_book(tmp_path / "book.txt", 600)
    engine.open(OpenOptions((str(book),)), replay_turns=SAID)
    engine.said = said
    yield engine
    engine.close()


def test_both_readings_answer_and_both_caches_are_told(engine):
    done = engine.said[-1]
    assert isinstance(done, PrefillDone)
    assert done.attention.mode == "sparse"
    kv_bytes = sum(device.kv_bytes for device in done.devices)
    engine.compare(QUESTION, "dense", SAID)
    dense = next(e for e in reversed(engine.said) if isinstance(e, PrefillDone))
    assert dense.attention.mode == "dense"
    assert dense.attention.density == 1.0
    assert sum(device.kv_bytes for device in dense.devices) == 2 * kv_bytes
    second = engine.said[-1]
    assert isinstance(second, Answer)
    assert second.tokens > 0
    engine.ask(QUESTION)
    first = engine.said[-1]
    assert first.ttft.prefill_s == done.ttft.prefill_s  # the first reading is the one asked on
    assert first.tokens > 0


def test_no_room_for_a_second_reading_leaves_the_first_as_it_was(engine, monkeypatch):
    engine.ask(QUESTION)
    before = engine.said[-1].text
    held = torch.cuda.memory_allocated()

    def full(*arguments, **options):
        raise torch.OutOfMemoryError("no memory for this test")

    monkeypatch.setattr(ModelRunner, "prefill", full)
    with pytest.raises((SaChatError, torch.OutOfMemoryError)):
        engine.compare(QUESTION, "dense", SAID)
    assert torch.cuda.memory_allocated() - held < 2**21
    engine.ask(QUESTION, replaces_last=True)
    assert engine.said[-1].text == before
