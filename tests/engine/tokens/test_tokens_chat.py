"""Chat templates taken apart: what is appended turn by turn is what the template renders."""

from __future__ import annotations

import pytest
from tokenizers_for_tests import (
    BRACKETS,
    CHATML,
    FORGETFUL,
    REFUSING,
    REWRITING,
    SYSTEM_AND_STRIP,
    byte_level,
    sentence_piece_like,
)

from sa_chat.engine.tokens.chat import DOCUMENT_END, DOCUMENT_START, INSTRUCTION, plain_chat
from sa_chat.engine.tokens.hf_tokenizer import HFTokenizer
from sa_chat.engine.tokens.template import split_template
from sa_chat.protocol.errors import ModelError

DOCUMENT, QUESTION, ANSWER, NEXT = "The fox.\n", "Who?", "> The fox.", "And then?"


@pytest.mark.parametrize("template", [CHATML, SYSTEM_AND_STRIP, BRACKETS])
def test_appended_turns_equal_the_rendered_conversation(template: str) -> None:
    hf = byte_level(template)

    def render(messages: object) -> str:
        return str(
            hf.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True, enable_thinking=True
            )
        )

    chat = split_template(render, "m")
    content = f"{INSTRUCTION}\n\n{DOCUMENT_START}{DOCUMENT}{DOCUMENT_END}{QUESTION}"
    first = [{"role": "user", "content": content}]
    appended = chat.head + DOCUMENT + chat.doc_end + QUESTION + chat.generation
    assert appended == render(first)
    later = [*first, {"role": "assistant", "content": ANSWER}, {"role": "user", "content": NEXT}]
    blank = " " if template == BRACKETS else ""  # the model writes it
    appended += blank + ANSWER + chat.turn_separator + NEXT + chat.generation
    assert appended == render(later)


def test_special_tokens_of_the_frame_are_special() -> None:
    hf = byte_level(CHATML)
    start, end = hf.convert_tokens_to_ids(["<|im_start|>", "<|im_end|>"])
    tokenizer = HFTokenizer(hf, "m")
    assert tokenizer.chat.head[0] == start
    assert tokenizer.chat.generation[0] == end
    assert tokenizer.chat.turn_separator[0] == end
    assert end in tokenizer.stop_ids
    stream = tokenizer.detokenizer()
    thinking_off = "".join(map(stream.feed, tokenizer.chat.generation)) + stream.flush()
    assert thinking_off == "\nassistant\n<think>\n\n</think>\n\n"


def test_the_beginning_comes_once() -> None:
    hf = sentence_piece_like(BRACKETS)
    begin, end = hf.convert_tokens_to_ids(["<s>", "</s>"])
    tokenizer = HFTokenizer(hf, "m")
    assert tokenizer.chat.head[0] == begin
    assert tokenizer.chat.head.count(begin) == 1
    assert begin not in tokenizer.encode("text")
    assert tokenizer.chat.turn_separator[0] == end
    assert tokenizer.stop_ids == {end}


def test_without_a_template_the_format_is_plain() -> None:
    hf = sentence_piece_like()
    begin = hf.convert_tokens_to_ids("<s>")
    tokenizer = HFTokenizer(hf, "base")
    assert tokenizer.chat.head[0] == begin
    stream = tokenizer.detokenizer()
    turn = tokenizer.chat.turn(tokenizer.encode("Who?"), first=True)
    assert ("".join(map(stream.feed, turn)) + stream.flush()).endswith("Question: Who?\nAnswer:")
    assert "\nQuestion:" in tokenizer.chat.stop_texts
    assert plain_chat("").head.startswith("Answer questions")


@pytest.mark.parametrize(
    ("template", "why"),
    [(REWRITING, "changes earlier turns"), (FORGETFUL, "drops or repeats"), (REFUSING, "one turn")],
)
def test_templates_that_cannot_be_appended_to(template: str, why: str) -> None:
    with pytest.raises(ModelError, match=f"chat template of m cannot be used.*{why}"):
        HFTokenizer(byte_level(template), "m")
