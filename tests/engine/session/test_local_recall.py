"""Earlier turns in a new reading of the document, with a real, tiny model and the reader."""

import pytest
from local_models import write_book, write_model

from sa_chat.engine.runtime import ModelRunner
from sa_chat.engine.session.local import LocalEngine
from sa_chat.engine.tokens import load_tokenizer
from sa_chat.engine.tokens.turns import newest_turns
from sa_chat.protocol.config import EngineConfig, OpenOptions
from sa_chat.protocol.events import Cancelled, PrefillDone, PrefillProgress
from sa_chat.protocol.values import PastTurn

SAID = (
    PastTurn("Which ship left on day 3?", "Ship 111 did."),
    PastTurn("And on day 4?", "It was ship 148."),
)
NEXT = "Which was first?"
DECODE, EXTEND = ModelRunner.decode, ModelRunner.extend


class Chat:
    """An engine with a document open, and what it said."""

    def __init__(self, path, replay_turns=(), **config):
        self.said = []
        self.engine = LocalEngine(EngineConfig(device="cpu", **config), self.said.append)
        self.engine.open(OpenOptions((str(path),)), replay_turns=replay_turns)

    def ask(self, question, **how):
        self.engine.ask(question, **how)
        return self.said[-1]

    @property
    def cache(self):
        return self.engine.opened.runner.cache


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def plain_model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("plain"), template=False)


@pytest.fixture(scope="module")
def note(tmp_path_factory):
    return write_book(tmp_path_factory.mktemp("note") / "note.txt", 8)


@pytest.fixture
def say(monkeypatch):
    """`say(ids)`: the next answer is these tokens."""

    def play(ids):
        left = iter(ids)

        def scripted(runner, logits, **options):
            return DECODE(runner, logits, **{**options, "choose": lambda logits: next(left)})

        monkeypatch.setattr(ModelRunner, "decode", scripted)

    return play


@pytest.fixture
def read(monkeypatch):
    """The tokens that were put behind a document, but for those of answers as they were said."""
    ids = []

    def recording(runner, more, **options):
        ids.extend(more)
        return EXTEND(runner, more, **options)

    monkeypatch.setattr(ModelRunner, "extend", recording)
    return ids


@pytest.mark.parametrize("frame", ["model", "plain_model"])
def test_what_is_recalled_equals_what_was_said(request, note, say, read, monkeypatch, frame):
    folder = request.getfixturevalue(frame)
    tokenizer = load_tokenizer(folder)
    config = {"model": str(folder), "max_answer_tokens": 40}
    told = Chat(note, **config)
    blank = " " if frame == "plain_model" else ""  # behind "Answer:"
    for turn in SAID:
        answer = tokenizer.encode(blank + turn.text)
        say([*answer, min(tokenizer.stop_ids)])
        assert told.ask(turn.question).text == turn.text
        read.extend(answer)
    said = read.copy()
    read.clear()
    recalled = Chat(note, SAID, **config)
    assert read == said
    assert isinstance(recalled.said[-1], PrefillDone)
    assert recalled.cache.length == told.cache.length
    monkeypatch.setattr(ModelRunner, "decode", DECODE)
    answer = recalled.ask(NEXT)
    assert answer.text == told.ask(NEXT).text != Chat(note, **config).ask(NEXT).text
    assert not answer.forgot_turns
    assert answer.ttft.first_token_s == answer.question_ttft_s > 0


def test_the_reader_goes_on_where_it_was(note):
    told = Chat(note)
    said = tuple(PastTurn(turn.question, told.ask(turn.question).text) for turn in SAID)
    assert all(turn.text for turn in said)
    recalled = Chat(note, said)
    assert recalled.cache.length == told.cache.length
    assert recalled.ask(NEXT).text == told.ask(NEXT).text


def test_the_last_recalled_turn_can_be_replaced(model, note):
    edited, straight = (Chat(note, said, model=str(model)) for said in (SAID, SAID[:1]))
    found, expected = edited.ask(NEXT, replaces_last=True), straight.ask(NEXT)
    assert found.text == expected.text
    assert edited.cache.length == straight.cache.length


def test_the_newest_that_fit_are_recalled_and_the_rest_is_told(model, note):
    config = {"model": str(model), "max_context": 1024, "max_answer_tokens": 8}
    many = tuple(PastTurn(f"What of day {n}?", f"Nothing of note on day {n}.") for n in range(50))
    chat = Chat(note, many, **config)
    room = chat.cache.capacity - len(chat.engine.opened.context.prompt.ids)
    assert room // 4 <= chat.cache.free < room // 4 + 40
    some = Chat(note, many[-3:], **config)
    assert chat.cache.length > some.cache.length
    kept = newest_turns(many, chat.engine.tokenizer, room - (room + 3) // 4)
    assert 3 < len(kept) < 50
    exactly = Chat(note, many[-len(kept) :], **config)
    assert exactly.cache.length == chat.cache.length
    first, second = chat.ask(NEXT), chat.ask(NEXT)
    assert (first.forgot_turns, second.forgot_turns) == (True, False)
    assert first.text == exactly.ask(NEXT).text


def test_where_no_turn_fits_the_document_is_alone(model, note):
    chat = Chat(note, (PastTurn("Why?", "word " * 3000),), model=str(model), max_context=1024)
    assert chat.cache.length == len(chat.engine.opened.context.prompt.ids)
    alone = Chat(note, model=str(model), max_context=1024)
    assert chat.ask(NEXT).text == alone.ask(NEXT).text


def test_cancelled_while_recalling_is_a_cancelled_opening(model, note, monkeypatch):
    chat = Chat(note, model=str(model))

    def cancel_then_extend(*arguments, **options):
        chat.engine.cancel()
        return EXTEND(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(ModelRunner, "extend", cancel_then_extend)
        chat.engine.open(OpenOptions((str(note),)), replay_turns=SAID)
    assert chat.said[-1] == Cancelled("prefill")
    assert len([event for event in chat.said if isinstance(event, PrefillDone)]) == 1
    assert chat.engine.stats()[0].kv_bytes == 0
    chat.engine.open(OpenOptions((str(note),)), replay_turns=SAID)
    assert chat.ask(NEXT).text == Chat(note, SAID, model=str(model)).ask(NEXT).text


def test_what_is_open_is_not_read_again(model, note):
    chat = Chat(note, model=str(model))
    first = chat.ask(NEXT)
    cache, told = chat.cache, len(chat.said)
    chat.engine.open(OpenOptions((str(note),)))
    assert chat.cache is cache
    said = chat.said[told:]
    assert isinstance(said[-1], PrefillDone)
    assert not any(isinstance(event, PrefillProgress) for event in said)
    again = chat.ask(NEXT)
    assert again.text == first.text
    chat.engine.open(OpenOptions((str(note),)), attention="dense")
    assert chat.cache is not cache
    note_again = note.with_name("other.txt")
    note_again.write_text(note.read_text() + "One more line.\n")
    dense = chat.cache
    chat.engine.open(OpenOptions((str(note_again),)), attention="dense")
    assert chat.cache is not dense
