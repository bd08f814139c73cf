"""Derives a `ChatText` from a Hugging Face chat template.

The template is rendered with sentinels in place of document, questions and answer; the text
between them is the chat format.  Any template works that leaves earlier turns unchanged when a
turn is appended, whatever it does with system prompts or thinking.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sa_chat.protocol.errors import ModelError

from .chat import DOCUMENT_END, DOCUMENT_START, INSTRUCTION, ChatText
from .damage import first_line

Message = dict[str, str]
Render = Callable[[Sequence[Message]], str]

_DOCUMENT = "sentinel7d41document"
_QUESTION = "sentinel7d41question"
_ANSWER = "sentinel7d41answer"
_NEXT = "sentinel7d41next"


def split_template(render: Render, model: str) -> ChatText:
    """The chat format of a template.

    Raises `ModelError` if the template rewrites earlier turns, or fails.

    Args:
        render: gives the text of a conversation up to the start of the next answer.
        model: its name, for messages.
    """
    content = f"{INSTRUCTION}\n\n{DOCUMENT_START}{_DOCUMENT}{DOCUMENT_END}{_QUESTION}"
    first: list[Message] = [{"role": "user", "content": content}]
    later = [
        *first,
        {"role": "assistant", "content": _ANSWER},
        {"role": "user", "content": _NEXT},
    ]
    head, doc_end, generation = _cut(_render(render, first, model), (_DOCUMENT, _QUESTION), model)
    head2, doc_end2, _, separator, generation2 = _cut(
        _render(render, later, model), (_DOCUMENT, _QUESTION, _ANSWER, _NEXT), model
    )
    if (head, doc_end, generation) != (head2, doc_end2, generation2):
        raise _unfit(model, "it changes earlier turns when a turn is added")
    return ChatText(head, doc_end, generation, separator)


def _render(render: Render, messages: Sequence[Message], model: str) -> str:
    try:
        return render(messages)
    except Exception as error:
        # Templates are programs by the model's authors and may raise any exception.
        raise _unfit(model, first_line(error)) from error


def _cut(text: str, sentinels: Sequence[str], model: str) -> list[str]:
    pieces: list[str] = []
    for sentinel in sentinels:
        if text.count(sentinel) != 1:
            raise _unfit(model, "it drops or repeats messages")
        before, text = text.split(sentinel)
        pieces.append(before)
    return [*pieces, text]


def _unfit(model: str, why: str) -> ModelError:
    return ModelError(
        f"The chat template of {model} cannot be used: {why}.",
        "Choose an instruction-tuned model with a user/assistant chat template.",
    )
