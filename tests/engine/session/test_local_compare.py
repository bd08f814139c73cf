"""A second reading in the other mode, beside the one that is open, with a real, tiny model."""

import pytest
import torch
from local_models import write_book, write_model

from sa_chat.engine.session.local import LocalEngine
from sa_chat.engine.sparsity.sparse_attention import sparse_attention
from sa_chat.protocol.config import EngineConfig, OpenOptions
from sa_chat.protocol.errors import ContextOverflow, EngineError, UsageError
from sa_chat.protocol.events import (
    Answer,
    Cancelled,
    DocumentText,
    PrefillDone,
    PrefillProgress,
    TextDelta,
)
from sa_chat.protocol.values import PastTurn

QUESTION, NEXT = "Which ship left on day 3?", "And on day 40?"
LAYERS = 2


class Session:
    """An engine with the book open, what it said, and a way to cancel it from an event."""

    def __init__(self, model, book, attention=None, **config):
        self.said = []
        self.cancel_at = None
        config = {"device": "cpu", "max_answer_tokens": 6, **config}
        self.engine = LocalEngine(EngineConfig(model=str(model), **config), self._hear)
        self.engine.open(OpenOptions((str(book),)), attention)

    def _hear(self, event):
        self.said.append(event)
        if self.cancel_at is not None and isinstance(event, self.cancel_at):
            self.engine.cancel()

    def ask(self, question):
        return self._during(lambda: self.engine.ask(question))[-1]

    def compare(self, question, attention="dense", replay_turns=()):
        return self._during(lambda: self.engine.compare(question, attention, replay_turns))

    def _during(self, work):
        before = len(self.said)
        work()
        return self.said[before:]

    @property
    def kv_bytes(self):
        return self.engine.stats()[0].kv_bytes

    @property
    def length(self):
        return self.engine.opened.runner.cache.length


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """Some 3,000 tokens: two chunks."""
    return write_book(tmp_path_factory.mktemp("book") / "ships.txt", 130)


@pytest.fixture
def session(model, book):
    return Session(model, book)


def kinds(said):
    return list(dict.fromkeys(type(event) for event in said))


def of(kind, said):
    return [event for event in said if isinstance(event, kind)]


def test_the_second_reading_is_that_of_the_other_mode(model, book, session):
    first = of(PrefillDone, session.said)[0]
    said = session.compare(QUESTION)
    assert kinds(said) == [PrefillProgress, PrefillDone, TextDelta, Answer]
    (done,), answer = of(PrefillDone, said), said[-1]
    assert (first.attention.mode, done.attention.mode) == ("sparse", "dense")
    assert done.attention.density == 1.0
    assert answer.question == QUESTION
    assert answer.ttft.prefill_s == done.ttft.prefill_s != first.ttft.prefill_s
    assert answer.ttft.first_token_s == answer.question_ttft_s
    assert done.devices[0].kv_bytes == 2 * first.devices[0].kv_bytes == session.kv_bytes
    dense = Session(model, book, "dense")
    assert of(PrefillDone, dense.said)[0].attention.mode == "dense"
    assert answer.text == dense.ask(QUESTION).text != ""
    assert dense.compare(QUESTION, "sparse")[-1].text == session.ask(QUESTION).text


def test_the_open_reading_is_as_it_was(model, book, session):
    session.ask(QUESTION)
    length = session.length
    session.compare(NEXT)
    assert session.length == length
    fresh = Session(model, book)
    fresh.ask(QUESTION)
    assert session.ask(NEXT).text == fresh.ask(NEXT).text


def test_the_second_time_it_is_there_and_knows_only_what_it_is_told(model, book, session):
    past = (PastTurn(QUESTION, "Ship 111 did."),)
    first = session.compare(NEXT, replay_turns=past)
    again = session.compare(NEXT)
    assert kinds(again) == [PrefillDone, TextDelta, Answer]
    assert of(PrefillDone, again) == of(PrefillDone, first)
    alone = Session(model, book, "dense")
    assert again[-1].text == alone.ask(NEXT).text
    third = session.compare(NEXT, replay_turns=past)
    assert third[-1].text == first[-1].text != again[-1].text


def test_both_readings_share_what_is_not_of_their_mode(session):
    session.compare(QUESTION)
    first, second = session.engine.opened, session.engine.second
    assert first.context is second.context
    assert first.context.citations is second.context.citations
    assert first.context.verbatim is second.context.verbatim


def test_the_next_opening_lets_both_go(book, session):
    one = session.kv_bytes
    session.compare(QUESTION)
    assert session.kv_bytes == 2 * one
    session.engine.open(OpenOptions((str(book),)))
    assert session.kv_bytes == one
    session.compare(QUESTION)
    session.engine.close()
    assert session.kv_bytes == 0


@pytest.mark.parametrize("moment", [PrefillProgress, PrefillDone, TextDelta])
def test_cancelled_it_says_so_and_the_first_answers(model, book, session, moment):
    one = session.kv_bytes
    session.cancel_at = moment
    said = session.compare(QUESTION)
    assert said[-1] == Cancelled("compare")
    assert not of(Answer, said)
    session.cancel_at = None
    read = moment is not PrefillProgress
    assert session.kv_bytes == (2 if read else 1) * one  # what was read whole is kept
    assert session.ask(NEXT).text == Session(model, book).ask(NEXT).text
    again = session.compare(QUESTION)
    assert bool(of(PrefillProgress, again)) != read
    assert again[-1].text == Session(model, book, "dense").ask(QUESTION).text


def test_cancelled_while_it_is_told_of_earlier_turns(session):
    session.cancel_at = PrefillDone
    said = session.compare(QUESTION, replay_turns=(PastTurn(NEXT, "Ship 1480."),))
    assert kinds(said) == [PrefillProgress, PrefillDone, Cancelled]


class Fault:
    """Attention that fails at a call, and always from there on while it is `lasting`."""

    def __init__(self, error, call, lasting):
        self.error, self.left, self.lasting = error, call, lasting

    def __call__(self, *arguments, **options):
        self.left -= 1
        if self.left == 0 or (self.lasting and self.left < 0):
            raise self.error
        return sparse_attention(*arguments, **options)


@pytest.mark.parametrize(
    ("error", "call", "raised"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), LAYERS + 1, EngineError),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), LAYERS + 1, RuntimeError),
        (torch.OutOfMemoryError("CUDA out of memory."), 2 * LAYERS + 1, torch.OutOfMemoryError),
        (torch.OutOfMemoryError("CUDA out of memory."), 3 * LAYERS + 2, torch.OutOfMemoryError),
    ],
    ids=["reading", "allocating", "the question", "the answer"],
)
def test_without_memory_for_it_the_first_answers(
    model, book, session, monkeypatch, error, call, raised
):
    one, length = session.kv_bytes, session.length
    with monkeypatch.context() as patch:
        fault = Fault(error, call, lasting=raised is EngineError)
        patch.setattr("sa_chat.engine.attention.dense.sparse_attention", fault)
        with pytest.raises(raised):
            session.compare(QUESTION)
        assert fault.left <= 0
    assert (session.kv_bytes, session.length) == (one, length)
    assert session.engine.second is None
    assert session.ask(NEXT).text == Session(model, book).ask(NEXT).text
    assert kinds(session.compare(QUESTION)) == [PrefillProgress, PrefillDone, TextDelta, Answer]


def test_what_is_impossible_is_refused_before_anything_is_read(session):
    for question, attention, words in (
        (QUESTION, "sparse", "open in sparse mode already"),
        (QUESTION, "thick", "Unknown attention mode 'thick'"),
        (" \n", "dense", "question is empty"),
    ):
        with pytest.raises(UsageError, match=words) as raised:
            session.compare(question, attention)
        assert raised.value.hint
    assert not of(PrefillProgress, session.said[-1:])
    assert session.engine.second is None
    with pytest.raises(UsageError, match="Unknown attention mode"):
        session.engine.open(OpenOptions(("a.txt",)), "thick")


def test_a_question_too_long_leaves_the_second_reading(session):
    with pytest.raises(ContextOverflow, match="too long"):
        session.compare("why " * 9_000)
    assert kinds(session.compare(QUESTION)) == [PrefillDone, TextDelta, Answer]


def test_chunks_and_deltas_tell_their_time(session):
    chunks = of(PrefillProgress, session.said)
    done = of(PrefillDone, session.said)[0]
    assert all(0 <= chunk.select_s <= chunk.seconds for chunk in chunks)
    assert chunks[-1].select_s == pytest.approx(done.ttft.select_s)
    said = session.compare(QUESTION)
    assert {chunk.select_s for chunk in of(PrefillProgress, said)} == {0.0}
    deltas = of(TextDelta, said)
    assert 1 <= deltas[0].tokens <= deltas[-1].tokens == said[-1].tokens
    assert deltas[0].seconds >= 0
    assert [delta.seconds for delta in deltas] == sorted(delta.seconds for delta in deltas)
    assert not of(DocumentText, session.said)
