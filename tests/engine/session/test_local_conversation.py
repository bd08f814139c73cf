"""Questions and answers over a document in the cache, with a real, tiny model.

Where an answer must be known, its tokens are chosen by a script; logits, cache and streaming
stay real.
"""

from collections import deque

import pytest
from local_models import write_book, write_model

from sa_chat.engine.runtime import ModelRunner
from sa_chat.engine.session.local import LocalEngine
from sa_chat.engine.tokens import load_tokenizer
from sa_chat.protocol.config import EngineConfig, OpenOptions
from sa_chat.protocol.errors import ContextOverflow
from sa_chat.protocol.events import Answer, TextDelta

WORDS = 6


class Chat:
    """A document that is open, and the questions about it."""

    def __init__(self, model, path, **config):
        self.said = []
        self.on_event = lambda event: None
        options = {"device": "cpu", "max_answer_tokens": WORDS, **config}
        self.engine = LocalEngine(EngineConfig(model=str(model), **options), self._hear)
        self.engine.open(OpenOptions((str(path),)))

    def _hear(self, event):
        self.said.append(event)
        self.on_event(event)

    def ask(self, question, replaces_last=False):
        """The answer's deltas, and the answer."""
        before = len(self.said)
        self.engine.ask(question, replaces_last)
        *deltas, answer = self.said[before:]
        assert all(isinstance(delta, TextDelta) for delta in deltas)
        assert isinstance(answer, Answer)
        assert answer.question == question
        return [delta.text for delta in deltas], answer

    def cancel_after(self, deltas):
        """Cancel the next answer when so many deltas are out."""
        left = deltas

        def hear(event):
            nonlocal left
            if isinstance(event, TextDelta):
                left -= 1
                if left == 0:
                    self.engine.cancel()

        self.on_event = hear


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def plain_model(tmp_path_factory):
    """Without a chat template, so that answers end by a stop text."""
    return write_model(tmp_path_factory.mktemp("plain"), template=False)


@pytest.fixture(scope="module")
def note(tmp_path_factory):
    return write_book(tmp_path_factory.mktemp("note") / "note.txt", 8)


@pytest.fixture
def chat(model, note):
    return Chat(model, note)


@pytest.fixture
def script(monkeypatch):
    """`script(ids)`: the next answers take these tokens, one after another."""

    def play(ids):
        left = iter(ids)

        def scripted(runner, logits, **options):
            return decode(runner, logits, **{**options, "choose": lambda logits: next(left)})

        decode = ModelRunner.decode
        monkeypatch.setattr(ModelRunner, "decode", scripted)

    return play


def tokens_of(model, *texts):
    """Each text as tokens of its own."""
    tokenizer = load_tokenizer(model)
    return [token for text in texts for token in tokenizer.encode(text)]


def end_of_answer(model):
    return [min(load_tokenizer(model).stop_ids)]


def cache_length(chat):
    return chat.engine.opened.runner.length


def document_length(chat):
    return chat.engine.opened.conversation.document_tokens


def test_deltas_join_to_the_answer(chat):
    deltas, answer = chat.ask("Which ship left on day 3?")
    assert "".join(deltas).strip() == answer.text != ""
    assert all(deltas)
    assert (answer.tokens, answer.stop_reason) == (WORDS, "length")
    assert answer.tokens_per_s > 0
    assert answer.question_ttft_s > 0


def test_a_stop_token_ends_the_answer_and_is_no_part_of_it(model, chat, script):
    words = tokens_of(model, "It left", " early.")
    script([*words, *end_of_answer(model)])
    deltas, answer = chat.ask("When did it leave?")
    assert answer.text == "".join(deltas) == "It left early."
    assert (answer.stop_reason, answer.tokens) == ("stop", len(words))
    assert answer.tokens_per_s > 0


def test_an_answer_without_any_text(model, chat, script):
    script(end_of_answer(model))
    deltas, answer = chat.ask("When did it leave?")
    assert deltas == []
    assert (answer.text, answer.tokens, answer.stop_reason) == ("", 0, "stop")
    assert answer.tokens_per_s == 0.0
    assert answer.question_ttft_s > 0


def test_quotations_are_found_in_the_document(model, note, script):
    chat = Chat(model, note, max_answer_tokens=200)
    quote = "Paragraph 3 says that ship number 111 left the harbour on day 3."
    script([*tokens_of(model, f"Ship 111.\n\n> {quote}"), *end_of_answer(model)])
    _, answer = chat.ask("Which ship left on day 3?")
    (citation,) = answer.citations
    assert (citation.quote, citation.verified, citation.line) == (quote, True, 5)


def test_an_answer_that_repeats_itself_is_ended_and_kept_once(model, note, script):
    begun, again = tokens_of(model, "Ship 111 left."), tokens_of(model, " It sailed on and on")
    chat = Chat(model, note, max_answer_tokens=400)
    to_say = deque([*begun, *(100 * again)])
    script(iter(to_say.popleft, None))
    deltas, answer = chat.ask("Which ship left on day 3?")
    assert answer.stop_reason == "repetition"
    assert 96 <= answer.tokens <= len(begun) + 96 + len(again)
    assert answer.text.startswith("Ship 111 left. It sailed on and on It sailed")
    assert "".join(deltas).strip() == answer.text
    turn = load_tokenizer(model).chat.turn(tokens_of(model, answer.question), True)
    kept = cache_length(chat) - document_length(chat) - len(turn)
    assert len(begun) <= kept <= len(begun) + len(again)
    to_say.clear()
    to_say.extend([*begun, *end_of_answer(model)])
    assert chat.ask("And then?")[1].text == "Ship 111 left."


def test_a_stopped_quotation_is_held_to_its_whole_words(model, note, script):
    texts = ("> Paragraph 3 says that ship number 111", " left the har")
    ids = tokens_of(model, *texts)
    chat = Chat(model, note, max_answer_tokens=len(ids))
    for reason in ("length", "cancelled"):
        script([*ids, *ids])
        if reason == "cancelled":
            chat = Chat(model, note, max_answer_tokens=200)
            chat.cancel_after(len(ids))
        _, answer = chat.ask("Which ship left on day 3?")
        assert (answer.stop_reason, answer.text) == (reason, "".join(texts))
        (citation,) = answer.citations
        assert citation.verified
        assert citation.quote == "Paragraph 3 says that ship number 111 left the"


def test_the_second_question_continues_on_the_cache(model, note, chat):
    chat.ask("Which ship left on day 3?")
    after_first = cache_length(chat)
    _, second = chat.ask("And on day 4?")
    assert cache_length(chat) > after_first > document_length(chat)
    fresh = Chat(model, note)
    fresh.ask("Which ship left on day 3?")
    assert fresh.ask("And on day 4?")[1].text == second.text
    alone = Chat(model, note)
    assert alone.ask("And on day 4?")[1].text != second.text


def test_cancelled_in_the_middle_keeps_what_was_said(model, note, chat):
    chat.cancel_after(3)
    deltas, answer = chat.ask("Which ship left on day 3?")
    assert answer.stop_reason == "cancelled"
    assert "".join(deltas).strip() == answer.text != ""
    assert 0 < answer.tokens < WORDS
    _, later = chat.ask("And on day 4?")
    assert later.stop_reason == "length"
    fresh = Chat(model, note, max_answer_tokens=answer.tokens)
    assert fresh.ask("Which ship left on day 3?")[1].text == answer.text
    fresh.engine.opened.conversation.max_answer_tokens = WORDS
    assert fresh.ask("And on day 4?")[1].text == later.text


@pytest.mark.parametrize("moment", ["while reading the question", "before the first token"])
def test_cancelled_before_the_first_token_leaves_no_trace(model, note, chat, monkeypatch, moment):
    def cancelled_extend(*args, **options):
        chat.engine.cancel()
        return extend(*args, **options)

    def extend_then_cancel(*args, **options):
        logits = extend(*args, **options)
        chat.engine.cancel()
        return logits

    extend = ModelRunner.extend
    before = cache_length(chat)
    with monkeypatch.context() as patch:
        reading = moment == "while reading the question"
        patch.setattr(ModelRunner, "extend", cancelled_extend if reading else extend_then_cancel)
        deltas, answer = chat.ask("Which ship left on day 3?")
    assert (deltas, answer.text, answer.tokens) == ([], "", 0)
    assert answer.stop_reason == "cancelled"
    assert answer.ttft.first_token_s == 0.0
    assert cache_length(chat) == before
    _, later = chat.ask("And on day 4?")
    assert later.ttft.first_token_s == later.question_ttft_s
    assert later.text == Chat(model, note).ask("And on day 4?")[1].text


def test_an_error_in_the_middle_leaves_no_trace(model, note, chat):
    def fail(event):
        if isinstance(event, TextDelta):
            raise RuntimeError("the listener failed")

    before = cache_length(chat)
    chat.on_event = fail
    with pytest.raises(RuntimeError, match="the listener"):
        chat.ask("Which ship left on day 3?")
    chat.on_event = lambda event: None
    assert cache_length(chat) == before
    assert chat.ask("And on day 4?")[1].text == Chat(model, note).ask("And on day 4?")[1].text


@pytest.mark.parametrize(
    "pieces",
    [
        (" It left.", "\nQuestion:", " never"),
        (" It left.", "\n", "Question", ":", " never"),
        (" It left.", "\nQ", "uest", "ion: Why", " never"),
        (" It left.", "\n\n", "\n", " never"),
    ],
)
def test_a_stop_text_ends_the_answer_and_is_never_shown(plain_model, note, script, pieces):
    chat = Chat(plain_model, note, max_answer_tokens=20)
    script(tokens_of(plain_model, *pieces))
    deltas, answer = chat.ask("When did it leave?")
    assert answer.stop_reason == "stop"
    assert answer.text == "It left."
    assert "".join(deltas) == " It left."
    kept = tokens_of(plain_model, pieces[0])
    frame = load_tokenizer(plain_model)
    turn = frame.chat.turn(frame.encode("When did it leave?"), True)
    assert cache_length(chat) == document_length(chat) + len(turn) + len(kept)


def test_what_only_looks_like_a_stop_text_is_said(plain_model, note, script):
    pieces = (" It left.", "\n", "Quest", " over.", "\n\n", "Q", "\nQuestion")
    ids = tokens_of(plain_model, *pieces)
    chat = Chat(plain_model, note, max_answer_tokens=len(ids))
    script(ids)
    deltas, answer = chat.ask("When did it leave?")
    assert "".join(deltas) == "".join(pieces)
    assert answer.text == "".join(pieces).strip()
    assert answer.stop_reason == "length"


def test_characters_in_several_tokens_come_whole(model, note, script):
    text = "Ünïcode: 鯨 🐳."
    ids = tokens_of(model, text)
    chat = Chat(model, note, max_answer_tokens=len(ids))
    script(ids)
    deltas, answer = chat.ask("What?")
    assert answer.text == "".join(deltas) == text
    assert not any("\ufffd" in delta for delta in deltas)
    assert len(deltas) < len(ids)


def test_where_the_room_is_used_up_earlier_turns_are_forgotten(model, note):
    chat = Chat(model, note, max_context=1024, max_answer_tokens=40)
    answers = [chat.ask("Which ship left on day 3?")[1] for _ in range(20)]
    assert all(answer.text for answer in answers)
    assert not answers[0].forgot_turns
    anew = [n for n, answer in enumerate(answers) if answer.forgot_turns]
    assert 2 <= anew[0] <= 8
    assert anew[1] == 2 * anew[0]
    # On the document alone the same question has the same answer.
    assert answers[anew[0]].text == answers[0].text


def test_an_answer_ends_where_the_room_does(model, note):
    chat = Chat(model, note, max_context=1024, max_answer_tokens=1000)
    _, answer = chat.ask("Which ship left on day 3?")
    assert answer.stop_reason == "length"
    assert 32 <= answer.tokens < 256
    assert chat.engine.opened.runner.cache.free == 0


def test_a_question_too_long_is_refused_and_nothing_is_forgotten(model, note):
    chat = Chat(model, note, max_context=1024)
    with pytest.raises(ContextOverflow, match=r"question is .* tokens too long"):
        chat.ask("why " * 400)
    chat.ask("Which ship left on day 3?")
    before = cache_length(chat)
    with pytest.raises(ContextOverflow, match=r"question is .* tokens too long"):
        chat.ask("why " * 400)
    assert cache_length(chat) == before


def test_a_question_in_the_place_of_the_last_forgets_it(model, note):
    edited, straight = Chat(model, note), Chat(model, note)
    edited.ask("Who is it?")
    edited.ask("What is a stone?")
    _, found = edited.ask("What is a bridge?", replaces_last=True)
    straight.ask("Who is it?")
    _, expected = straight.ask("What is a bridge?")
    assert found.text == expected.text
    assert edited.engine.opened.runner.cache.length == straight.engine.opened.runner.cache.length


def test_what_left_no_turn_replaces_none(chat):
    chat.ask("Who is it?")
    length = cache_length(chat)
    with pytest.raises(ContextOverflow):
        chat.engine.ask("stone " * 10_000, replaces_last=True)
    assert cache_length(chat) == length  # too long: the last turn is still there
    chat.engine.opened.conversation.ask("What is a stone?", lambda event: None, lambda: True)
    assert cache_length(chat) == length  # stopped before its first token
    chat.ask("What is a stone?", replaces_last=True)
    assert cache_length(chat) > length
